// An 82574L of software: the device's side of its two rings of legacy descriptors, honest unless it is told to lie.
import { SoftFunction } from './soft-function.ts';

const STATUS = 0x0008;
const RCTL = 0x0100;
const RDBAL = 0x2800;
const RDT = 0x2818;
const TDBAL = 0x3800;
const TDT = 0x3818;
const RAL0 = 0x5400;
const CTRL_RST = 0x0400_0000;

export class SoftE1000e extends SoftFunction {
  readonly vendorId = 0x8086;
  readonly deviceId = 0x10d3;
  #received = 0;
  #sent = 0;

  constructor() {
    super(0x20000);
    this.registers.onWrite = (at, value) => {
      if (at === 0 && (value & CTRL_RST) !== 0) this.reset();
    };
  }

  reset(): void {
    const { bytes } = this.registers;
    bytes.fill(0);
    // Link up, full duplex, 1000 Mb/s.
    bytes.writeUInt32LE(0x83, STATUS);
    bytes.set([0x52, 0x54, 0, 0, 0, 0xe1], RAL0);
    this.#received = 0;
    this.#sent = 0;
  }

  get receives(): boolean {
    return (this.registers.bytes.readUInt32LE(RCTL) & 2) !== 0;
  }

  /** The driver gets a frame if its ring has room; `length` and `status` of the descriptor may be untrue. */
  deliver(frame: Uint8Array, { length = frame.length, status = 3, errors = 0 } = {}): boolean {
    const tail = this.doorbell(RDT) || this.registers.bytes.readUInt32LE(RDT);
    if (!this.receives || this.#received === tail) return false;
    const at = this.#descriptor(RDBAL, this.#received);
    this.bytes(this.u64(at)[0]!, frame.length).set(frame);
    const word = BigInt(length) | (BigInt(status) << 32n) | (BigInt(errors) << 40n);
    Atomics.store(this.u64(at + 8n), 0, word);
    this.#received = (this.#received + 1) % this.#size(RDBAL);
    return true;
  }

  /** Frames that the driver sent since the last look. */
  sent(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    while (this.#sent !== this.doorbell(TDT)) {
      const at = this.#descriptor(TDBAL, this.#sent);
      const word = this.u64(at + 8n)[0]!;
      frames.push(this.bytes(this.u64(at)[0]!, Number(word & 0xffffn)).slice());
      Atomics.store(this.u64(at + 8n), 0, word | (1n << 32n));
      this.#sent = (this.#sent + 1) % this.#size(TDBAL);
    }
    return frames;
  }

  #size(base: number): number {
    return this.registers.bytes.readUInt32LE(base + 8) / 16;
  }

  #descriptor(base: number, index: number): bigint {
    return this.registers.bytes.readBigUInt64LE(base) + BigInt(16 * index);
  }
}
