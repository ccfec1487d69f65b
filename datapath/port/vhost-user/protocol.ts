// The vhost-user protocol's numbers and bytes: header, requests, payload decoders. Pure; nothing here touches a
// descriptor. Reference: QEMU's docs/interop/vhost-user.rst ("Message Specification"). All fields are little-endian.
//
//   header   0 request u32   4 flags u32 (bits 0-1 version, 2 reply, 3 need_reply)   8 size u32 of the payload
//
// A decoder checks the payload's length once, and every value that can be judged without state; it throws
// ProtocolError, whose code names the rule.

import { ProtocolError } from '../../../lib/errors.ts';

export const VHOST_USER_GET_FEATURES = 1;
export const VHOST_USER_SET_FEATURES = 2;
export const VHOST_USER_SET_OWNER = 3;
export const VHOST_USER_RESET_OWNER = 4;
export const VHOST_USER_SET_MEM_TABLE = 5;
export const VHOST_USER_SET_LOG_BASE = 6;
export const VHOST_USER_SET_LOG_FD = 7;
export const VHOST_USER_SET_VRING_NUM = 8;
export const VHOST_USER_SET_VRING_ADDR = 9;
export const VHOST_USER_SET_VRING_BASE = 10;
export const VHOST_USER_GET_VRING_BASE = 11;
export const VHOST_USER_SET_VRING_KICK = 12;
export const VHOST_USER_SET_VRING_CALL = 13;
export const VHOST_USER_SET_VRING_ERR = 14;
export const VHOST_USER_GET_PROTOCOL_FEATURES = 15;
export const VHOST_USER_SET_PROTOCOL_FEATURES = 16;
export const VHOST_USER_GET_QUEUE_NUM = 17;
export const VHOST_USER_SET_VRING_ENABLE = 18;
export const VHOST_USER_NET_SET_MTU = 20;
export const VHOST_USER_GET_MAX_MEM_SLOTS = 36;
export const VHOST_USER_ADD_MEM_REG = 37;
export const VHOST_USER_REM_MEM_REG = 38;

export const VHOST_USER_VERSION = 1;
export const VHOST_USER_VERSION_MASK = 0x3;
export const VHOST_USER_REPLY = 0x4;
export const VHOST_USER_NEED_REPLY = 0x8;
export const HEADER_SIZE = 12;
/** No request that a back-end may get is longer; the longest known, GET_CONFIG, has 268 bytes. */
export const PAYLOAD_SIZE_MAX = 4096;
/** Descriptors in one message: SET_MEM_TABLE has one for each of at most eight regions. */
export const MESSAGE_FDS_MAX = 8;
export const MEM_TABLE_REGIONS_MAX = 8;

/** Virtqueues of one device: eight queue pairs. */
export const QUEUE_PAIRS_MAX = 8;
export const RINGS_MAX = QUEUE_PAIRS_MAX * 2;
/** virtio 1.2, 2.7: the largest split ring. */
export const RING_SIZE_MAX = 32768;

/** 4 KiB pages of 4 TiB: more guest memory than can be mapped, in chunks too, by far. */
export const LOG_SIZE_MAX = 2 ** 27;
const VHOST_VRING_F_LOG = 1;
const VRING_INDEX_MASK = 0xffn;
const VRING_NOFD = 0x100n;
const REGION_BYTES = 32;
const ADDRESS_SPACE = 1n << 64n;

export interface Header {
  readonly request: number;
  readonly needReply: boolean;
  /** Bytes of payload that follow. */
  readonly size: number;
}

/** A region as it is described on the wire; its descriptor travels beside it. */
export interface WireRegion {
  readonly guestAddr: bigint;
  readonly size: bigint;
  readonly userAddr: bigint;
  readonly mmapOffset: bigint;
}

/** `struct vhost_vring_state`: what `value` means is the request's business. */
export interface VringState {
  readonly index: number;
  readonly value: number;
}

/** `struct vhost_vring_addr`; addresses are the front-end's virtual ones. */
export interface VringAddr {
  readonly index: number;
  readonly descUserAddr: bigint;
  readonly usedUserAddr: bigint;
  readonly availUserAddr: bigint;
  /** The guest address of the used ring for the dirty log, when its writes shall be noted. */
  readonly usedLogAddr: bigint | undefined;
}

/** Which ring a kick, call or error descriptor is for, and whether one comes with the message. */
export interface VringFd {
  readonly index: number;
  readonly hasFd: boolean;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fail(rule: string, text: string): never {
  throw new ProtocolError(`vhost-user-${rule}`, text);
}

function sized(payload: Uint8Array, size: number): DataView {
  if (payload.length !== size) fail('payload-size', `payload of ${payload.length} bytes where ${size} are expected`);
  return view(payload);
}

/** Decodes HEADER_SIZE bytes. */
export function decodeHeader(bytes: Uint8Array): Header {
  const data = view(bytes);
  const flags = data.getUint32(4, true);
  const size = data.getUint32(8, true);
  const version = flags & VHOST_USER_VERSION_MASK;
  if (version !== VHOST_USER_VERSION) fail('version', `protocol version ${version}, this is version 1`);
  if (size > PAYLOAD_SIZE_MAX) fail('payload-size', `payload of ${size} bytes, more than ${PAYLOAD_SIZE_MAX}`);
  return { request: data.getUint32(0, true), needReply: (flags & VHOST_USER_NEED_REPLY) !== 0, size };
}

/** A whole reply to `request`. */
export function encodeReply(request: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(HEADER_SIZE + payload.length));
  const data = view(bytes);
  data.setUint32(0, request, true);
  data.setUint32(4, VHOST_USER_VERSION | VHOST_USER_REPLY, true);
  data.setUint32(8, payload.length, true);
  bytes.set(payload, HEADER_SIZE);
  return bytes;
}

export function decodeEmpty(payload: Uint8Array): void {
  sized(payload, 0);
}

export function decodeU64(payload: Uint8Array): bigint {
  return sized(payload, 8).getBigUint64(0, true);
}

export function encodeU64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  view(bytes).setBigUint64(0, value, true);
  return bytes;
}

function ringIndex(index: number): number {
  if (index >= RINGS_MAX) fail('ring-index', `ring ${index}, this back-end has ${RINGS_MAX}`);
  return index;
}

export function decodeVringState(payload: Uint8Array): VringState {
  const data = sized(payload, 8);
  return { index: ringIndex(data.getUint32(0, true)), value: data.getUint32(4, true) };
}

export function encodeVringState(state: VringState): Uint8Array {
  const bytes = new Uint8Array(8);
  view(bytes).setUint32(0, state.index, true);
  view(bytes).setUint32(4, state.value, true);
  return bytes;
}

export function decodeVringNum(payload: Uint8Array): VringState {
  const state = decodeVringState(payload);
  const { value } = state;
  // virtio 1.2, 2.7: "Queue Size ... is always a power of 2. The maximum Queue Size value is 32768."
  if (value === 0 || value > RING_SIZE_MAX || (value & (value - 1)) !== 0) {
    fail('ring-size', `ring of ${value} descriptors: a power of two up to ${RING_SIZE_MAX} is expected`);
  }
  return state;
}

export function decodeVringBase(payload: Uint8Array): VringState {
  const state = decodeVringState(payload);
  if (state.value > 0xffff) fail('ring-base', `avail index ${state.value} has more than 16 bits`);
  return state;
}

export function decodeVringAddr(payload: Uint8Array): VringAddr {
  const data = sized(payload, 40);
  return {
    index: ringIndex(data.getUint32(0, true)),
    descUserAddr: data.getBigUint64(8, true),
    usedUserAddr: data.getBigUint64(16, true),
    availUserAddr: data.getBigUint64(24, true),
    usedLogAddr: (data.getUint32(4, true) & VHOST_VRING_F_LOG) !== 0 ? data.getBigUint64(32, true) : undefined,
  };
}

export function decodeVringFd(payload: Uint8Array, fdCount: number): VringFd {
  const value = decodeU64(payload);
  const hasFd = (value & VRING_NOFD) === 0n;
  if (fdCount !== (hasFd ? 1 : 0)) fail('fds', `${fdCount} descriptors where ${hasFd ? 1 : 0} are expected`);
  return { index: ringIndex(Number(value & VRING_INDEX_MASK)), hasFd };
}

/** SET_LOG_BASE, whose descriptor travels beside it: 0 size u64, 8 offset u64, both in bytes. */
export function decodeLog(payload: Uint8Array): { size: number; offset: number } {
  const data = sized(payload, 16);
  const size = data.getBigUint64(0, true);
  const offset = data.getBigUint64(8, true);
  if (size === 0n || size > LOG_SIZE_MAX)
    fail('log-size', `dirty log of ${size} bytes, 1 to ${LOG_SIZE_MAX} are expected`);
  if (offset > Number.MAX_SAFE_INTEGER) fail('log-size', `dirty log at 0x${offset.toString(16)} of its file`);
  return { size: Number(size), offset: Number(offset) };
}

function decodeRegion(data: DataView, at: number): WireRegion {
  const region = {
    guestAddr: data.getBigUint64(at, true),
    size: data.getBigUint64(at + 8, true),
    userAddr: data.getBigUint64(at + 16, true),
    mmapOffset: data.getBigUint64(at + 24, true),
  };
  const { guestAddr, size, userAddr, mmapOffset } = region;
  if (size === 0n) fail('memory-empty', `memory region at guest address 0x${guestAddr.toString(16)} has no size`);
  for (const start of [guestAddr, userAddr, mmapOffset]) {
    if (start + size > ADDRESS_SPACE)
      fail('memory-overflow', `0x${size.toString(16)} bytes at 0x${start.toString(16)}`);
  }
  return region;
}

/** SET_MEM_TABLE: 0 count u32, 4 padding, 8 regions. Trailing room for regions that do not count is accepted. */
export function decodeMemTable(payload: Uint8Array, fdCount: number): WireRegion[] {
  if (payload.length < 8) fail('payload-size', `memory table of ${payload.length} bytes`);
  const data = view(payload);
  const count = data.getUint32(0, true);
  if (count === 0 || count > MEM_TABLE_REGIONS_MAX) fail('memory-count', `${count} regions, 1 to 8 are expected`);
  const used = 8 + count * REGION_BYTES;
  const room = 8 + MEM_TABLE_REGIONS_MAX * REGION_BYTES;
  if (payload.length < used || payload.length > room) {
    fail('payload-size', `memory table of ${payload.length} bytes for ${count} regions`);
  }
  if (fdCount !== count) fail('fds', `${fdCount} descriptors for ${count} memory regions`);
  return Array.from({ length: count }, (_, index) => decodeRegion(data, 8 + index * REGION_BYTES));
}

/** ADD_MEM_REG and REM_MEM_REG: 0 padding u64, 8 region. */
export function decodeMemReg(payload: Uint8Array): WireRegion {
  return decodeRegion(sized(payload, 8 + REGION_BYTES), 8);
}
