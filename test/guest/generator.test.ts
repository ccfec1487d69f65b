// The generator guest's ring loop against a back-end written here: every frame right, every kind of harm counted.
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Guest } from '../../bench/guest/guest.ts';
import {
  CONTROL_BASE,
  CONTROL_SIZE,
  RAM_OFFSET,
  RX_AVAIL,
  RX_DESC,
  RX_USED,
  TX_AVAIL,
  TX_DESC,
  TX_USED,
} from '../../bench/guest/hot/layout.ts';
import { parseGeneratorOptions } from '../../bench/guest/options.ts';
import { GUEST_ADDR } from '../../bench/guest/ram.ts';
import { frameProblem } from '../../bench/guest/template.ts';

const RING = 64;
const HEADER = 12;
const NO_CREDIT_LIMIT = 0xffffffff;
const VRING_DESC_F_INDIRECT = 4;

interface Hot {
  _start(): void;
  prepare(guest: number): void;
  poll(guests: number, passes: number, spin: number): number;
}

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await WebAssembly.compile(readFileSync(new URL('../../dist/bench/guest/hot/guest.wasm', import.meta.url)));
});

/** Guest A sends, guest B receives, and in between a back-end that moves frames by hand. */
class Bench {
  readonly guests: Guest[];
  readonly hot: Hot;
  readonly #view: DataView;
  #taken = 0;
  #given = 0;

  constructor(instance: WebAssembly.Instance, memory: WebAssembly.Memory, words: readonly string[]) {
    const sides = ['--guest', 'side=a,role=tx,connect=/a', '--guest', 'side=b,role=rx,connect=/b'];
    const options = parseGeneratorOptions([...sides, '--ring', String(RING), '--no-hugepages', ...words]);
    this.hot = instance.exports as unknown as Hot;
    this.hot._start();
    this.guests = options.guests.map((spec, index) => new Guest(memory, index, spec, options));
    for (const index of this.guests.keys()) this.hot.prepare(index);
    this.#view = new DataView(memory.buffer);
  }

  get sender(): Guest {
    return this.guests[0]!;
  }

  get receiver(): Guest {
    return this.guests[1]!;
  }

  /** Takes every frame that A made available, returning the buffers last to first when `backwards`. */
  take(backwards = false): Buffer[] {
    const [desc, avail, used] = [TX_DESC, TX_AVAIL, TX_USED].map((field) => this.#field(0, field)) as number[];
    const count = (this.#view.getUint16(avail! + 2, true) - this.#taken) & 0xffff;
    const ids = Array.from({ length: count }, (_, k) =>
      this.#view.getUint16(avail! + 4 + ((this.#taken + k) % RING) * 2, true),
    );
    const frames = ids.map((id) => this.#frameOf(desc! + id * 16));
    if (backwards) ids.reverse();
    ids.forEach((id, k) => {
      this.#view.setUint32(used! + 4 + ((this.#taken + k) % RING) * 8, id, true);
    });
    this.#taken = (this.#taken + count) & 0xffff;
    this.#view.setUint16(used! + 2, this.#taken, true);
    return frames;
  }

  /** Puts frames into B's receive buffers. */
  give(frames: readonly Buffer[]): void {
    const [desc, avail, used] = [RX_DESC, RX_AVAIL, RX_USED].map((field) => this.#field(1, field)) as number[];
    for (const frame of frames) {
      const id = this.#view.getUint16(avail! + 4 + (this.#given % RING) * 2, true);
      const at = this.#offset(1, this.#view.getBigUint64(desc! + id * 16, true));
      new Uint8Array(this.#view.buffer, at, HEADER).set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
      new Uint8Array(this.#view.buffer, at + HEADER, frame.length).set(frame);
      this.#view.setUint32(used! + 4 + (this.#given % RING) * 8, id, true);
      this.#view.setUint32(used! + 8 + (this.#given % RING) * 8, HEADER + frame.length, true);
      this.#given = (this.#given + 1) & 0xffff;
    }
    this.#view.setUint16(used! + 2, this.#given, true);
  }

  /** Claims that `count` more of A's buffers were used than it ever posted. */
  lie(count: number): void {
    const used = this.#field(0, TX_USED);
    this.#view.setUint16(used + 2, this.#view.getUint16(used + 2, true) + count, true);
  }

  /** The frame behind a descriptor: after the header, or in the second entry of an indirect table. */
  #frameOf(desc: number, skip = HEADER): Buffer {
    const at = this.#offset(0, this.#view.getBigUint64(desc, true));
    if (this.#view.getUint16(desc + 12, true) & VRING_DESC_F_INDIRECT) return this.#frameOf(at + 16, 0);
    const size = this.#view.getUint32(desc + 8, true);
    return Buffer.from(new Uint8Array(this.#view.buffer, at + skip, size - skip));
  }

  #field(guest: number, field: number): number {
    return this.#view.getUint32(CONTROL_BASE + guest * CONTROL_SIZE + field, true);
  }

  #offset(guest: number, guestAddr: bigint): number {
    return this.#field(guest, RAM_OFFSET) + Number(guestAddr - GUEST_ADDR);
  }
}

let bench: Bench | undefined;
async function setUp(...words: string[]): Promise<Bench> {
  const memory = new WebAssembly.Memory({ initial: 65536, maximum: 65536, shared: true });
  bench = new Bench(await WebAssembly.instantiate(module, { env: { memory } }), memory, words);
  bench.sender.setCredit(NO_CREDIT_LIMIT);
  bench.hot.poll(2, 1, 0);
  return bench;
}
afterEach(() => {
  for (const guest of bench?.guests ?? []) guest.close();
  bench = undefined;
});

describe('a touching generator', () => {
  it.each(['64', '65', '1500'])('sends frames of %s bytes with right checksums, flows in turn', async (size) => {
    const frames = (await setUp('--mode', 'touching', '--size', size, '--flows', '5')).take();
    expect(frames.length).toBe(RING);
    for (const frame of frames) expect(frameProblem(frame)).toBeNull();
    const flows = frames.slice(0, 6).map((frame) => [frame.readUInt32LE(46), frame.readUInt32LE(50)]);
    expect(flows).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
      [0, 1],
    ]);
  });

  it('sends from indirect descriptors', async () => {
    const made = await setUp('--mode', 'touching', '--indirect');
    for (const frame of made.take()) expect(frameProblem(frame)).toBeNull();
  });

  it('keeps frames whole when buffers come back in another order', async () => {
    const made = await setUp('--mode', 'touching', '--flows', '3');
    for (let round = 0; round < 10; round++) {
      made.give(made.take(true));
      made.hot.poll(2, 1, 0);
    }
    expect(made.receiver.counters()).toMatchObject({
      ...{ rxPackets: RING * 10, rxBytes: RING * 10 * 64, gaps: 0, late: 0, badChecksum: 0, foreign: 0 },
    });
    expect(made.sender.counters().txPackets).toBe(RING * 10);
  });

  it('counts a lost, a late, a changed and a foreign frame', async () => {
    const made = await setUp('--mode', 'touching');
    const frames = made.take();
    frames[9]!.writeUInt8(frames[9]!.readUInt8(60) ^ 1, 60);
    const [third, fourth] = [frames[3]!, frames[4]!];
    frames[3] = fourth;
    frames[4] = third;
    frames.splice(6, 1);
    made.give([...frames, Buffer.alloc(60)]);
    made.hot.poll(2, 1, 0);
    expect(made.receiver.counters()).toMatchObject({
      ...{ rxPackets: RING, gaps: 1, late: 1, badChecksum: 1, foreign: 1 },
    });
  });

  it('sees through a VLAN tag', async () => {
    const made = await setUp('--mode', 'touching');
    const tag = Buffer.from([0x81, 0, 0, 100]);
    made.give(made.take().map((frame) => Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)])));
    made.hot.poll(2, 1, 0);
    expect(made.receiver.counters()).toMatchObject({ rxPackets: RING, gaps: 0, badChecksum: 0, foreign: 0 });
  });

  it('sends no more than its credit', async () => {
    const made = await setUp('--mode', 'touching');
    made.take();
    made.sender.setCredit(5);
    made.hot.poll(2, 4, 0);
    expect(made.take().length).toBe(5);
  });
});

describe('a saturating generator', () => {
  it('keeps the transmit ring full and takes what arrives', async () => {
    const made = await setUp();
    for (let round = 0; round < 5; round++) {
      const frames = made.take();
      expect(frames.length).toBe(RING);
      made.give(frames);
      made.hot.poll(2, 1, 0);
    }
    expect(made.receiver.counters().rxPackets).toBe(RING * 5);
  });

  it('rotates a pool of more flows than ring entries', async () => {
    const made = await setUp('--flows', String(RING + 10));
    const first = made.take();
    made.hot.poll(2, 1, 0);
    const flows = [...first, ...made.take()].map((frame) => frame.readUInt32LE(46));
    expect(flows.slice(0, RING + 12)).toEqual([...Array.from({ length: RING + 10 }, (_, flow) => flow), 0, 1]);
  });

  it('stops at a used index that jumps', async () => {
    const made = await setUp();
    made.lie(RING + 1);
    made.hot.poll(2, 1, 0);
    expect(made.sender.isBroken).toBe(true);
    expect(made.receiver.isBroken).toBe(false);
  });
});
