// One virtqueue as the protocol describes it: what the front-end has said about it so far, and whether it runs.
//
//   stopped ──(size, addresses, memory and kick known)──> started ──GET_VRING_BASE──> stopped
//
// `enabled` is independent of that (vhost-user, "Ring states"): it only says whether a started ring passes packets.
// As DPDK's and QEMU's own back-ends do, a ring starts when its kick descriptor is set, without waiting for it to be
// readable: a guest that was there before the switch restarted does not kick again.

import { ProtocolError } from '../../../lib/errors.ts';
import { close, eventfdSignal, F_DUPFD_CLOEXEC, fcntl, isEventfd, setNonBlocking } from '../../../lib/syscalls/fd.ts';
import type { MemoryTable } from './memory-table.ts';
import type { VringAddr } from './protocol.ts';
import type { RingSetup, VhostDevice } from './services.ts';

const NO_FD = -1;

/** Throws ProtocolError unless `fd` is an eventfd: a write to anything else could wait for its reader for ever. */
function checkEventfd(fd: number, use: string): void {
  if (fd === NO_FD) return;
  if (!isEventfd(fd)) throw new ProtocolError('vhost-user-eventfd', `the ${use} descriptor is not an eventfd`);
  setNonBlocking(fd);
}

export class Ring {
  readonly index: number;
  readonly #device: VhostDevice;
  size = 0;
  enabled = false;
  started = false;
  /** Why the datapath gave this ring up, until it is stopped. */
  broken: string | undefined;
  #addr: VringAddr | undefined;
  #base = 0;
  /** Whether SET_VRING_KICK came, with a descriptor or without one. */
  #kickSet = false;
  #kickFd = NO_FD;
  #callFd = NO_FD;
  #errFd = NO_FD;

  constructor(index: number, device: VhostDevice) {
    this.index = index;
    this.#device = device;
  }

  get passing(): boolean {
    return this.started && this.enabled;
  }

  setAddr(addr: VringAddr): void {
    this.#addr = addr;
  }

  setBase(base: number): void {
    this.#base = base;
  }

  /** Takes over `fd` (-1: the guest has none, its ring is polled). */
  setKickFd(fd: number): void {
    if (this.#kickFd !== NO_FD) close(this.#kickFd);
    this.#kickFd = fd;
    this.#kickSet = true;
  }

  /** Takes over `fd`, also when it throws. */
  setCallFd(fd: number): void {
    if (this.#callFd !== NO_FD) close(this.#callFd);
    this.#callFd = fd;
    checkEventfd(fd, 'call');
    if (this.started) this.#device.setCallFd(this.index, this.#duplicateCallFd());
  }

  /** Takes over `fd`, also when it throws. */
  setErrFd(fd: number): void {
    if (this.#errFd !== NO_FD) close(this.#errFd);
    this.#errFd = fd;
    checkEventfd(fd, 'error');
  }

  setEnabled(enabled: boolean): void {
    this.enabled = enabled;
    if (this.started) this.#device.setRingEnabled(this.index, enabled);
  }

  markBroken(reason: string): void {
    this.broken = reason;
    if (this.#errFd !== NO_FD) eventfdSignal(this.#errFd);
  }

  /** Whether every part of a started ring begins in `memory`; a stopped ring needs none. */
  liesIn(memory: MemoryTable): boolean {
    if (!this.started || !this.#addr) return true;
    const { descUserAddr, availUserAddr, usedUserAddr } = this.#addr;
    return [descUserAddr, availUserAddr, usedUserAddr].every((addr) => memory.guestAddrOf(addr) !== undefined);
  }

  /** Starts once everything is known. Throws ProtocolError when the ring does not lie in the guest's memory. */
  startIfReady(memory: MemoryTable, features: bigint): void {
    if (this.started || !this.#kickSet || this.size === 0 || !this.#addr || memory.regions.length === 0) return;
    const [descAddr, availAddr, usedAddr] = this.#guestAddresses(this.#addr, memory);
    const setup: RingSetup = {
      size: this.size,
      descAddr,
      availAddr,
      usedAddr,
      lastAvailIndex: this.#base,
      callFd: this.#duplicateCallFd(),
      features,
      ...(this.#addr.usedLogAddr === undefined ? {} : { usedLogAddr: this.#addr.usedLogAddr }),
      enabled: this.enabled,
    };
    this.#device.startRing(this.index, setup);
    this.started = true;
  }

  /** Stops as GET_VRING_BASE wants it: resolves with the avail index to go on from, once nobody touches the ring. */
  async stop(): Promise<number> {
    await this.pause();
    this.setKickFd(NO_FD);
    this.#kickSet = false;
    return this.#base;
  }

  /** Stops so that startIfReady() goes on from the same place. */
  async pause(): Promise<void> {
    if (!this.started) return;
    const { lastAvailIndex } = await this.#device.stopRing(this.index);
    this.#base = lastAvailIndex;
    this.started = false;
    this.broken = undefined;
  }

  /** Closes the descriptors; the device has stopped the ring by then. */
  close(): void {
    this.started = false;
    for (const fd of [this.#kickFd, this.#callFd, this.#errFd]) if (fd !== NO_FD) close(fd);
    this.#kickFd = this.#callFd = this.#errFd = NO_FD;
  }

  #guestAddresses(addr: VringAddr, memory: MemoryTable): [bigint, bigint, bigint] {
    const resolve = (part: string, userAddr: bigint): bigint => {
      const guestAddr = memory.guestAddrOf(userAddr);
      if (guestAddr !== undefined) return guestAddr;
      const where = `${part} of ring ${this.index} at 0x${userAddr.toString(16)}`;
      throw new ProtocolError('vhost-user-ring-address', `${where} is outside of guest memory`);
    };
    return [
      resolve('descriptor table', addr.descUserAddr),
      resolve('avail ring', addr.availUserAddr),
      resolve('used ring', addr.usedUserAddr),
    ];
  }

  /** The device gets a descriptor of its own: a PMD may still write to it when ours is closed already. */
  #duplicateCallFd(): number {
    return this.#callFd === NO_FD ? NO_FD : fcntl(this.#callFd, F_DUPFD_CLOEXEC, 0);
  }
}
