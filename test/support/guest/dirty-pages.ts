// What a front-end does with a guest that migrates: has writes to its memory noted in a log, and keeps a copy of the memory up
// to date by it, page by page, while the guest goes on.
import koffi from 'koffi';
import { VHOST_F_LOG_ALL } from '../../../datapath/port/vhost-user/features.ts';
import * as protocol from '../../../datapath/port/vhost-user/protocol.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { MAP_SHARED, memfd, mmap, PROT_READ, PROT_WRITE } from '../../../lib/syscalls/memory.ts';
import { bytesOf, u64 } from './front-end.ts';
import type { VhostGuest } from './vhost-guest.ts';

const PAGE = 4096;
const VHOST_VRING_F_LOG = 1;

export class DirtyPages {
  readonly #guest: VhostGuest;
  readonly #bits: Uint8Array;
  readonly fd: number;
  readonly copy: Uint8Array[];
  /** Guest addresses of the pages that were noted, so far. */
  readonly seen = new Set<bigint>();

  /** `offset`: where the log begins in its file. */
  private constructor(guest: VhostGuest, size: number, offset: number) {
    this.#guest = guest;
    this.fd = memfd('weft-test-log', offset + size);
    const address = mmap(0n, offset + size, PROT_READ | PROT_WRITE, MAP_SHARED, this.fd, 0n);
    this.#bits = new Uint8Array(koffi.view(address, offset + size), offset);
    this.copy = guest.memory.regions.map(({ bytes }) => bytes.slice());
  }

  /** As QEMU begins: the log, then the feature, then each ring's address once more. */
  static async start(guest: VhostGuest, offset = 0): Promise<DirtyPages> {
    const end = Math.max(...guest.memory.regions.map(({ guestAddr, size }) => Number(guestAddr) + size));
    const size = Math.ceil(end / PAGE / 8);
    const pages = new DirtyPages(guest, size, offset);
    const place = new Uint8Array([...u64(size), ...u64(offset)]);
    const answer = await guest.frontEnd.callU64(protocol.VHOST_USER_SET_LOG_BASE, place, [pages.fd]);
    if (answer !== 0n) throw new Error(`SET_LOG_BASE was answered with ${answer}`);
    await pages.#announce(true);
    // Whatever was written before it was noted is copied as it is now.
    for (const [index, { bytes }] of guest.memory.regions.entries()) pages.copy[index]!.set(bytes);
    return pages;
  }

  /** Nothing is noted any more. */
  stop(): Promise<void> {
    return this.#announce(false);
  }

  /** Fetches and clears the log, and copies what it names. */
  copyNoted(): void {
    for (let at = 0; at < this.#bits.length; at++) {
      if (this.#bits[at] === 0) continue;
      const byte = Atomics.exchange(this.#bits, at, 0);
      for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) this.#copyPage(BigInt(at * 8 + bit) * BigInt(PAGE));
    }
  }

  close(): void {
    close(this.fd);
  }

  #copyPage(guestAddr: bigint): void {
    this.seen.add(guestAddr);
    const { regions } = this.#guest.memory;
    const index = regions.findIndex((r) => guestAddr >= r.guestAddr && guestAddr < r.guestAddr + BigInt(r.size));
    if (index < 0) throw new Error(`a page outside of memory was noted: 0x${guestAddr.toString(16)}`);
    const at = Number(guestAddr - regions[index]!.guestAddr);
    this.copy[index]!.set(regions[index]!.bytes.subarray(at, at + PAGE), at);
  }

  async #announce(isLogging: boolean): Promise<void> {
    const { frontEnd, features } = this.#guest;
    const wanted = isLogging ? features | (1n << VHOST_F_LOG_ALL) : features;
    if (!(await frontEnd.acknowledged(protocol.VHOST_USER_SET_FEATURES, u64(wanted)))) throw new Error('refused');
    for (const queue of this.#guest.queues) {
      if (!queue) continue;
      const { desc, avail, used } = queue.ring;
      const addr = bytesOf(40);
      const view = new DataView(addr.buffer);
      view.setUint32(0, queue.index, true);
      view.setUint32(4, isLogging ? VHOST_VRING_F_LOG : 0, true);
      for (const [i, part] of [desc, used, avail].entries()) view.setBigUint64(8 + i * 8, part.userAddr, true);
      view.setBigUint64(32, used.guestAddr, true);
      if (!(await frontEnd.acknowledged(protocol.VHOST_USER_SET_VRING_ADDR, addr))) throw new Error('refused');
    }
  }
}
