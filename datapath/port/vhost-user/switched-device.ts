// A device behind a session that can go from one implementation to another while the guest runs: PMD threads in software,
// a card's queues (vDPA), or nobody for a moment. The session talks to this one and notices nothing; the guest sees a device
// that pauses. Everything needed to begin anew elsewhere is kept: memory, rings, call descriptors, the dirty log.
//
// Where a ring goes on is in the guest's memory: behind its used index, which the one who stops leaves right.

import { close, F_DUPFD_CLOEXEC, fcntl } from '../../../lib/syscalls/fd.ts';
import type { GuestRegion, LogFile, RingSetup, VhostDevice } from './services.ts';

const NO_FD = -1;

export type MakeDevice = () => VhostDevice;

export class SwitchedDevice implements VhostDevice {
  /** Undefined while nobody serves the rings. */
  #current: VhostDevice | undefined;
  /** Descriptors here and in #rings are this object's own; devices get duplicates. */
  #regions: readonly GuestRegion[] = [];
  readonly #rings = new Map<number, RingSetup>();
  #log: LogFile | undefined;
  readonly #onLogging: ((isLogging: boolean) => Promise<void>) | undefined;
  readonly #listeners: ((index: number, reason: string) => void)[] = [];
  #work: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** `onLogging(true)` resolves when a device that can note its writes has the rings; `false`: any may have them. */
  constructor(make: MakeDevice | undefined, onLogging?: (isLogging: boolean) => Promise<void>) {
    this.#onLogging = onLogging;
    if (make) this.#current = this.#adopt(make());
  }

  /** Goes on with another device, or with none; resolves when it has the rings. */
  use(make: MakeDevice | undefined): Promise<void> {
    return this.#next(async () => {
      const old = this.#current;
      this.#current = undefined;
      if (old) await this.#leave(old);
      if (make && !this.#isClosed) this.#enter(this.#adopt(make()));
    });
  }

  setMemory(regions: readonly GuestRegion[]): void {
    const kept = duplicates(regions);
    try {
      this.#give(regions, () => this.#current?.setMemory(regions));
    } catch (error) {
      closeAll(kept);
      throw error;
    }
    closeAll(this.#regions);
    this.#regions = kept;
  }

  addMemory(region: GuestRegion): void {
    const kept = duplicates([region]);
    try {
      this.#give([region], () => this.#current?.addMemory(region));
    } catch (error) {
      closeAll(kept);
      throw error;
    }
    this.#regions = [...this.#regions, ...kept];
  }

  removeMemory(region: Omit<GuestRegion, 'fd'>): void {
    this.#current?.removeMemory(region);
    const isSame = (other: GuestRegion) => other.guestAddr === region.guestAddr && other.size === region.size;
    closeAll(this.#regions.filter(isSame));
    this.#regions = this.#regions.filter((other) => !isSame(other));
  }

  startRing(index: number, setup: RingSetup): void {
    try {
      this.#current?.startRing(index, forDevice(setup));
    } catch (error) {
      closeFd(setup.callFd);
      throw error;
    }
    this.#rings.set(index, setup);
  }

  setRingEnabled(index: number, enabled: boolean): void {
    const setup = this.#rings.get(index);
    if (!setup) return;
    this.#rings.set(index, { ...setup, enabled });
    this.#current?.setRingEnabled(index, enabled);
  }

  setCallFd(index: number, fd: number): void {
    const setup = this.#rings.get(index);
    closeFd(setup ? setup.callFd : fd);
    if (!setup) return;
    this.#rings.set(index, { ...setup, callFd: fd });
    this.#current?.setCallFd(index, duplicate(fd));
  }

  stopRing(index: number): Promise<{ lastAvailIndex: number }> {
    return this.#next(async () => {
      const setup = this.#rings.get(index);
      const stopped = await this.#current?.stopRing(index);
      this.#rings.delete(index);
      if (setup) closeFd(setup.callFd);
      return stopped ?? { lastAvailIndex: setup?.lastAvailIndex ?? 0 };
    });
  }

  async setLog(log: LogFile | undefined): Promise<void> {
    if (log) await this.#onLogging?.(true);
    await this.#next(async () => {
      this.#keepLog(log);
      await this.#current?.setLog?.(this.#logForDevice());
    });
    if (!log) void this.#onLogging?.(false);
  }

  onRingBroken(listener: (index: number, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#next(async () => {
      await this.#current?.close();
      this.#current = undefined;
      for (const { callFd } of this.#rings.values()) closeFd(callFd);
      this.#rings.clear();
      closeAll(this.#regions);
      this.#regions = [];
      if (this.#log) void this.#onLogging?.(false);
      this.#keepLog(undefined);
    });
  }

  async #leave(old: VhostDevice): Promise<void> {
    await Promise.all(
      [...this.#rings.keys()].map(async (index) => {
        const { lastAvailIndex } = await old.stopRing(index);
        const setup = this.#rings.get(index);
        if (setup) this.#rings.set(index, { ...setup, lastAvailIndex });
      }),
    );
    await old.close();
  }

  /** What cannot be told to the guest's front-end any more is told as broken rings. */
  #enter(device: VhostDevice): void {
    this.#current = device;
    try {
      if (this.#regions.length > 0) device.setMemory(duplicates(this.#regions));
      // The log is there before the rings; what cannot be mapped is told as they are.
      if (this.#log) device.setLog?.(this.#logForDevice()).catch((error: unknown) => this.#tellAll(error));
      for (const [index, setup] of this.#rings) device.startRing(index, forDevice(setup));
    } catch (error) {
      this.#tellAll(error);
    }
  }

  #tellAll(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    for (const index of this.#rings.keys()) this.#tell(index, reason);
  }

  #keepLog(log: LogFile | undefined): void {
    if (this.#log) close(this.#log.fd);
    this.#log = this.#isClosed ? undefined : log;
    if (log && this.#isClosed) close(log.fd);
  }

  #logForDevice(): LogFile | undefined {
    return this.#log && { ...this.#log, fd: duplicate(this.#log.fd) };
  }

  #adopt(device: VhostDevice): VhostDevice {
    device.onRingBroken((index, reason) => {
      if (this.#current === device) this.#tell(index, reason);
    });
    return device;
  }

  #tell(index: number, reason: string): void {
    for (const listener of this.#listeners) listener(index, reason);
  }

  /** Descriptors that no device takes over are closed. */
  #give(regions: readonly GuestRegion[], give: () => void): void {
    if (this.#current) give();
    else closeAll(regions);
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#work.then(step);
    this.#work = result.catch(() => {});
    return result;
  }
}

function duplicate(fd: number): number {
  return fd === NO_FD ? NO_FD : fcntl(fd, F_DUPFD_CLOEXEC);
}

function duplicates(regions: readonly GuestRegion[]): GuestRegion[] {
  return regions.map((region) => ({ ...region, fd: duplicate(region.fd) }));
}

function forDevice(setup: RingSetup): RingSetup {
  return { ...setup, callFd: duplicate(setup.callFd) };
}

function closeFd(fd: number): void {
  if (fd !== NO_FD) close(fd);
}

function closeAll(regions: readonly GuestRegion[]): void {
  for (const { fd } of regions) close(fd);
}
