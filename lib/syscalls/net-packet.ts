// Raw frames of a kernel interface through AF_PACKET (packet(7)), several per system call, with what the kernel left
// undone told per frame: a VLAN tag it took out (PACKET_AUXDATA), a checksum it left to the hardware and a burst that
// it left to the hardware to segment (PACKET_VNET_HDR, struct virtio_net_hdr of virtio 1.2, 5.1.6).
//
// One batch of receive buffers serves every socket of a thread: reading is synchronous, and a frame is only valid until
// the next read. Each slot of the batch:
//
//   +0    virtio_net_hdr 10 (iovec 0)
//   +12   room of 4 bytes, so that a VLAN tag can be put back by moving the 12 address bytes down
//   +16   frame (iovec 1)

import { close } from './fd.ts';
import { check, EAGAIN, lastErrno, libc } from './libc.ts';
import { EINVAL, ENETDOWN, rawWrite, stableBuffer } from './net-libc.ts';
import { AF_PACKET, bind, SOCK_RAW, setsockopt, socket } from './socket.ts';

const cRecvmmsg = libc.func('int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)');

const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const PACKET_OUTGOING = 4;
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

/** tpacket_auxdata.tp_status: vlan_tci is valid; vlan_tpid is valid too. */
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;

export const BATCH_MAX = 32;
const VNET_HDR_SIZE = 10;
const FRAME_OFFSET = 16;
/** The largest frame the kernel hands over: a 64 KiB IP packet and its Ethernet and VLAN headers. */
const FRAME_MAX = 65_536 + 32;
const SLOT_SIZE = (FRAME_OFFSET + FRAME_MAX + 63) & ~63;
const MMSGHDR_SIZE = 64;
const IOVEC_SIZE = 16;
const SOCKADDR_LL_SIZE = 20;
const CONTROL_SIZE = 64;

/** What is left to do on a frame before it is a frame on a wire. */
export interface PacketOffload {
  /** Bytes from the frame's start to where the checksum's coverage starts; undefined when the checksum is complete. */
  readonly csumStart: number | undefined;
  readonly csumOffset: number;
  /** VIRTIO_NET_HDR_GSO_*; 0 when the frame is one packet. */
  readonly gsoType: number;
  /** Payload bytes of each segment. */
  readonly gsoSize: number;
}

export interface ReceivedFrame {
  /** Valid until the next read of this thread. */
  readonly frame: Uint8Array;
  /** undefined when nothing is left to do. */
  readonly offload: PacketOffload | undefined;
  /** The 802.1Q or 802.1ad tag that the kernel took out; it goes back in with withVlanTag() after the offload is done. */
  readonly vlan: { readonly tpid: number; readonly tci: number } | undefined;
}

export interface PacketBatch {
  readonly frames: readonly ReceivedFrame[];
  /** Messages taken from the socket, those that were no use included; 0 when none waits. */
  readonly taken: number;
  /** Frames too long for a buffer. */
  readonly truncated: number;
}

const NOTHING: PacketBatch = { frames: [], taken: 0, truncated: 0 };

/** Opens a non-blocking packet socket on one interface, promiscuous, that does not hear its own frames. */
export function openPacketSocket(ifindex: number): number {
  // Protocol 0 receives nothing until bind() names the interface, so no other interface's frame slips in.
  const fd = socket(AF_PACKET, SOCK_RAW);
  try {
    for (const option of [PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING]) {
      setsockopt(fd, SOL_PACKET, option, int32(1));
    }
    const address = Buffer.alloc(SOCKADDR_LL_SIZE);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(ifindex, 4);
    bind(fd, address, 'AF_PACKET');
    const membership = Buffer.alloc(16);
    membership.writeInt32LE(ifindex, 0);
    membership.writeUInt16LE(PACKET_MR_PROMISC, 4);
    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/** Takes up to BATCH_MAX frames that wait. Throws SyscallError when the interface is gone. */
export function readPackets(fd: number): PacketBatch {
  batch ??= new ReceiveBatch();
  return batch.read(fd);
}

let sendBuffer: Uint8Array | undefined;

/** Sends one complete frame; false when the interface did not take it. */
export function sendPacket(fd: number, frame: Uint8Array): boolean {
  sendBuffer ??= new Uint8Array(VNET_HDR_SIZE + FRAME_MAX);
  if (frame.length > FRAME_MAX) return false;
  // The virtio_net_hdr in front stays all zero: nothing is left for the kernel to do.
  sendBuffer.set(frame, VNET_HDR_SIZE);
  const length = VNET_HDR_SIZE + frame.length;
  return Number(rawWrite(fd, sendBuffer, length)) === length;
}

export function closePacketSocket(fd: number): void {
  close(fd);
}

/** Puts a tag back behind the addresses of a received frame, in the room its slot has for it. */
export function withVlanTag(frame: Uint8Array, vlan: { readonly tpid: number; readonly tci: number }): Uint8Array {
  const tagged = new Uint8Array(frame.buffer, frame.byteOffset - 4, frame.length + 4);
  tagged.copyWithin(0, 4, 16);
  tagged[12] = vlan.tpid >> 8;
  tagged[13] = vlan.tpid & 0xff;
  tagged[14] = vlan.tci >> 8;
  tagged[15] = vlan.tci & 0xff;
  return tagged;
}

let batch: ReceiveBatch | undefined;

/** The mmsghdr array and everything it points to; laid out once, lengths reset before every call. */
class ReceiveBatch {
  readonly #headers = stableBuffer(BATCH_MAX * MMSGHDR_SIZE);
  readonly #iovecs = stableBuffer(BATCH_MAX * 2 * IOVEC_SIZE);
  readonly #names = stableBuffer(BATCH_MAX * SOCKADDR_LL_SIZE);
  readonly #controls = stableBuffer(BATCH_MAX * CONTROL_SIZE);
  readonly #slots = stableBuffer(BATCH_MAX * SLOT_SIZE);

  constructor() {
    for (let i = 0; i < BATCH_MAX; i++) {
      const slot = this.#slots.address + BigInt(i * SLOT_SIZE);
      const iovec = i * 2 * IOVEC_SIZE;
      this.#iovecs.view.setBigUint64(iovec, slot, true);
      this.#iovecs.view.setBigUint64(iovec + 8, BigInt(VNET_HDR_SIZE), true);
      this.#iovecs.view.setBigUint64(iovec + 16, slot + BigInt(FRAME_OFFSET), true);
      this.#iovecs.view.setBigUint64(iovec + 24, BigInt(FRAME_MAX), true);
      // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags
      const header = i * MMSGHDR_SIZE;
      const view = this.#headers.view;
      view.setBigUint64(header, this.#names.address + BigInt(i * SOCKADDR_LL_SIZE), true);
      view.setBigUint64(header + 16, this.#iovecs.address + BigInt(iovec), true);
      view.setBigUint64(header + 24, 2n, true);
      view.setBigUint64(header + 32, this.#controls.address + BigInt(i * CONTROL_SIZE), true);
    }
  }

  read(fd: number): PacketBatch {
    for (let i = 0; i < BATCH_MAX; i++) {
      const header = i * MMSGHDR_SIZE;
      this.#headers.view.setUint32(header + 8, SOCKADDR_LL_SIZE, true);
      this.#headers.view.setBigUint64(header + 40, BigInt(CONTROL_SIZE), true);
    }
    const taken = cRecvmmsg(fd, this.#headers.bytes, BATCH_MAX, MSG_DONTWAIT, null);
    if (taken < 0) return this.#failed();
    const frames: ReceivedFrame[] = [];
    let truncated = 0;
    for (let i = 0; i < taken; i++) {
      const header = i * MMSGHDR_SIZE;
      // Kernels before 4.20 ignore PACKET_IGNORE_OUTGOING.
      if (this.#names.bytes[i * SOCKADDR_LL_SIZE + 10] === PACKET_OUTGOING) continue;
      if (this.#headers.view.getUint32(header + 48, true) & MSG_TRUNC) truncated++;
      else frames.push(this.#frame(i, this.#headers.view.getUint32(header + 56, true) - VNET_HDR_SIZE));
    }
    return { frames, taken, truncated };
  }

  #failed(): PacketBatch {
    const code = lastErrno();
    if (code === EAGAIN) return NOTHING;
    // EINVAL: a burst that virtio_net_hdr cannot describe; the kernel has dropped it. ENETDOWN: told once when the
    // interface goes down.
    if (code === EINVAL || code === ENETDOWN) return { frames: [], taken: 1, truncated: code === EINVAL ? 1 : 0 };
    check('recvmmsg', -1);
    return NOTHING;
  }

  #frame(index: number, length: number): ReceivedFrame {
    const slot = index * SLOT_SIZE;
    const frame = new Uint8Array(this.#slots.bytes.buffer, slot + FRAME_OFFSET, Math.max(length, 0));
    return { frame, offload: this.#offload(slot), vlan: this.#vlan(index) };
  }

  /** struct virtio_net_hdr in the machine's byte order: flags u8, gso_type u8, hdr_len, gso_size, csum_start, csum_offset u16. */
  #offload(slot: number): PacketOffload | undefined {
    const view = this.#slots.view;
    const needsCsum = (view.getUint8(slot) & 1) !== 0;
    const gsoType = view.getUint8(slot + 1);
    if (!needsCsum && gsoType === 0) return undefined;
    return {
      csumStart: needsCsum ? view.getUint16(slot + 6, true) : undefined,
      csumOffset: view.getUint16(slot + 8, true),
      gsoType,
      gsoSize: view.getUint16(slot + 4, true),
    };
  }

  /** cmsghdr (length u64, level i32, type i32), then tpacket_auxdata with status at 0, vlan_tci at 16, vlan_tpid at 18. */
  #vlan(index: number): ReceivedFrame['vlan'] {
    const controlLength = Number(this.#headers.view.getBigUint64(index * MMSGHDR_SIZE + 40, true));
    const control = index * CONTROL_SIZE;
    const view = this.#controls.view;
    if (controlLength < 36 || view.getInt32(control + 8, true) !== SOL_PACKET) return undefined;
    if (view.getInt32(control + 12, true) !== PACKET_AUXDATA) return undefined;
    const status = view.getUint32(control + 16, true);
    if (!(status & TP_STATUS_VLAN_VALID)) return undefined;
    const tpid = status & TP_STATUS_VLAN_TPID_VALID ? view.getUint16(control + 34, true) : 0x8100;
    return { tpid, tci: view.getUint16(control + 32, true) };
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
