// What one front-end has negotiated, and what each of its requests does to it: features, memory table, rings. Knows
// descriptors but no socket (session.ts); a request that must wait for PMD threads gives a promise, and the session
// brings the next one only after it.

import { ProtocolError, UserError } from '../../../lib/errors.ts';
import { close, F_DUPFD_CLOEXEC, fcntl, fileSize } from '../../../lib/syscalls/fd.ts';
import {
  hasFeature,
  OFFERED_FEATURES,
  OFFERED_PROTOCOL_FEATURES,
  VHOST_F_LOG_ALL,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VHOST_USER_PROTOCOL_F_REPLY_ACK,
} from './features.ts';
import { MEM_SLOTS_MAX, MemoryTable } from './memory-table.ts';
import type { PassedFds } from './message-reader.ts';
import * as protocol from './protocol.ts';
import { Ring } from './ring.ts';
import type { LogFile, VhostDevice } from './services.ts';

const NO_FD = -1;
const LOG_ALL = 1n << VHOST_F_LOG_ALL;
/** NET_SET_MTU: what IPv4 asks of every link, and what a 16-bit length can say. */
const MTU_MIN = 68;
const MTU_MAX = 65535;

/** A reply's payload; undefined when the request has none of its own. */
export type ReplyPayload = Uint8Array | undefined;

/** What answers one request: the descriptors it may carry, and what it does. */
interface Handler {
  readonly fdsMax: number;
  readonly run: (payload: Uint8Array, fds: PassedFds) => ReplyPayload | Promise<ReplyPayload>;
}

const without = (run: (payload: Uint8Array) => ReplyPayload | Promise<ReplyPayload>): Handler => ({ fdsMax: 0, run });

export class BackEnd {
  readonly rings: readonly Ring[];
  /** Negotiated virtio features; 0 until SET_FEATURES. */
  features = 0n;
  protocolFeatures = 0n;
  /** What NET_SET_MTU said, in bytes. */
  mtu: number | undefined;
  /** Why the last memory table could not be mapped. */
  memoryError: string | undefined;
  #memory = new MemoryTable([]);
  /** What SET_LOG_BASE said; in use while VHOST_F_LOG_ALL is negotiated. */
  #log: LogFile | undefined;
  #closed = false;
  readonly #device: VhostDevice;
  readonly #handlers: ReadonlyMap<number, Handler>;

  constructor(device: VhostDevice, onRingBroken: (ring: Ring) => void) {
    this.#device = device;
    this.rings = Array.from({ length: protocol.RINGS_MAX }, (_, index) => new Ring(index, device));
    device.onRingBroken((index, reason) => {
      const ring = this.rings[index]!;
      ring.markBroken(reason);
      onRingBroken(ring);
    });
    this.#handlers = this.#makeHandlers();
  }

  get replyAck(): boolean {
    return hasFeature(this.protocolFeatures, VHOST_USER_PROTOCOL_F_REPLY_ACK);
  }

  /** Carries out one request. Throws ProtocolError for one that is not allowed, UserError when memory does not fit. */
  handle(request: number, payload: Uint8Array, fds: PassedFds): ReplyPayload | Promise<ReplyPayload> {
    const handler = this.#handlers.get(request);
    if (!handler) throw new ProtocolError('vhost-user-unsupported', `request ${request} is not supported`);
    if (fds.count > handler.fdsMax) {
      throw new ProtocolError('vhost-user-fds', `${fds.count} descriptors with request ${request}`);
    }
    return handler.run(payload, fds);
  }

  /** Stops everything and gives the guest's memory back. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#device.close();
    for (const ring of this.rings) ring.close();
    if (this.#log) close(this.#log.fd);
    this.#log = undefined;
  }

  #makeHandlers(): ReadonlyMap<number, Handler> {
    const p = protocol;
    return new Map<number, Handler>([
      [p.VHOST_USER_GET_FEATURES, without(this.#replyU64(OFFERED_FEATURES))],
      [p.VHOST_USER_SET_FEATURES, without((payload) => this.#setFeatures(p.decodeU64(payload)))],
      [p.VHOST_USER_SET_OWNER, without((payload) => void p.decodeEmpty(payload))],
      [p.VHOST_USER_RESET_OWNER, without((payload) => this.#resetOwner(payload))],
      [p.VHOST_USER_SET_MEM_TABLE, { fdsMax: p.MEM_TABLE_REGIONS_MAX, run: (...args) => this.#setMemTable(...args) }],
      [p.VHOST_USER_SET_LOG_BASE, { fdsMax: 1, run: (...args) => this.#setLogBase(...args) }],
      // Only for front-ends that want to be told of new bits: the descriptor is closed.
      [p.VHOST_USER_SET_LOG_FD, { fdsMax: 1, run: () => undefined }],
      [p.VHOST_USER_SET_VRING_NUM, without((payload) => this.#setVringNum(p.decodeVringNum(payload)))],
      [p.VHOST_USER_SET_VRING_ADDR, without((payload) => this.#setVringAddr(p.decodeVringAddr(payload)))],
      [p.VHOST_USER_SET_VRING_BASE, without((payload) => this.#setVringBase(p.decodeVringBase(payload)))],
      [p.VHOST_USER_GET_VRING_BASE, without((payload) => this.#getVringBase(p.decodeVringState(payload)))],
      [p.VHOST_USER_SET_VRING_KICK, this.#vringFd((ring, fd) => this.#setKick(ring, fd))],
      [p.VHOST_USER_SET_VRING_CALL, this.#vringFd((ring, fd) => ring.setCallFd(fd))],
      [p.VHOST_USER_SET_VRING_ERR, this.#vringFd((ring, fd) => ring.setErrFd(fd))],
      [p.VHOST_USER_GET_PROTOCOL_FEATURES, without(this.#replyU64(OFFERED_PROTOCOL_FEATURES))],
      [p.VHOST_USER_SET_PROTOCOL_FEATURES, without((payload) => this.#setProtocolFeatures(p.decodeU64(payload)))],
      [p.VHOST_USER_GET_QUEUE_NUM, without(this.#replyU64(BigInt(p.QUEUE_PAIRS_MAX)))],
      [p.VHOST_USER_SET_VRING_ENABLE, without((payload) => this.#setVringEnable(p.decodeVringState(payload)))],
      [p.VHOST_USER_NET_SET_MTU, without((payload) => this.#setMtu(p.decodeU64(payload)))],
      [p.VHOST_USER_GET_MAX_MEM_SLOTS, without(this.#replyU64(BigInt(MEM_SLOTS_MAX)))],
      [p.VHOST_USER_ADD_MEM_REG, { fdsMax: 1, run: (payload, fds) => this.#addMemReg(payload, fds) }],
      // "back-ends MUST accept messages with a file descriptor attached, and close it"
      [p.VHOST_USER_REM_MEM_REG, { fdsMax: 1, run: (payload) => this.#remMemReg(p.decodeMemReg(payload)) }],
    ]);
  }

  #replyU64(value: bigint): (payload: Uint8Array) => ReplyPayload {
    return (payload) => {
      protocol.decodeEmpty(payload);
      return protocol.encodeU64(value);
    };
  }

  #vringFd(set: (ring: Ring, fd: number) => void): Handler {
    return {
      fdsMax: 1,
      run: (payload, fds) => {
        const { index } = protocol.decodeVringFd(payload, fds.count);
        set(this.#ring(index), fds.takeAll()[0] ?? NO_FD);
        return undefined;
      },
    };
  }

  #ring(index: number): Ring {
    return this.rings[index]!;
  }

  #setFeatures(features: bigint): undefined | Promise<undefined> {
    const unknown = features & ~OFFERED_FEATURES;
    if (unknown !== 0n) {
      throw new ProtocolError('vhost-user-features', `features 0x${unknown.toString(16)} were not offered`);
    }
    const changed = features ^ this.features;
    if ((changed & ~LOG_ALL) !== 0n && this.rings.some((ring) => ring.started)) {
      throw new ProtocolError('vhost-user-features', 'features cannot change while rings run');
    }
    this.features = features;
    // "If VHOST_USER_F_PROTOCOL_FEATURES has not been negotiated, the ring starts directly in the enabled state."
    if (!hasFeature(features, VHOST_USER_F_PROTOCOL_FEATURES)) for (const ring of this.rings) ring.setEnabled(true);
    return (changed & LOG_ALL) !== 0n ? this.#useLog() : undefined;
  }

  /** A log that came before, in use or not, ends. */
  async #setLogBase(payload: Uint8Array, fds: PassedFds): Promise<Uint8Array> {
    if (fds.count !== 1) throw new ProtocolError('vhost-user-fds', 'a dirty log without a descriptor');
    const place = protocol.decodeLog(payload);
    const [fd] = fds.takeAll() as [number];
    const old = this.#log;
    this.#log = { ...place, fd };
    if (old) close(old.fd);
    checkSize('dirty log', BigInt(place.offset + place.size), fd);
    if (hasFeature(this.features, VHOST_F_LOG_ALL)) await this.#useLog();
    return protocol.encodeU64(0n);
  }

  /** Resolves when whatever is written into the guest's memory is noted, or nothing is any more. */
  async #useLog(): Promise<undefined> {
    const log = hasFeature(this.features, VHOST_F_LOG_ALL) ? this.#log : undefined;
    try {
      await this.#device.setLog?.(log && { ...log, fd: fcntl(log.fd, F_DUPFD_CLOEXEC) });
    } catch (error) {
      // A guest that is not served loses nothing; one whose writes are not noted arrives broken.
      throw error instanceof UserError ? new ProtocolError('vhost-user-log', error.message) : error;
    }
  }

  #setProtocolFeatures(features: bigint): undefined {
    const unknown = features & ~OFFERED_PROTOCOL_FEATURES;
    if (unknown !== 0n) {
      throw new ProtocolError('vhost-user-features', `protocol features 0x${unknown.toString(16)} were not offered`);
    }
    this.protocolFeatures = features;
  }

  /** Deprecated; "back-ends either ignore this message, or use it to disable all rings". */
  #resetOwner(payload: Uint8Array): undefined {
    protocol.decodeEmpty(payload);
    for (const ring of this.rings) ring.setEnabled(false);
  }

  #setVringNum({ index, value }: protocol.VringState): undefined {
    this.#stopped(index).size = value;
  }

  #setVringBase({ index, value }: protocol.VringState): undefined {
    this.#stopped(index).setBase(value);
  }

  #stopped(index: number): Ring {
    const ring = this.#ring(index);
    if (ring.started) throw new ProtocolError('vhost-user-ring-running', `ring ${index} is running`);
    return ring;
  }

  #setVringAddr(addr: protocol.VringAddr): undefined | Promise<undefined> {
    const ring = this.#ring(addr.index);
    if (ring.started) return this.#whilePaused([ring], () => ring.setAddr(addr));
    ring.setAddr(addr);
    this.#start(ring);
    return undefined;
  }

  #setKick(ring: Ring, fd: number): void {
    ring.setKickFd(fd);
    this.#start(ring);
  }

  #start(ring: Ring): void {
    if (!this.#closed) ring.startIfReady(this.#memory, this.features);
  }

  async #getVringBase({ index }: protocol.VringState): Promise<Uint8Array> {
    const value = await this.#ring(index).stop();
    return protocol.encodeVringState({ index, value });
  }

  #setVringEnable({ index, value }: protocol.VringState): undefined {
    if (value > 1) throw new ProtocolError('vhost-user-ring-enable', `ring ${index} enabled with ${value}`);
    this.#ring(index).setEnabled(value === 1);
  }

  #setMtu(mtu: bigint): undefined {
    if (mtu < MTU_MIN || mtu > MTU_MAX) {
      throw new ProtocolError('vhost-user-mtu', `MTU ${mtu}, ${MTU_MIN} to ${MTU_MAX} is expected`);
    }
    this.mtu = Number(mtu);
  }

  /** Runs `change` while no PMD touches `rings`; those that ran go on where they stopped, in the new places. */
  async #whilePaused(rings: readonly Ring[], change: () => void): Promise<undefined> {
    const running = rings.filter((ring) => ring.started);
    for (const ring of running) await ring.pause();
    if (this.#closed) return;
    try {
      change();
    } finally {
      for (const ring of running) this.#start(ring);
    }
  }

  /** Also comes while rings run, when memory is plugged into the guest: the rings are found anew. */
  async #setMemTable(payload: Uint8Array, fds: PassedFds): Promise<undefined> {
    const regions = protocol.decodeMemTable(payload, fds.count);
    const memory = new MemoryTable(regions);
    const files = fds.takeAll();
    let owned = true;
    try {
      for (const [index, region] of regions.entries()) checkFile(region, files[index]!);
      await this.#whilePaused(this.rings, () => {
        owned = false;
        const located = regions.map((region, index) => ({ ...region, fd: files[index]! }));
        this.#changeMemory(memory, () => this.#device.setMemory(located));
      });
    } finally {
      if (owned) for (const fd of files) close(fd);
    }
    for (const ring of this.rings) this.#start(ring);
  }

  #addMemReg(payload: Uint8Array, fds: PassedFds): undefined {
    if (fds.count !== 1) throw new ProtocolError('vhost-user-fds', 'a memory region without a descriptor');
    const region = protocol.decodeMemReg(payload);
    const memory = this.#memory.with(region);
    const [fd] = fds.takeAll() as [number];
    try {
      checkFile(region, fd);
    } catch (error) {
      close(fd);
      throw error;
    }
    this.#changeMemory(memory, () => this.#device.addMemory({ ...region, fd }));
    for (const ring of this.rings) this.#start(ring);
  }

  /** A ring in the region that goes is stopped: its guest must say anew where it lies. */
  async #remMemReg(region: protocol.WireRegion): Promise<undefined> {
    const memory = this.#memory.without(region);
    for (const ring of this.rings) if (!ring.liesIn(memory)) await ring.stop();
    if (!this.#closed) this.#changeMemory(memory, () => this.#device.removeMemory(region));
  }

  #changeMemory(memory: MemoryTable, change: () => void): void {
    try {
      change();
    } catch (error) {
      if (error instanceof UserError) this.memoryError = error.message;
      throw error;
    }
    this.#memory = memory;
    this.memoryError = undefined;
  }
}

/** Throws ProtocolError when a region reaches past the end of its file: touching that would be a fault. */
function checkFile(region: protocol.WireRegion, fd: number): void {
  checkSize('memory region', region.mmapOffset + region.size, fd);
}

function checkSize(what: string, end: bigint, fd: number): void {
  const size = fileSize(fd);
  if (size === undefined || end <= size) return;
  const where = `0x${end.toString(16)} of a file of 0x${size.toString(16)}`;
  throw new ProtocolError('vhost-user-memory-file', `${what} ends at ${where}`);
}
