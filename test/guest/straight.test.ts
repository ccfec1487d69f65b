// Frames that go straight from one guest's buffer into another's, and those among them that cannot: same bytes, same
// order, same counters, whatever is mixed with what, and whatever the buffers are like.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import * as K from '../../datapath/layout/flow-key.ts';
import { DatapathRig } from '../support/guest/datapath-rig.ts';
import type { GuestOptions, SendOptions } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';
import { Random, soundFrame } from '../support/random-frames.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const FRAMES = 600;
const BATCH = 50;

let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start();
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

/** Untagged UDP over IPv4, `size` bytes of which some may be padding behind the IP datagram. */
function udpFrame(random: Random, size: number): Buffer {
  const frame = random.bytes(size);
  frame.write('0200000000010200000000020800', 'hex');
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(Math.min(size - 14, 28 + random.below(40)), 16);
  frame.writeUInt16BE(0x4000, 20);
  frame.writeUInt8(17, 23);
  return frame;
}

const isUdp = (frame: Uint8Array) => frame[12] === 0x08 && frame[13] === 0 && frame[23] === 17;
const hex = (frames: readonly Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString('hex'));

const GUESTS: readonly { readonly like: string; readonly from?: GuestOptions; readonly to?: GuestOptions }[] = [
  { like: 'plain buffers' },
  { like: 'merged buffers of 96 bytes', to: { rxBufferSize: 96 } },
  { like: 'no calls, small rings', from: { queueSize: 64, calls: false }, to: { queueSize: 128, calls: false } },
];

it.each(GUESTS)(`bursts of all kinds of frames, $like (seed ${SEED})`, async ({ from, to }) => {
  const random = new Random(SEED);
  const [a, b] = await rig.pair(from, { queueSize: 256, ...to });
  const output = { type: 'output', port: b.port.odpPort } as const;
  let asked = 0;
  rig.dpif.setUpcallSink(() => {
    asked++;
    return { actions: [output] };
  });
  // One narrow mask: in_port, Ethernet type, protocol, no tag. UDP is a single output; all else is asked for.
  const [key, mask] = [Buffer.alloc(K.KEY_SIZE), Buffer.alloc(K.KEY_SIZE)];
  const fields = [
    [K.KEY_IN_PORT, 4, a.port.odpPort],
    [K.KEY_ETH_TYPE, 2, 0x0800],
    [K.KEY_NW_PROTO, 1, 17],
    [K.KEY_VLAN0_TPID, 4, 0],
  ] as const;
  for (const [offset, size, value] of fields) {
    key.writeUIntBE(value, offset, size);
    mask.fill(0xff, offset, offset + size);
  }
  const flow = rig.dpif.flowPut({ key, mask, actions: [output] })!;
  const before = [a.port.stats(), b.port.stats()];
  const sent: Buffer[] = [];
  for (let batch = 0; batch < FRAMES / BATCH; batch++) {
    const oddity = random.pick([1, 4, 30]);
    const frames = Array.from({ length: BATCH }, () =>
      random.below(oddity) === 0 && oddity > 1 ? soundFrame(random) : udpFrame(random, 42 + random.below(120)),
    );
    sent.push(...frames);
    const parts = ({ length }: Buffer): SendOptions => (random.below(20) === 0 ? { parts: [12, 20, length - 20] } : {});
    await Promise.all(frames.map((frame) => a.guest.sendFrame(frame, parts(frame))));
    const received = await b.guest.receiveFrames(BATCH, 30_000);
    expect(hex(received.filter(isUdp))).toEqual(hex(frames.filter(isUdp)));
    expect(hex(received).toSorted()).toEqual(hex(frames).toSorted());
  }
  const bytes = sent.reduce((sum, frame) => sum + frame.length, 0);
  const grown = (port: 0 | 1, name: string) =>
    BigInt([a.port.stats(), b.port.stats()][port]![name]!) - BigInt(before[port]![name]!);
  const udp = sent.filter(isUdp);
  await eventually(() => flow.stats().packets === BigInt(udp.length), 'the flow counts its packets', 30_000);
  expect(flow.stats().bytes).toBe(BigInt(udp.reduce((sum, frame) => sum + frame.length, 0)));
  expect([grown(0, 'rx_packets'), grown(0, 'rx_bytes')]).toEqual([BigInt(FRAMES), BigInt(bytes)]);
  expect([grown(1, 'tx_packets'), grown(1, 'tx_bytes')]).toEqual([BigInt(FRAMES), BigInt(bytes)]);
  expect(asked).toBe(FRAMES - udp.length);
});

it('a full ring takes what it has room for, in order, and the rest is counted as dropped', async () => {
  const random = new Random(SEED);
  const [a, b] = await rig.pair({ queueSize: 256 }, { queueSize: 64 });
  await a.guest.sendFrame(udpFrame(random, 64));
  await b.guest.receiveFrames(1, 30_000);
  const before = b.port.stats();
  const grown = (name: string) => BigInt(b.port.stats()[name]!) - BigInt(before[name]!);
  const frames = Array.from({ length: 100 }, () => udpFrame(random, 60 + random.below(1000)));
  await Promise.all(frames.map((frame) => a.guest.sendFrame(frame)));
  await eventually(() => grown('tx_packets') + grown('tx_dropped') === 100n, 'every frame has its fate', 30_000);
  const arrived = Number(grown('tx_packets'));
  expect(arrived).toBeGreaterThanOrEqual(63);
  expect(hex(await b.guest.receiveFrames(arrived, 30_000))).toEqual(hex(frames.slice(0, arrived)));
});
