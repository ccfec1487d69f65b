// What this back-end offers to front-ends. The set never changes while weft runs or from one run to the next: a guest
// that outlives the switch finds the same back-end again.

/** virtio 1.2, 5.1.3 and 6: feature bits that guests may accept. */
export const VIRTIO_NET_F_MTU = 3n;
export const VIRTIO_NET_F_MRG_RXBUF = 15n;
export const VIRTIO_NET_F_CTRL_VQ = 17n;
export const VIRTIO_NET_F_CTRL_RX = 18n;
export const VIRTIO_NET_F_GUEST_ANNOUNCE = 21n;
export const VIRTIO_NET_F_MQ = 22n;
export const VHOST_F_LOG_ALL = 26n;
export const VIRTIO_F_ANY_LAYOUT = 27n;
export const VIRTIO_RING_F_INDIRECT_DESC = 28n;
export const VHOST_USER_F_PROTOCOL_FEATURES = 30n;
export const VIRTIO_F_VERSION_1 = 32n;

export const VHOST_USER_PROTOCOL_F_MQ = 0n;
export const VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1n;
export const VHOST_USER_PROTOCOL_F_REPLY_ACK = 3n;
export const VHOST_USER_PROTOCOL_F_MTU = 4n;
export const VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15n;

const bits = (...list: bigint[]) => list.reduce((set, bit) => set | (1n << bit), 0n);

/**
 * Offered virtio features. The control queue's (CTRL_*, GUEST_ANNOUNCE, MQ) are served by the front-end itself, which
 * may show its guest only what the back-end lets it: they cost nothing here.
 */
export const OFFERED_FEATURES = bits(
  VIRTIO_NET_F_MTU,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_F_CTRL_VQ,
  VIRTIO_NET_F_CTRL_RX,
  VIRTIO_NET_F_GUEST_ANNOUNCE,
  VIRTIO_NET_F_MQ,
  VHOST_F_LOG_ALL,
  VIRTIO_F_ANY_LAYOUT,
  VIRTIO_RING_F_INDIRECT_DESC,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VIRTIO_F_VERSION_1,
);

/** Offered protocol features: exactly those that are handled. */
export const OFFERED_PROTOCOL_FEATURES = bits(
  VHOST_USER_PROTOCOL_F_MQ,
  VHOST_USER_PROTOCOL_F_LOG_SHMFD,
  VHOST_USER_PROTOCOL_F_REPLY_ACK,
  VHOST_USER_PROTOCOL_F_MTU,
  VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS,
);

/** Whether `features` has bit `bit`. */
export function hasFeature(features: bigint, bit: bigint): boolean {
  return ((features >> bit) & 1n) === 1n;
}
