// Cuts the byte stream of one front-end connection into messages, with the descriptors that came along. A message may
// arrive in pieces; its descriptors come with its first byte.

import { ProtocolError } from '../../../lib/errors.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { WOULD_BLOCK } from '../../../lib/syscalls/libc.ts';
import { receiveWithFds } from '../../../lib/syscalls/unix-socket.ts';
import { decodeHeader, HEADER_SIZE, type Header, MESSAGE_FDS_MAX, PAYLOAD_SIZE_MAX } from './protocol.ts';

/** Descriptors of one message: whoever wants one takes it, and then owns it; the rest is closed with the message. */
export class PassedFds {
  #fds: readonly number[];

  constructor(fds: readonly number[]) {
    this.#fds = fds;
  }

  get count(): number {
    return this.#fds.length;
  }

  takeAll(): readonly number[] {
    const fds = this.#fds;
    this.#fds = [];
    return fds;
  }

  closeRest(): void {
    for (const fd of this.takeAll()) close(fd);
  }
}

export interface Message {
  readonly request: number;
  readonly needReply: boolean;
  /** Valid until the next message is read. */
  readonly payload: Uint8Array;
  readonly fds: PassedFds;
}

export class MessageReader {
  readonly #socket: number;
  readonly #buffer = new Uint8Array(new ArrayBuffer(HEADER_SIZE + PAYLOAD_SIZE_MAX));
  #filled = 0;
  #header: Header | undefined;
  #fds: number[] = [];

  constructor(socket: number) {
    this.#socket = socket;
  }

  /**
   * The next whole message; `undefined` until more bytes come; `end` when the front-end is gone. Throws ProtocolError
   * for a header that cannot be, too many descriptors, or an end inside a message.
   */
  next(): Message | 'end' | undefined {
    for (;;) {
      this.#header ??= this.#filled >= HEADER_SIZE ? decodeHeader(this.#buffer.subarray(0, HEADER_SIZE)) : undefined;
      const wanted = HEADER_SIZE + (this.#header?.size ?? 0);
      if (this.#header && this.#filled === wanted) return this.#finish(this.#header);
      const got = this.#fill(wanted);
      if (got === WOULD_BLOCK) return undefined;
      if (got > 0) continue;
      if (this.#filled > 0) throw new ProtocolError('vhost-user-truncated', 'connection closed inside a message');
      return 'end';
    }
  }

  /** Closes the descriptors of a message that never became whole. */
  close(): void {
    for (const fd of this.#fds.splice(0)) close(fd);
  }

  #fill(wanted: number): number {
    const target = this.#buffer.subarray(this.#filled, wanted);
    const { size, fds, fdsTruncated } = receiveWithFds(this.#socket, target, MESSAGE_FDS_MAX);
    this.#fds.push(...fds);
    if (fdsTruncated || this.#fds.length > MESSAGE_FDS_MAX) {
      throw new ProtocolError('vhost-user-fds', `more than ${MESSAGE_FDS_MAX} descriptors in one message`);
    }
    if (size > 0) this.#filled += size;
    return size;
  }

  #finish(header: Header): Message {
    const payload = this.#buffer.subarray(HEADER_SIZE, this.#filled);
    const fds = new PassedFds(this.#fds);
    this.#filled = 0;
    this.#header = undefined;
    this.#fds = [];
    return { request: header.request, needReply: header.needReply, payload, fds };
  }
}
