// Driver of Intel's 82574L (e1000e): one receive and one transmit ring of legacy descriptors, no interrupts. Register
// names, offsets and bits are those of the 82574 datasheet, chapter 10; the order of starting is its chapter 4.

import { UserError } from '../../../lib/errors.ts';
import type { LinkSpeed } from '../../dpif.ts';
import type { PairDoorbells, QueuePair, RingPlace } from '../provider.ts';
import { type FunctionDriver, formatMac, type Link, waitUntil } from './function-driver.ts';
import type { PciFunction, Registers } from './pci-function.ts';

export const INTEL_VENDOR = 0x8086;
/** 82574L and 82574LA. */
export const E1000E_DEVICES: readonly number[] = [0x10d3, 0x10f6];

const CTRL = 0x0000;
const STATUS = 0x0008;
const CTRL_EXT = 0x0018;
const IMC = 0x00d8;
const RCTL = 0x0100;
const TCTL = 0x0400;
const TIPG = 0x0410;
const RDBAL = 0x2800;
const RDT = 0x2818;
const RXDCTL = 0x2828;
const TDBAL = 0x3800;
const TDT = 0x3818;
const TXDCTL = 0x3828;
const RXCSUM = 0x5000;
const RFCTL = 0x5008;
const MTA = 0x5200;
const MTA_WORDS = 128;
const RAL0 = 0x5400;
const RAH0 = 0x5404;
const MRQC = 0x5818;

const CTRL_SLU = 0x40;
const CTRL_RST = 0x0400_0000;
/** What a driver before may have left: LRST, ILOS, FRCSPD, FRCDPLX, VME, PHY_RST. */
const CTRL_CLEAR = 0x08 | 0x80 | 0x800 | 0x1000 | 0x4000_0000 | 0x8000_0000;
const CTRL_EXT_DRV_LOAD = 0x1000_0000;
const STATUS_FD = 1;
const STATUS_LU = 2;
/** Bits 7:6 of STATUS. */
const SPEEDS = [10_000_000, 100_000_000, 1_000_000_000, 1_000_000_000];

const RCTL_EN = 0x2;
/** A switch's port takes every frame: UPE, MPE, BAM; without FCS: SECRC. */
const RCTL_EVERYTHING = 0x8 | 0x10 | 0x8000 | 0x0400_0000;
const RCTL_LPE = 0x20;
/** Buffer sizes by BSIZE and BSEX. */
const RCTL_BUFFERS: Readonly<Record<number, number>> = {
  2048: 0,
  4096: 0x0203_0000,
  8192: 0x0202_0000,
  16384: 0x0201_0000,
};
/** EN, PSP, collision threshold 15, collision distance 63 (full duplex). */
const TCTL_RUN = 0x2 | 0x8 | (0x0f << 4) | (0x3f << 12);
/** Recommended gaps: IPGT 8, IPGR1 8, IPGR2 6. */
const TIPG_DEFAULT = 0x0060_2008;
/** Thresholds in descriptors (GRAN), each written back at once; bit 22 must be set for transmit. */
const RXDCTL_EACH = 0x0101_0000;
const TXDCTL_EACH = 0x0141_0000;

const DESCRIPTOR_SIZE = 16;
const RESET_TRIES = 500;
const TAIL_BITS = 32;

export class E1000e implements FunctionDriver {
  readonly name = 'e1000e';
  readonly mac: string;
  readonly mtu = undefined;
  readonly queuePairMax = 1;
  readonly queueSizeMax = 4096;
  readonly ringKind = 'e1000e';
  readonly #device: PciFunction;
  readonly #registers: Registers;

  constructor(device: PciFunction) {
    this.#device = device;
    this.#registers = device.bar(0);
    this.mac = readMac(this.#registers);
  }

  async start([pair]: readonly QueuePair[]): Promise<readonly PairDoorbells[]> {
    const { rx, tx } = pair!;
    const bytes = rx.bufferSize ?? 0;
    const size = RCTL_BUFFERS[bytes];
    if (size === undefined) throw new UserError(`${this.#device.address} takes no buffers of ${bytes} bytes`);
    await this.#reset();
    const write = (at: number, value: number) => this.#registers.write(at, 4, value);
    for (let i = 0; i < MTA_WORDS; i++) write(MTA + 4 * i, 0);
    // Legacy descriptors, no checksums, one queue.
    for (const at of [RFCTL, RXCSUM, MRQC]) write(at, 0);
    this.#device.setBusMaster(true);
    this.#writeRing(RDBAL, rx);
    write(RXDCTL, RXDCTL_EACH);
    this.#writeRing(TDBAL, tx);
    write(TXDCTL, TXDCTL_EACH);
    write(TIPG, TIPG_DEFAULT);
    write(TCTL, TCTL_RUN);
    write(RCTL, RCTL_EN | RCTL_EVERYTHING | size | (bytes > 2048 ? RCTL_LPE : 0));
    // One stays unused: a tail at the head is an empty ring.
    write(RDT, rx.size - 1);
    const tail = (at: number) => ({ offset: this.#device.mapBar(0, at, 4), value: 0, bits: TAIL_BITS }) as const;
    return [{ rx: tail(RDT), tx: tail(TDT) }];
  }

  link(): Link {
    const status = this.#registers.read(STATUS, 4);
    // A function that is gone reads as ones.
    if (status === 0xffff_ffff) throw new UserError(`${this.#device.address}: its registers are gone`);
    const up = (status & STATUS_LU) !== 0;
    const bitsPerSecond = SPEEDS[(status >> 6) & 3]!;
    const speed: LinkSpeed = { bitsPerSecond, duplex: (status & STATUS_FD) !== 0 ? 'full' : 'half' };
    return { up, speed: up ? speed : undefined };
  }

  stop(): void {
    for (const [at, value] of [
      [IMC, 0xffff_ffff],
      [RCTL, 0],
      [TCTL, 0],
      [CTRL, CTRL_RST],
    ] as const)
      this.#registers.write(at, 4, value);
  }

  /** 4.6: interrupts off, a global reset, interrupts off again; then the link comes up by itself. */
  async #reset(): Promise<void> {
    const registers = this.#registers;
    this.stop();
    if (!(await waitUntil(() => (registers.read(CTRL, 4) & CTRL_RST) === 0, RESET_TRIES))) {
      throw new UserError(`${this.#device.address} does not come out of its reset`);
    }
    registers.write(IMC, 4, 0xffff_ffff);
    registers.write(CTRL, 4, ((registers.read(CTRL, 4) & ~CTRL_CLEAR) | CTRL_SLU) >>> 0);
    registers.write(CTRL_EXT, 4, (registers.read(CTRL_EXT, 4) | CTRL_EXT_DRV_LOAD) >>> 0);
  }

  /** xDBAL, xDBAH, xDLEN (bytes), xDH, xDT. */
  #writeRing(base: number, { desc, size }: RingPlace): void {
    const words = [Number(desc & 0xffff_ffffn), Number(desc >> 32n), size * DESCRIPTOR_SIZE];
    for (const [i, word] of words.entries()) this.#registers.write(base + 4 * i, 4, word);
    this.#registers.write(base + 0x10, 4, 0);
    this.#registers.write(base + 0x18, 4, 0);
  }
}

function readMac(registers: Registers): string {
  const low = registers.read(RAL0, 4);
  const high = registers.read(RAH0, 4);
  return formatMac([low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8].map((word) => word & 0xff));
}
