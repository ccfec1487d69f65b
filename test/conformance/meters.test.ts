// Meters and ingress policing on the real datapath: dummy ports, and a clock that the test moves.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dpif, DpMeterBand } from '../../datapath/dpif.ts';
import { VirtualClock } from '../../lib/clock.ts';
import { startDummyPair } from '../support/built-datapath.ts';

const IN = 1;
const OUT = 2;

let dpif: Dpif;
let clock: VirtualClock;
let sent: Buffer[] = [];

beforeAll(async () => {
  clock = new VirtualClock(1_000_000);
  dpif = await startDummyPair((frame) => sent.push(frame), clock);
  dpif.setUpcallSink(() => ({ actions: [{ type: 'output', port: OUT }] }));
});

beforeEach(() => {
  sent = [];
});

afterAll(() => dpif.close());

const settled = async () => {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** An IPv4 frame of `size` bytes with this TOS byte. */
function ipv4(size: number, tos = 0): Buffer {
  const frame = Buffer.alloc(size);
  frame.write('000000000002000000000001080045', 'hex');
  frame[15] = tos;
  frame.writeUInt16BE(size - 14, 16);
  frame.write('4011', 22, 'hex');
  frame.write('0a0000010a000002', 26, 'hex');
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += frame.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  frame.writeUInt16BE(sum ^ 0xffff, 24);
  return frame;
}

function band(unit: DpMeterBand['unit'], rate: number, burst: number, rest: Partial<DpMeterBand> = {}): DpMeterBand {
  return { unit, rate, burst, type: 'drop', precLevel: 0, ...rest };
}

/** Sends `n` frames through the meter; returns how many came out. */
async function offer(id: number, n: number, frame = ipv4(100)): Promise<number> {
  const before = sent.length;
  for (let i = 0; i < n; i++) {
    dpif.execute(frame, IN, [
      { type: 'meter', id },
      { type: 'output', port: OUT },
    ]);
    await settled();
  }
  return sent.length - before;
}

const drops = (reason: string) => dpif.pmdStats().reduce((sum, pmd) => sum + pmd.drops[reason]!, 0n);

describe('a meter', () => {
  it('lets a burst pass, then the rate, in packets', async () => {
    const id = dpif.meterAdd([band('packets', 1000, 20)])!;
    const before = drops('meter');
    expect(await offer(id, 30)).toBe(20);
    clock.warp(10);
    expect(await offer(id, 30)).toBe(10);
    clock.warp(1_000_000);
    expect(await offer(id, 30)).toBe(20);
    expect(drops('meter') - before).toBe(40n);
    expect(dpif.meterStats(id)).toEqual({
      packets: 90n,
      bytes: 9000n,
      bands: [{ packets: 40n, bytes: 4000n }],
    });
    dpif.meterDel(id);
  });

  it('counts bits of whole frames', async () => {
    // 8 kbit: ten frames of 100 bytes; 80 kbit/s: 100 such frames a second.
    const id = dpif.meterAdd([band('kbits', 80, 8)])!;
    expect(await offer(id, 15)).toBe(10);
    clock.warp(50);
    expect(await offer(id, 15)).toBe(5);
    clock.warp(100);
    expect(await offer(id, 15, ipv4(1000))).toBe(1);
    dpif.meterDel(id);
  });

  it.each([10, 1000, 100_000, 10_000_000])('keeps to %i packets/s', (rate) => {
    const id = dpif.meterAdd([band('packets', rate, 1)])!;
    const frame = ipv4(100);
    const passed = (n: number) => {
      const before = dpif.meterStats(id);
      for (let i = 0; i < n; i++) dpif.execute(frame, IN, [{ type: 'meter', id }]);
      const { packets, bands } = dpif.meterStats(id);
      return Number(packets - before.packets - (bands[0]!.packets - before.bands[0]!.packets));
    };
    // Time moves as it does for a PMD thread, and half as many packets again come as may pass.
    const stepMs = Math.max(1, 1000 / rate);
    const share = (rate * stepMs) / 1000;
    passed(3 * share + 1);
    const steps = 4;
    let total = 0;
    for (let i = 0; i < steps; i++) {
      clock.warp(stepMs);
      total += passed(Math.ceil(1.5 * share));
    }
    expect(total / (steps * share)).toBeCloseTo(1, 1);
    dpif.meterDel(id);
  });

  it('applies the band with the highest rate that is exceeded', async () => {
    const remark = band('packets', 10, 2, { type: 'dscp_remark', precLevel: 1 });
    const id = dpif.meterAdd([remark, band('packets', 20, 4)])!;
    // AF11 becomes AF12 between the two rates.
    expect(await offer(id, 6, ipv4(100, 10 << 2))).toBe(4);
    expect(sent.map((frame) => frame[15]! >> 2)).toEqual([10, 10, 12, 12]);
    const remarked = sent.at(-1)!;
    expect(remarked.toString('hex')).toBe(ipv4(100, 12 << 2).toString('hex'));
    dpif.meterDel(id);
  });

  it('remarks assured forwarding alone, as far as its precedences go', async () => {
    const id = dpif.meterAdd([band('packets', 1, 0, { type: 'dscp_remark', precLevel: 2 })])!;
    clock.warp(10_000);
    for (const dscp of [0, 10, 12, 14, 34, 46, 8]) await offer(id, 1, ipv4(100, dscp << 2));
    expect(sent.map((frame) => frame[15]! >> 2)).toEqual([0, 14, 14, 14, 38, 46, 8]);
    dpif.meterDel(id);
  });

  it('that is gone lets everything pass', async () => {
    const id = dpif.meterAdd([band('packets', 1, 1)])!;
    expect(await offer(id, 3)).toBe(1);
    dpif.meterSet(id, [band('packets', 1, 2)]);
    expect(await offer(id, 3)).toBe(2);
    dpif.meterDel(id);
    expect(await offer(id, 3)).toBe(3);
  });
});

describe('ingress policing', () => {
  it('drops what a port receives beyond its rate', async () => {
    dpif.setPolicer(IN, [band('packets', 1000, 5), band('kbits', 1_000_000, 1_000_000)]);
    const before = drops('policed');
    for (let i = 0; i < 8; i++) dpif.receive(ipv4(100), IN);
    await settled();
    expect([sent.length, drops('policed') - before]).toEqual([5, 3n]);
    clock.warp(3);
    for (let i = 0; i < 8; i++) dpif.receive(ipv4(100), IN);
    await settled();
    expect(sent).toHaveLength(8);
    dpif.setPolicer(IN, []);
    for (let i = 0; i < 8; i++) dpif.receive(ipv4(100), IN);
    await settled();
    expect(sent).toHaveLength(16);
  });
});
