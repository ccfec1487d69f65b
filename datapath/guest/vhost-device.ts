// A front-end's device in the datapath: its memory table and rings as records that PMD threads read. Implements what
// vhost-user sessions ask for (datapath/port/vhost-user/services.ts). A ring stops in two steps: its record says so at
// once, and it is let go only when every thread has been quiescent, because only then is its last index final.

import { ProtocolError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { close, F_DUPFD_CLOEXEC, fcntl } from '../../lib/syscalls/fd.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import { BROKEN_REASONS } from '../drop-reasons.ts';
import { BROKEN_DESC_ADDRESS, BROKEN_NOT_MAPPABLE } from '../layout/drop-reasons.ts';
import {
  VRING_AVAIL,
  VRING_BROKEN_REASON,
  VRING_CALL_FD,
  VRING_DESC,
  VRING_DEVICE,
  VRING_FAULT_ADDR,
  VRING_FLAG_INDIRECT,
  VRING_FLAG_LOG,
  VRING_FLAG_MRG_RXBUF,
  VRING_FLAGS,
  VRING_HDR_SIZE,
  VRING_INDEX,
  VRING_LAST_AVAIL,
  VRING_LOG,
  VRING_NUM,
  VRING_PORT,
  VRING_REGION_HINT,
  VRING_SIZE,
  VRING_STATE,
  VRING_STATE_BROKEN,
  VRING_STATE_DISABLED,
  VRING_STATE_ENABLED,
  VRING_STATE_STOPPED,
  VRING_USED,
  VRING_USED_IDX,
  VRING_WANT_CHUNK,
  WANT_MAPPING,
  WANT_NOTHING,
  WANT_WANTED,
} from '../layout/vring.ts';
import type { HotExports } from '../pmd/hot-module.ts';
import type { GuestRegion, LogFile, RingSetup, VhostDevice } from '../port/vhost-user/services.ts';
import { DirtyLog } from './dirty-log.ts';
import { GuestMemory, type MemoryServices } from './guest-memory.ts';
import type { Rings } from './rings.ts';

const log = logger('netdev_dpdk');
const VIRTIO_NET_F_MRG_RXBUF = 1n << 15n;
const VIRTIO_F_INDIRECT_DESC = 1n << 28n;
const VIRTIO_F_VERSION_1 = 1n << 32n;
const NO_LOG = toOffset(0);

interface Ring {
  readonly index: number;
  readonly vring: Offset;
  readonly setup: RingSetup;
  /** As the guest has it; what the PMD threads see also depends on the port. */
  enabled: boolean;
  callFd: number;
  reported: boolean;
  /** Its LOG record, 0 when writes are not noted. */
  log: Offset;
}

export interface DeviceServices extends MemoryServices {
  readonly rings: Rings;
  /** The control thread's instance: guest memory is read through it. */
  readonly hot: Pick<HotExports, 'usedIndex'>;
}

export class ArenaVhostDevice implements VhostDevice {
  readonly #services: DeviceServices;
  readonly #portName: string;
  readonly #odpPort: number;
  readonly #onClose: () => void;
  #memory: GuestMemory | undefined;
  #adminUp = true;
  #log: DirtyLog | undefined;
  /** A chunk is being mapped for one of the rings. */
  #mapping = false;
  readonly #rings = new Map<number, Ring>();
  readonly #brokenListeners: ((index: number, reason: string) => void)[] = [];

  constructor(services: DeviceServices, portName: string, odpPort: number, onClose: () => void) {
    this.#services = services;
    this.#portName = portName;
    this.#odpPort = odpPort;
    this.#onClose = onClose;
  }

  setMemory(regions: readonly GuestRegion[]): void {
    let memory: GuestMemory;
    try {
      memory = GuestMemory.map(this.#services, regions);
    } catch (error) {
      for (const { fd } of regions) close(fd);
      throw error;
    }
    this.#replaceMemory(memory);
  }

  addMemory(region: GuestRegion): void {
    // The table is replaced whole; descriptors of the old one are closed with it, so the new one needs its own.
    this.setMemory([...this.#duplicated(), region]);
  }

  removeMemory(region: Omit<GuestRegion, 'fd'>): void {
    this.setMemory(
      this.#duplicated().filter((other) => {
        const same = other.guestAddr === region.guestAddr && other.size === region.size;
        if (same) close(other.fd);
        return !same;
      }),
    );
  }

  startRing(index: number, setup: RingSetup): void {
    const place = this.#place(setup);
    const start = this.#startIndex(index, setup, place.used);
    const { u32, i32 } = this.#services.arena.views;
    const vring = this.#services.heap.alloc(VRING_SIZE);
    const version1 = (setup.features & VIRTIO_F_VERSION_1) !== 0n;
    const mergeable = (setup.features & VIRTIO_NET_F_MRG_RXBUF) !== 0n;
    const indirect = (setup.features & VIRTIO_F_INDIRECT_DESC) !== 0n;
    u32[(vring + VRING_NUM) >> 2] = setup.size;
    u32[(vring + VRING_DESC) >> 2] = place.desc;
    u32[(vring + VRING_AVAIL) >> 2] = place.avail;
    u32[(vring + VRING_USED) >> 2] = place.used;
    u32[(vring + VRING_LAST_AVAIL) >> 2] = start;
    u32[(vring + VRING_USED_IDX) >> 2] = start;
    u32[(vring + VRING_DEVICE) >> 2] = this.#memory!.device;
    // virtio 1.2, 5.1.6: num_buffers is always there with VERSION_1, else only with MRG_RXBUF.
    u32[(vring + VRING_HDR_SIZE) >> 2] = version1 || mergeable ? 12 : 10;
    u32[(vring + VRING_FLAGS) >> 2] = (mergeable ? VRING_FLAG_MRG_RXBUF : 0) | (indirect ? VRING_FLAG_INDIRECT : 0);
    i32[(vring + VRING_CALL_FD) >> 2] = setup.callFd;
    u32[(vring + VRING_PORT) >> 2] = this.#odpPort;
    u32[(vring + VRING_INDEX) >> 2] = index;
    const ring = { index, vring, setup, enabled: setup.enabled, callFd: setup.callFd, reported: false, log: NO_LOG };
    this.#rings.set(index, ring);
    this.#noteIn(this.#log, ring);
    this.#setState(ring, this.#wantedState(ring));
    const queue = index >> 1;
    if (index & 1) {
      this.#services.rings.addRxq({ vring, odpPort: this.#odpPort, portName: this.#portName, queue });
    } else this.#services.rings.setTxq(this.#odpPort, queue, vring);
  }

  setRingEnabled(index: number, enabled: boolean): void {
    const ring = this.#rings.get(index);
    if (!ring) return;
    ring.enabled = enabled;
    this.#applyState(ring);
  }

  /** While the port is administratively down, what the guest transmits is consumed and discarded. */
  setAdminUp(up: boolean): void {
    this.#adminUp = up;
    for (const ring of this.#rings.values()) this.#applyState(ring);
  }

  setCallFd(index: number, fd: number): void {
    const ring = this.#rings.get(index);
    if (!ring) {
      if (fd >= 0) close(fd);
      return;
    }
    const old = ring.callFd;
    ring.callFd = fd;
    Atomics.store(this.#services.arena.views.i32, (ring.vring + VRING_CALL_FD) >> 2, fd);
    if (old >= 0) this.#services.quiescence.defer(() => close(old));
  }

  async stopRing(index: number): Promise<{ lastAvailIndex: number }> {
    const ring = this.#rings.get(index);
    if (!ring) return { lastAvailIndex: 0 };
    this.#rings.delete(index);
    this.#setState(ring, VRING_STATE_STOPPED);
    if (index & 1) this.#services.rings.removeRxq(ring.vring);
    else this.#services.rings.setTxq(this.#odpPort, index >> 1, undefined);
    await this.#services.quiescence.barrier();
    const lastAvailIndex = this.#services.arena.views.u32[(ring.vring + VRING_LAST_AVAIL) >> 2]!;
    if (ring.callFd >= 0) close(ring.callFd);
    this.#services.heap.free(ring.vring);
    if (ring.log !== NO_LOG) this.#services.heap.free(ring.log);
    return { lastAvailIndex };
  }

  async setLog(file: LogFile | undefined): Promise<void> {
    const old = this.#log;
    this.#log = file && new DirtyLog(this.#services, file);
    const records = [...this.#rings.values()].map((ring) => this.#noteIn(this.#log, ring));
    await this.#services.quiescence.barrier();
    for (const record of records) if (record !== NO_LOG) this.#services.heap.free(record);
    old?.release();
  }

  onRingBroken(listener: (index: number, reason: string) => void): void {
    this.#brokenListeners.push(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#rings.keys()].map((index) => this.stopRing(index)));
    const memory = this.#memory;
    this.#memory = undefined;
    if (memory) this.#services.quiescence.defer(() => memory.release());
    const log = this.#log;
    this.#log = undefined;
    if (log) this.#services.quiescence.defer(() => log.release());
    this.#onClose();
    await this.#services.quiescence.barrier();
  }

  /** Looks at what the datapath threads noted: broken rings are reported once, wanted chunks mapped. */
  poll(): void {
    for (const ring of this.#rings.values()) {
      this.#reportBroken(ring);
      this.#mapWanted(ring);
    }
  }

  /** Threads look at the flag first: the record is there before it and until no thread can have seen it. Returns the old record. */
  #noteIn(log: DirtyLog | undefined, ring: Ring): Offset {
    const { u32 } = this.#services.arena.views;
    const old = ring.log;
    const flags = (ring.vring + VRING_FLAGS) >> 2;
    if (log) {
      ring.log = log.record(ring.setup.usedLogAddr);
      Atomics.store(u32, (ring.vring + VRING_LOG) >> 2, ring.log);
      Atomics.store(u32, flags, u32[flags]! | VRING_FLAG_LOG);
    } else {
      ring.log = NO_LOG;
      Atomics.store(u32, flags, u32[flags]! & ~VRING_FLAG_LOG);
    }
    return old;
  }

  #reportBroken(ring: Ring): void {
    if (ring.reported || this.#state(ring) !== VRING_STATE_BROKEN) return;
    ring.reported = true;
    const number = this.#services.arena.views.u32[(ring.vring + VRING_BROKEN_REASON) >> 2]!;
    const reason = BROKEN_REASONS[number] ?? 'unknown';
    log.warn(`${this.#portName}: virtqueue ${ring.index} is broken: ${reason}`);
    for (const listener of this.#brokenListeners) listener(ring.index, reason);
  }

  /** One chunk of a guest at a time, each after quiescence: touching many gives it no more of the control thread. */
  #mapWanted(ring: Ring): void {
    const { u32, u64 } = this.#services.arena.views;
    const want = (ring.vring + VRING_WANT_CHUNK) >> 2;
    if (this.#mapping || !this.#memory || Atomics.load(u32, want) !== WANT_WANTED) return;
    this.#mapping = true;
    Atomics.store(u32, want, WANT_MAPPING);
    this.#memory.mapChunk(u64[(ring.vring + VRING_FAULT_ADDR) >> 3]!, (failure) => {
      this.#mapping = false;
      if (this.#rings.get(ring.index) === ring) {
        if (failure) this.#breakRing(ring, failure);
        Atomics.store(u32, want, WANT_NOTHING);
      }
      this.poll();
    });
  }

  /** A ring that is stopped meanwhile may go on in other memory. */
  #breakRing(ring: Ring, { message }: Error): void {
    if (this.#state(ring) === VRING_STATE_STOPPED) return;
    log.warn(`${this.#portName}: virtqueue ${ring.index}: ${message}`);
    this.#services.arena.views.u32[(ring.vring + VRING_BROKEN_REASON) >> 2] = BROKEN_NOT_MAPPABLE;
    this.#setState(ring, VRING_STATE_BROKEN);
  }

  #state(ring: Ring): number {
    return Atomics.load(this.#services.arena.views.u32, (ring.vring + VRING_STATE) >> 2);
  }

  #wantedState({ index, enabled }: Ring): number {
    const transmits = (index & 1) === 1;
    return enabled && (this.#adminUp || !transmits) ? VRING_STATE_ENABLED : VRING_STATE_DISABLED;
  }

  /** A ring out of service, broken or with its memory being replaced, stays so. */
  #applyState(ring: Ring): void {
    const state = this.#state(ring);
    if (state === VRING_STATE_ENABLED || state === VRING_STATE_DISABLED) this.#setState(ring, this.#wantedState(ring));
  }

  #setState(ring: Ring, state: number): void {
    Atomics.store(this.#services.arena.views.u32, (ring.vring + VRING_STATE) >> 2, state);
  }

  #duplicated(): GuestRegion[] {
    return (this.#memory?.regions ?? []).map((region) => ({ ...region, fd: fcntl(region.fd, F_DUPFD_CLOEXEC) }));
  }

  #replaceMemory(memory: GuestMemory): void {
    const old = this.#memory;
    this.#memory = memory;
    const paused = [...this.#rings.values()].map((ring) => this.#pause(ring));
    if (!old) return;
    this.#services.quiescence.defer(() => {
      for (const ring of paused) if (ring) this.#resume(ring);
      old.release();
    });
  }

  /** Takes a running ring out of service while its memory is replaced under it. */
  #pause(ring: Ring): Ring | undefined {
    const state = this.#state(ring);
    if (state !== VRING_STATE_ENABLED && state !== VRING_STATE_DISABLED) return undefined;
    this.#setState(ring, VRING_STATE_STOPPED);
    return ring;
  }

  /** Puts a paused ring on the new memory; one that no longer lies inside is broken. */
  #resume(ring: Ring): void {
    if (this.#rings.get(ring.index) !== ring || this.#state(ring) !== VRING_STATE_STOPPED) return;
    const { u32 } = this.#services.arena.views;
    try {
      const place = this.#place({ ...ring.setup, callFd: -1 });
      u32[(ring.vring + VRING_DESC) >> 2] = place.desc;
      u32[(ring.vring + VRING_AVAIL) >> 2] = place.avail;
      u32[(ring.vring + VRING_USED) >> 2] = place.used;
      u32[(ring.vring + VRING_DEVICE) >> 2] = this.#memory!.device;
      u32[(ring.vring + VRING_REGION_HINT) >> 2] = 0;
      this.#setState(ring, this.#wantedState(ring));
    } catch {
      u32[(ring.vring + VRING_BROKEN_REASON) >> 2] = BROKEN_DESC_ADDRESS;
      this.#setState(ring, VRING_STATE_BROKEN);
    }
  }

  /**
   * Where a ring goes on: behind what was given back last. A front-end that lost its back-end may not know (DPDK's
   * virtio-user says 0), and whatever it says, the guest's driver waits for that entry of the used ring.
   */
  #startIndex(index: number, { lastAvailIndex, callFd }: RingSetup, used: Offset): number {
    let usedIndex: number;
    try {
      usedIndex = this.#services.hot.usedIndex(used);
    } catch (error) {
      if (callFd >= 0) close(callFd);
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      throw new ProtocolError('vhost-user-ring-address', `the used ring of queue ${index} lies in memory that is gone`);
    }
    if (usedIndex !== lastAvailIndex) {
      const text = `vring ${index} was to start at ${lastAvailIndex}, and goes on behind its used index, ${usedIndex}`;
      log.info(`${this.#portName}: ${text}`);
    }
    return usedIndex;
  }

  #place(setup: RingSetup): { desc: Offset; avail: Offset; used: Offset } {
    try {
      return {
        desc: this.#part(setup.descAddr, setup.size * 16, 16, 'descriptor table'),
        avail: this.#part(setup.availAddr, 6 + setup.size * 2, 2, 'avail ring'),
        used: this.#part(setup.usedAddr, 6 + setup.size * 8, 4, 'used ring'),
      };
    } catch (error) {
      if (setup.callFd >= 0) close(setup.callFd);
      throw error;
    }
  }

  /** virtio 1.2, 2.7: alignment 16, 2 and 4. A misaligned atomic access would trap. */
  #part(addr: bigint, size: number, alignment: number, name: string): Offset {
    const at = this.#memory?.translate(addr, size);
    if (at === undefined) {
      throw new ProtocolError(
        'vhost-user-ring-address',
        `${name} at 0x${addr.toString(16)} is outside of guest memory`,
      );
    }
    if (at % alignment !== 0) {
      throw new ProtocolError(
        'vhost-user-ring-alignment',
        `${name} at 0x${addr.toString(16)} is not ${alignment}-byte aligned`,
      );
    }
    return at;
  }
}
