// VhostServices that keep a record instead of a datapath: what a session asked for, in order, and no descriptor lost.
import type {
  GuestRegion,
  LogFile,
  RingSetup,
  VhostDevice,
  VhostServices,
} from '../../../datapath/port/vhost-user/services.ts';
import { close } from '../../../lib/syscalls/fd.ts';

export class FakeVhostDevice implements VhostDevice {
  /** What was asked, in words. */
  readonly calls: string[] = [];
  regions: GuestRegion[] = [];
  readonly rings = new Map<number, RingSetup>();
  /** Where stopRing() says that a ring stopped. */
  readonly stoppedAt = new Map<number, number>();
  /** Thrown by the next setMemory(), addMemory() or startRing(). */
  failNext: Error | undefined;
  /** Thrown by setLog(). */
  failLog: Error | undefined;
  /** Holds stopRing() back until release() when set. */
  holdStops = false;
  closed = false;
  log: LogFile | undefined;
  #held: (() => void)[] = [];
  #broken: (index: number, reason: string) => void = () => {};

  setMemory(regions: readonly GuestRegion[]): void {
    this.calls.push(`setMemory ${regions.length}`);
    this.#mayFail(regions.map((region) => region.fd));
    for (const { fd } of this.regions) close(fd);
    this.regions = [...regions];
  }

  addMemory(region: GuestRegion): void {
    this.calls.push('addMemory');
    this.#mayFail([region.fd]);
    this.regions.push(region);
  }

  removeMemory(region: Omit<GuestRegion, 'fd'>): void {
    this.calls.push('removeMemory');
    const gone = this.regions.find((known) => known.guestAddr === region.guestAddr);
    if (gone) close(gone.fd);
    this.regions = this.regions.filter((known) => known !== gone);
  }

  startRing(index: number, ring: RingSetup): void {
    this.calls.push(`startRing ${index}${ring.enabled ? ' enabled' : ''}`);
    this.#mayFail(ring.callFd < 0 ? [] : [ring.callFd]);
    this.rings.set(index, ring);
  }

  setRingEnabled(index: number, enabled: boolean): void {
    this.calls.push(`${enabled ? 'enable' : 'disable'} ${index}`);
    this.rings.set(index, { ...this.rings.get(index)!, enabled });
  }

  setCallFd(index: number, fd: number): void {
    this.calls.push(`setCallFd ${index}`);
    const ring = this.rings.get(index)!;
    if (ring.callFd >= 0) close(ring.callFd);
    this.rings.set(index, { ...ring, callFd: fd });
  }

  async stopRing(index: number): Promise<{ lastAvailIndex: number }> {
    this.calls.push(`stopRing ${index}`);
    if (this.holdStops) await new Promise<void>((resolve) => this.#held.push(resolve));
    const ring = this.rings.get(index);
    if (ring && ring.callFd >= 0) close(ring.callFd);
    this.rings.delete(index);
    return { lastAvailIndex: this.stoppedAt.get(index) ?? ring?.lastAvailIndex ?? 0 };
  }

  async setLog(log: LogFile | undefined): Promise<void> {
    this.calls.push(log ? `setLog ${log.size} at ${log.offset}` : 'setLog none');
    this.#keepLog(log);
    if (this.failLog) throw this.failLog;
  }

  onRingBroken(listener: (index: number, reason: string) => void): void {
    this.#broken = listener;
  }

  async close(): Promise<void> {
    this.calls.push('close');
    this.release();
    for (const { callFd } of this.rings.values()) if (callFd >= 0) close(callFd);
    this.rings.clear();
    for (const { fd } of this.regions) close(fd);
    this.regions = [];
    this.#keepLog(undefined);
    this.closed = true;
  }

  /** Lets the stops that were held back go on. */
  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }

  breakRing(index: number, reason: string): void {
    this.#broken(index, reason);
  }

  #keepLog(log: LogFile | undefined): void {
    if (this.log) close(this.log.fd);
    this.log = log;
  }

  #mayFail(fds: readonly number[]): void {
    const error = this.failNext;
    if (!error) return;
    this.failNext = undefined;
    for (const fd of fds) close(fd);
    throw error;
  }
}

export class FakeVhostServices implements VhostServices {
  readonly devices: FakeVhostDevice[] = [];

  createDevice(): FakeVhostDevice {
    const device = new FakeVhostDevice();
    this.devices.push(device);
    return device;
  }

  get last(): FakeVhostDevice {
    return this.devices.at(-1)!;
  }
}
