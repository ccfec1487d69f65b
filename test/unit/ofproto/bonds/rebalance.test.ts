import { describe, expect, it } from 'vitest';
import { Buckets } from '../../../../ofproto/bonds/bond-buckets.ts';
import type { MemberPort } from '../../../../ofproto/bonds/member-port.ts';
import { rebalance } from '../../../../ofproto/bonds/rebalance.ts';

const ports = ['p1', 'p2', 'p3'].map((name) => ({ name }) as MemberPort);

/** Loads in kB of buckets 0.., per member; what moved, as `bucket:from>to`. */
function run(...loads: readonly (readonly number[])[]): string[] {
  const { all } = new Buckets();
  let hash = 0;
  loads.forEach((list, i) => {
    for (const kB of list) {
      const bucket = all[hash++]!;
      bucket.port = ports[i];
      bucket.load = kB * 1024;
    }
  });
  const moves: string[] = [];
  rebalance(ports.slice(0, loads.length), all, ({ bucket, from, to }) => {
    moves.push(`${bucket.hash}:${from.name}>${to.name}`);
  });
  return moves;
}

// What Open vSwitch moved for the same loads.
describe('rebalance()', () => {
  it('moves the largest buckets that fit into half the difference', () => {
    expect(run([97, 39, 78, 136, 58, 117], [])).toEqual(['3:p1>p2', '5:p1>p2']);
    expect(run([200, 200, 30, 20], [])).toEqual(['0:p1>p2', '3:p1>p2']);
    expect(run([110, 100, 90, 80, 100, 60, 50, 40], [])).toEqual(['0:p1>p2', '1:p1>p2', '4:p1>p2']);
  });

  it('moves what is small when all else is too large', () => {
    expect(run([200, 50], [])).toEqual(['1:p1>p2']);
    expect(run([120, 30], [])).toEqual(['1:p1>p2']);
  });

  it('leaves a single bucket, small differences and small loads', () => {
    expect(run([150], [])).toEqual([]);
    expect(run([25, 21, 17, 13, 9, 5], [])).toEqual([]);
    expect(run([200, 60], [200, 40])).toEqual([]);
    expect(run([4000, 50], [4000])).toEqual([]);
  });

  it('passes over a member whose load cannot be divided', () => {
    expect(run([900], [200, 200], [])).toEqual(['1:p2>p3']);
  });

  it('gives a member that came back its share of the buckets that carry nothing', () => {
    const buckets = new Buckets();
    buckets.assign([ports[0]!]);
    for (const hash of [3, 200]) buckets.of(hash).credit(1, 60);
    expect(buckets.assign([ports[0]!, ports[1]!])).toBe(true);
    const count = (port: MemberPort) => buckets.all.filter((bucket) => bucket.port === port).length;
    expect([count(ports[0]!), count(ports[1]!)]).toEqual([128, 128]);
    expect([3, 200].map((hash) => buckets.of(hash).port)).toEqual([ports[0], ports[0]]);
    // What people moved stays where it is.
    buckets.of(9).port = ports[0];
    expect(buckets.assign([ports[0]!, ports[1]!])).toBe(false);
  });

  it('fades loads and gives the buckets of a lost member to the others in turn', () => {
    const buckets = new Buckets();
    expect(buckets.assign(ports)).toBe(true);
    buckets.of(256 + 7).credit(2, 301);
    buckets.fade();
    expect(buckets.of(7).load).toBe(150);
    expect(buckets.assign(ports)).toBe(false);
    const kept = buckets.all.filter(({ port }) => port !== ports[1]).map(({ hash, port }) => [hash, port]);
    buckets.assign([ports[0]!, ports[2]!]);
    for (const [hash, port] of kept) expect(buckets.of(hash as number).port).toBe(port);
    const share = buckets.all.filter(({ port }) => port === ports[0]).length;
    expect(share).toBeGreaterThan(120);
    expect(share).toBeLessThan(136);
    buckets.assign([]);
    expect(buckets.all.every(({ port }) => port === undefined)).toBe(true);
  });
});
