// The front-end half of one vhost-user connection: negotiates, hands over guest RAM, starts two virtqueues.
// Synchronous: a generator guest has nothing else to do before its rings run.

import { ProtocolError } from '../../lib/errors.ts';
import { close } from '../../lib/syscalls/fd.ts';
import {
  encodeMemTable,
  encodeMessage,
  encodeU64,
  encodeVringAddr,
  encodeVringState,
  FLAG_REPLY,
  HEADER_SIZE,
  type RingAddresses,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VHOST_USER_GET_FEATURES,
  VHOST_USER_GET_PROTOCOL_FEATURES,
  VHOST_USER_GET_VRING_BASE,
  VHOST_USER_PROTOCOL_F_REPLY_ACK,
  VHOST_USER_SET_FEATURES,
  VHOST_USER_SET_MEM_TABLE,
  VHOST_USER_SET_OWNER,
  VHOST_USER_SET_PROTOCOL_FEATURES,
  VHOST_USER_SET_VRING_ADDR,
  VHOST_USER_SET_VRING_BASE,
  VHOST_USER_SET_VRING_CALL,
  VHOST_USER_SET_VRING_ENABLE,
  VHOST_USER_SET_VRING_KICK,
  VHOST_USER_SET_VRING_NUM,
} from './vhost-messages.ts';
import { isReadable, receiveExactly, sendMessage } from './wait.ts';

const REPLY_TIMEOUT_MS = 5000;
const PAYLOAD_MAX = 4096;

export interface Virtqueue {
  readonly size: number;
  /** Avail index that the back-end starts from. */
  readonly base: number;
  readonly addresses: RingAddresses;
  readonly kickFd: number;
  readonly callFd: number;
}

export interface GuestMemory {
  readonly fd: number;
  readonly size: number;
  readonly guestAddr: bigint;
  readonly userAddr: bigint;
}

export class FrontEnd {
  readonly #fd: number;
  #replyAck = false;

  /** Takes over a connected socket; close() closes it. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Brings the device up: queue 0 receives, queue 1 transmits. Returns the negotiated feature bits, which are those
   * of `wanted` that the back-end offers. Throws ProtocolError on a bad reply, SyscallError when the peer is gone.
   */
  start(wanted: bigint, memory: GuestMemory, queues: readonly Virtqueue[]): bigint {
    const features = this.#negotiate(wanted);
    this.#command(VHOST_USER_SET_OWNER, Buffer.alloc(0));
    this.#command(VHOST_USER_SET_FEATURES, encodeU64(features));
    const table = encodeMemTable(memory.guestAddr, memory.size, memory.userAddr);
    this.#command(VHOST_USER_SET_MEM_TABLE, table, [memory.fd]);
    queues.forEach((queue, index) => {
      this.#startQueue(index, queue);
    });
    if (features & VHOST_USER_F_PROTOCOL_FEATURES) {
      for (const index of queues.keys()) this.#command(VHOST_USER_SET_VRING_ENABLE, encodeVringState(index, 1));
    }
    return features;
  }

  /** Stops both rings as a guest driver's reset does; returns the avail index the back-end reached on each. */
  stop(queueCount: number): number[] {
    const bases: number[] = [];
    for (let index = 0; index < queueCount; index++) {
      this.#send(VHOST_USER_GET_VRING_BASE, encodeVringState(index, 0));
      bases.push(this.#reply(VHOST_USER_GET_VRING_BASE, 8).readUInt32LE(4));
    }
    return bases;
  }

  /** True once the back-end has closed the connection: nothing else makes the idle socket readable. */
  isClosed(): boolean {
    return isReadable(this.#fd, 0);
  }

  close(): void {
    close(this.#fd);
  }

  #negotiate(wanted: bigint): bigint {
    const features = this.#ask(VHOST_USER_GET_FEATURES) & (wanted | VHOST_USER_F_PROTOCOL_FEATURES);
    if (features & VHOST_USER_F_PROTOCOL_FEATURES) {
      const offered = this.#ask(VHOST_USER_GET_PROTOCOL_FEATURES);
      const protocol = offered & VHOST_USER_PROTOCOL_F_REPLY_ACK;
      this.#command(VHOST_USER_SET_PROTOCOL_FEATURES, encodeU64(protocol));
      this.#replyAck = protocol !== 0n;
    }
    return features;
  }

  #startQueue(index: number, queue: Virtqueue): void {
    this.#command(VHOST_USER_SET_VRING_NUM, encodeVringState(index, queue.size));
    this.#command(VHOST_USER_SET_VRING_BASE, encodeVringState(index, queue.base));
    this.#command(VHOST_USER_SET_VRING_ADDR, encodeVringAddr(index, queue.addresses));
    this.#command(VHOST_USER_SET_VRING_CALL, encodeU64(BigInt(index)), [queue.callFd]);
    this.#command(VHOST_USER_SET_VRING_KICK, encodeU64(BigInt(index)), [queue.kickFd]);
  }

  #ask(request: number): bigint {
    this.#send(request, Buffer.alloc(0));
    return this.#reply(request, 8).readBigUInt64LE(0);
  }

  /** Sends a request without a reply of its own; with REPLY_ACK its success is waited for. */
  #command(request: number, payload: Buffer, fds: readonly number[] = []): void {
    const acknowledged = this.#replyAck;
    this.#send(request, payload, fds, acknowledged);
    if (!acknowledged) return;
    if (this.#reply(request, 8).readBigUInt64LE(0) !== 0n) {
      throw new ProtocolError('vhost-user-nack', `the switch refused vhost-user request ${request}`);
    }
  }

  #send(request: number, payload: Buffer, fds: readonly number[] = [], needReply = false): void {
    sendMessage(this.#fd, encodeMessage(request, payload, needReply), fds);
  }

  #reply(request: number, size: number): Buffer {
    const header = receiveExactly(this.#fd, HEADER_SIZE, REPLY_TIMEOUT_MS);
    const payloadSize = header.readUInt32LE(8);
    if (payloadSize > PAYLOAD_MAX) throw new ProtocolError('vhost-user-payload-size', `reply of ${payloadSize} bytes`);
    const payload = receiveExactly(this.#fd, payloadSize, REPLY_TIMEOUT_MS);
    if (header.readUInt32LE(0) !== request || !(header.readUInt32LE(4) & FLAG_REPLY) || payloadSize !== size) {
      throw new ProtocolError('vhost-user-reply', `unexpected answer to vhost-user request ${request}`);
    }
    return payload;
  }
}
