// vhost-user messages of a front-end, as QEMU's docs/interop/vhost-user.rst lays them out; all little-endian.
//
//   header   request u32 | flags u32 (version 1; bit 2 reply; bit 3 reply wanted) | payload size u32

export const VHOST_USER_GET_FEATURES = 1;
export const VHOST_USER_SET_FEATURES = 2;
export const VHOST_USER_SET_OWNER = 3;
export const VHOST_USER_SET_MEM_TABLE = 5;
export const VHOST_USER_SET_VRING_NUM = 8;
export const VHOST_USER_SET_VRING_ADDR = 9;
export const VHOST_USER_SET_VRING_BASE = 10;
export const VHOST_USER_GET_VRING_BASE = 11;
export const VHOST_USER_SET_VRING_KICK = 12;
export const VHOST_USER_SET_VRING_CALL = 13;
export const VHOST_USER_GET_PROTOCOL_FEATURES = 15;
export const VHOST_USER_SET_PROTOCOL_FEATURES = 16;
export const VHOST_USER_SET_VRING_ENABLE = 18;

export const HEADER_SIZE = 12;
export const FLAG_VERSION = 1;
export const FLAG_REPLY = 4;
export const FLAG_NEED_REPLY = 8;

export const VHOST_USER_PROTOCOL_F_REPLY_ACK = 1n << 3n;
export const VHOST_USER_F_PROTOCOL_FEATURES = 1n << 30n;
export const VIRTIO_NET_F_MRG_RXBUF = 1n << 15n;
export const VIRTIO_F_INDIRECT_DESC = 1n << 28n;
export const VIRTIO_F_VERSION_1 = 1n << 32n;

const FEATURE_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [VIRTIO_F_VERSION_1, 'VERSION_1'],
  [VIRTIO_NET_F_MRG_RXBUF, 'MRG_RXBUF'],
  [VIRTIO_F_INDIRECT_DESC, 'INDIRECT_DESC'],
  [VHOST_USER_F_PROTOCOL_FEATURES, 'PROTOCOL_FEATURES'],
];

/** Names of the set bits, for people. */
export function featureNames(features: bigint): string {
  return FEATURE_NAMES.filter(([bit]) => features & bit)
    .map(([, name]) => name)
    .join(' ');
}

export interface RingAddresses {
  readonly desc: bigint;
  readonly avail: bigint;
  readonly used: bigint;
}

export function encodeMessage(request: number, payload: Buffer, needReply = false): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(request, 0);
  header.writeUInt32LE(FLAG_VERSION | (needReply ? FLAG_NEED_REPLY : 0), 4);
  header.writeUInt32LE(payload.length, 8);
  return Buffer.concat([header, payload]);
}

export function encodeU64(value: bigint): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(value);
  return payload;
}

export function encodeVringState(index: number, value: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32LE(index, 0);
  payload.writeUInt32LE(value, 4);
  return payload;
}

/** One region: guest address, size, user address, file offset. */
export function encodeMemTable(guestAddr: bigint, size: number, userAddr: bigint): Buffer {
  const payload = Buffer.alloc(40);
  payload.writeUInt32LE(1, 0);
  payload.writeBigUInt64LE(guestAddr, 8);
  payload.writeBigUInt64LE(BigInt(size), 16);
  payload.writeBigUInt64LE(userAddr, 24);
  return payload;
}

/** index, flags, then the desc, used and avail rings' user addresses and the log address. */
export function encodeVringAddr(index: number, ring: RingAddresses): Buffer {
  const payload = Buffer.alloc(40);
  payload.writeUInt32LE(index, 0);
  payload.writeBigUInt64LE(ring.desc, 8);
  payload.writeBigUInt64LE(ring.used, 16);
  payload.writeBigUInt64LE(ring.avail, 24);
  return payload;
}
