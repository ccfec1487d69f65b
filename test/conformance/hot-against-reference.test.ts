// The hot module against a second parser and executor written for clarity, over frames from a seed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dpif } from '../../datapath/dpif.ts';
import { type DpAction, SET_LAYOUT, type SetHeader } from '../../datapath/dpif.ts';
import { startDummyPair } from '../support/built-datapath.ts';
import { damagedFrame, Random, soundFrame } from '../support/random-frames.ts';
import { executeActions } from '../support/reference/execute.ts';
import { parseFrame } from '../support/reference/parse.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const ROUNDS = 3000;
const HEADERS: readonly SetHeader[] = [
  'eth',
  'ipv4',
  'ipv6',
  'tcp',
  'udp',
  'icmp',
  'icmpv6',
  'arp',
  'nd',
  'mpls',
  'nsh',
];
const OUT = 2;

let dpif: Dpif;
let captured: Buffer[] = [];

beforeAll(async () => {
  dpif = await startDummyPair((frame) => captured.push(frame));
});

afterAll(() => dpif.close());

/** What left on the output port, in order. */
async function run(frame: Uint8Array, actions: readonly DpAction[]): Promise<string[]> {
  captured = [];
  dpif.execute(frame, 1, actions);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return captured.map((sent) => sent.toString('hex'));
}

function expected(frame: Uint8Array, actions: readonly DpAction[]): string[] {
  const sent: string[] = [];
  executeActions(frame, actions, {
    output: (_, bytes) => sent.push(Buffer.from(bytes).toString('hex')),
    userspace: () => {},
  });
  return sent;
}

/** The headers that a flow matching this frame could set. */
function settable(frame: Uint8Array): SetHeader[] {
  const { key, l4 } = parseFrame(frame, 1);
  const type = (key[12]! << 8) | key[13]!;
  const protocol = key[15]!;
  if (type === 0x0806) return ['eth', 'arp'];
  if (type === 0x8847 || type === 0x8848) return ['eth', 'mpls'];
  if (type === 0x894f) return ['eth', 'nsh'];
  const ip: SetHeader | undefined =
    l4 === undefined ? undefined : type === 0x0800 ? 'ipv4' : type === 0x86dd ? 'ipv6' : undefined;
  if (!ip) return ['eth'];
  // A first fragment's transport checksum covers bytes that are elsewhere: only adjusting it by the difference is right,
  // and the reference computes afresh.
  if (key[14] === 1) return ['eth'];
  const transports: Record<number, SetHeader> = { 6: 'tcp', 17: 'udp', 1: 'icmp', 58: 'icmpv6' };
  const transport = transports[protocol];
  const whole = key[14] === 0 && (key[48] !== 0 || key[49] !== 0);
  return transport && whole && (protocol === 1) === (ip === 'ipv4' && protocol === 1)
    ? ['eth', ip, transport]
    : ['eth', ip];
}

function randomSet(random: Random, header: SetHeader): DpAction {
  const size = SET_LAYOUT[header];
  const mask = Buffer.from(Array.from({ length: size }, () => random.pick([0, 0xff, 0xff, 0x0f])));
  return { type: 'set', header, value: random.bytes(size), mask };
}

/** Ways of putting headers on and taking them off that end with an Ethernet frame. */
function randomHeaders(random: Random): DpAction[] {
  const lse = () => random.bytes(4).readUInt32BE();
  const label = (): DpAction => ({ type: 'push_mpls', lse: lse(), ethertype: random.pick([0x8847, 0x8848]) });
  const nsh = (mdType: number): DpAction => ({
    type: 'push_nsh',
    header: Buffer.from([random.below(4), random.below(64), mdType, 3, ...random.bytes(4)]),
    metadata: random.bytes(mdType === 1 ? 16 : 4 * random.below(4)),
  });
  const ethernet = (): DpAction => ({ type: 'push_eth', src: random.bytes(6), dst: random.bytes(6) });
  const bottom: DpAction = { type: 'add_mpls', lse: lse() | 0x100, ethertype: 0x8847 };
  return random.pick<() => DpAction[]>([
    () => [label(), label(), randomSet(random, 'mpls'), { type: 'pop_mpls', ethertype: 0x8847 }],
    () => [label(), { type: 'pop_mpls', ethertype: 0x0800 }],
    () => [nsh(1), randomSet(random, 'nsh'), ethernet()],
    () => [nsh(2), ethernet(), randomSet(random, 'eth')],
    () => [nsh(1), ethernet(), { type: 'pop_eth' }, { type: 'pop_nsh' }],
    () => [bottom, label(), ethernet()],
    () => [bottom, { type: 'pop_mpls', ethertype: 0x6558 }],
  ])();
}

describe('hot module against the reference', () => {
  it.each([1, 0])(`extract() fills the same key with vlan-limit %i (seed ${SEED})`, (vlanLimit) => {
    dpif.configure({ vlanLimit });
    const random = new Random(SEED + vlanLimit);
    for (let i = 0; i < ROUNDS; i++) {
      const frame = random.below(2) === 0 ? soundFrame(random) : damagedFrame(random);
      const { key } = parseFrame(frame, 1, vlanLimit);
      const text = `case ${i}: ${frame.toString('hex')}`;
      expect(Buffer.from(dpif.extract(frame, 1)).toString('hex'), text).toBe(Buffer.from(key).toString('hex'));
    }
  });

  it(`execute() sends the same bytes (seed ${SEED})`, async () => {
    const random = new Random(SEED + 1);
    for (let i = 0; i < ROUNDS / 3; i++) {
      const frame = soundFrame(random);
      const actions: DpAction[] = [];
      // The reference parses again after a push, and like any parser here it looks behind two tags at most.
      let tags = Number(frame[12] === 0x81 || frame[12] === 0x88) * 2;
      for (let n = 1 + random.below(3); n > 0; n--) {
        const header = random.pick(settable(frame).filter((name) => HEADERS.includes(name)));
        actions.push(randomSet(random, header), { type: 'output', port: OUT });
        if (tags < 2 && random.below(3) === 0) {
          actions.push({ type: 'push_vlan', tpid: 0x8100, tci: 0x1000 | random.below(4096) });
          tags++;
        }
        if (random.below(6) === 0) actions.push({ type: 'trunc', maxLen: 14 + random.below(80) });
      }
      actions.push({ type: 'output', port: OUT });
      const text = `case ${i}: ${JSON.stringify(actions)} on ${frame.toString('hex')}`;
      expect(await run(frame, actions), text).toEqual(expected(frame, actions));
    }
  });

  it(`headers come and go alike (seed ${SEED})`, async () => {
    const random = new Random(SEED + 2);
    for (let i = 0; i < ROUNDS / 6; i++) {
      const frame = soundFrame(random);
      const actions = [...randomHeaders(random), { type: 'output', port: OUT } as const];
      const text = `case ${i}: ${JSON.stringify(actions)} on ${frame.toString('hex')}`;
      expect(await run(frame, actions), text).toEqual(expected(frame, actions));
    }
  });

  it('check_pkt_len chooses by the length of the frame', async () => {
    for (const length of [99, 100, 101]) {
      const frame = Buffer.alloc(length, 1);
      const mark = (byte: number): DpAction[] => [
        { type: 'set', header: 'eth', value: Buffer.alloc(12, byte), mask: Buffer.alloc(12, 0xff) },
        { type: 'output', port: OUT },
      ];
      const check: DpAction = { type: 'check_pkt_len', size: 100, greater: mark(2), lessEqual: mark(3) };
      const sent = await run(frame, [check, { type: 'output', port: OUT }]);
      expect(sent.map((hex) => hex.slice(0, 2))).toEqual([length > 100 ? '02' : '03', '01']);
    }
  });

  it('a tag pushed and popped leaves the frame as it was', async () => {
    const frame = soundFrame(new Random(7));
    const actions: DpAction[] = [
      { type: 'push_vlan', tpid: 0x88a8, tci: 0x1005 },
      { type: 'pop_vlan' },
      { type: 'output', port: OUT },
    ];
    expect(await run(frame, actions)).toEqual([frame.toString('hex')]);
  });

  it('clone leaves the original alone', async () => {
    const frame = soundFrame(new Random(8));
    const rewrite = randomSet(new Random(9), 'eth');
    const actions: DpAction[] = [
      { type: 'clone', actions: [rewrite, { type: 'output', port: OUT }] },
      { type: 'output', port: OUT },
    ];
    expect(await run(frame, actions)).toEqual(expected(frame, actions));
  });
});
