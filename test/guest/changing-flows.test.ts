// Bursts whose packets belong to many megaflows: every one is found, credited and sent where its flow says, in order,
// whatever the flows' masks read.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { DpFlow } from '../../datapath/dpif.ts';
import * as K from '../../datapath/layout/flow-key.ts';
import { DatapathRig } from '../support/guest/datapath-rig.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';
import { Random } from '../support/random-frames.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const FLOWS = 40;
const FRAMES = 600;
const BATCH = 60;

let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start();
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

/** UDP to 10.0.0.0 + `flow`, port 1000 + `flow`, with a number in its payload. */
function udpFrame(flow: number, sequence: number, size: number): Buffer {
  const frame = Buffer.alloc(size);
  frame.write('0200000000010200000000020800', 'hex');
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(size - 14, 16);
  frame.writeUInt8(64, 22);
  frame.writeUInt8(17, 23);
  frame.writeUInt32BE(0x0a0000ff, 26);
  frame.writeUInt32BE(0x0a000000 + flow, 30);
  frame.writeUInt16BE(1000, 34);
  frame.writeUInt16BE(1000 + flow, 36);
  frame.writeUInt16BE(size - 34, 38);
  frame.writeUInt32BE(sequence, 42);
  return frame;
}

interface MaskCase {
  readonly reads: string;
  readonly fields: readonly (readonly [offset: number, size: number, value: (flow: number) => number])[];
}

const ADDRESS = [K.KEY_NW_DST, 4, (flow: number) => 0x0a000000 + flow] as const;
const PORT = [K.KEY_TP_DST, 2, (flow: number) => 1000 + flow] as const;
const HASH = [K.KEY_DP_HASH, 4, () => 0] as const;
const CASES: readonly MaskCase[] = [
  { reads: 'an address', fields: [ADDRESS] },
  { reads: 'an address and a port', fields: [ADDRESS, PORT] },
  { reads: 'an address and a word far behind', fields: [ADDRESS, HASH] },
];

it.each(CASES)(`a burst of many flows, masks read $reads (seed ${SEED})`, async ({ fields }) => {
  const random = new Random(SEED);
  const [a, b] = await rig.pair({ queueSize: 256 }, { queueSize: 256 });
  const answered: number[] = [];
  // Of three flows each, one is a single output, one a list of actions, and one is not there.
  rig.dpif.setUpcallSink(({ key }) => {
    const flow = new DataView(key.buffer, key.byteOffset).getUint32(K.KEY_NW_DST) - 0x0a000000;
    answered.push(flow);
    return { actions: [{ type: 'output', port: b.port.odpPort }] };
  });
  const installed = new Map<number, DpFlow>();
  for (let flow = 0; flow < FLOWS; flow++) {
    if (flow % 3 === 2) continue;
    const [key, mask] = [Buffer.alloc(K.KEY_SIZE), Buffer.alloc(K.KEY_SIZE)];
    const all = [[K.KEY_IN_PORT, 4, () => a.port.odpPort] as const, ...fields];
    for (const [offset, size, value] of all) {
      key.writeUIntBE(value(flow), offset, size);
      mask.fill(0xff, offset, offset + size);
    }
    const output = { type: 'output', port: b.port.odpPort } as const;
    const actions = flow % 3 === 0 ? [output] : [{ type: 'trunc', maxLen: 9000 } as const, output];
    installed.set(flow, rig.dpif.flowPut({ key, mask, actions })!);
  }
  const before = a.port.stats();
  const sent: Buffer[] = [];
  const bytes = new Map<number, number>();
  for (let batch = 0; batch < FRAMES / BATCH; batch++) {
    const frames = Array.from({ length: BATCH }, () => {
      const frame = udpFrame(random.below(FLOWS), sent.length, 64 + random.below(100));
      sent.push(frame);
      return frame;
    });
    await Promise.all(frames.map((frame) => a.guest.sendFrame(frame)));
    const received = await b.guest.receiveFrames(BATCH, 30_000);
    const flowOf = (frame: Uint8Array) => frame[33]!;
    for (let flow = 0; flow < FLOWS; flow++) {
      const mine = frames.filter((frame) => flowOf(frame) === flow).map((frame) => frame.toString('hex'));
      const theirs = received.filter((frame) => flowOf(frame) === flow);
      expect(theirs.map((frame) => Buffer.from(frame).toString('hex'))).toEqual(mine);
    }
  }
  for (const frame of sent) bytes.set(frame[33]!, (bytes.get(frame[33]!) ?? 0) + frame.length);
  for (const [number, flow] of installed) {
    const packets = BigInt(sent.filter((frame) => frame[33] === number).length);
    const size = BigInt(bytes.get(number) ?? 0);
    const counted = () => flow.stats().packets === packets && flow.stats().bytes === size;
    await eventually(counted, `flow ${number} counts its packets`, 30_000);
  }
  const total = sent.reduce((sum, frame) => sum + frame.length, 0);
  const after = a.port.stats();
  const grown = (name: string) => BigInt(after[name]!) - BigInt(before[name]!);
  expect([grown('rx_packets'), grown('rx_bytes')]).toEqual([BigInt(FRAMES), BigInt(total)]);
  // Packets that came while one of their flow was being decided waited behind it.
  const unknown = sent.map((frame) => frame[33]!).filter((flow) => flow % 3 === 2);
  expect(new Set(answered)).toEqual(new Set(unknown));
});
