// One OpenFlow connection as bytes: messages go out as the real ovs-ofctl made them, and what a switch answers is compared
// byte for byte. Only the eight bytes of the header are understood here, and what it takes to follow multipart replies.
import { connect, type Socket } from 'node:net';

const OFPT_HELLO = 0;
const OFPT_ERROR = 1;
const OFPT_ECHO_REQUEST = 2;
const OFPT_ECHO_REPLY = 3;
const OFPT_PACKET_IN = 10;
const OFPT_PACKET_OUT = 13;
const OFP_NO_BUFFER = 0xffffffff;
const OFPP_CONTROLLER = 0xfffffffd;
/** OFPT_VENDOR of 1.0, OFPT_EXPERIMENTER later. */
const OFPT_EXPERIMENTER = 4;
const NX_VENDOR_ID = 0x2320;
const NXT_PACKET_IN2 = 30;

export const VERSIONS = { OpenFlow10: 1, OpenFlow13: 4, OpenFlow14: 5, OpenFlow15: 6 } as const;
export type Version = keyof typeof VERSIONS;

/** The versions that cases use, from `since` on; later ones more often. */
export function versionsFrom(since: Version = 'OpenFlow10'): Version[] {
  const all = ['OpenFlow10', 'OpenFlow13', 'OpenFlow13', 'OpenFlow15', 'OpenFlow15'] as const;
  return all.filter((version) => version >= since);
}

/** Message types whose numbers 1.1 changed. */
const numbersOf = (version: number) =>
  version === 1
    ? { barrier: 18, barrierReply: 19, multipart: 16, multipartReply: 17 }
    : { barrier: 20, barrierReply: 21, multipart: 18, multipartReply: 19 };

/** What a switch sent between a list of messages and the reply to the barrier behind them. */
export interface Exchange {
  /** By position in the list: `type:code` in decimal, with the experimenter's where it has one. */
  readonly errors: ReadonlyMap<number, string>;
  readonly packetIns: readonly Buffer[];
  /** Bodies of multipart replies without their headers, joined. */
  readonly multipart: Buffer;
}

/** Cuts a byte stream into OpenFlow messages. */
export function cutMessages(received: Buffer): { messages: Buffer[]; rest: Buffer } {
  const messages: Buffer[] = [];
  let at = 0;
  while (received.length - at >= 8) {
    const size = received.readUInt16BE(at + 2);
    if (received.length - at < size) break;
    messages.push(received.subarray(at, at + size));
    at += size;
  }
  return { messages, rest: received.subarray(at) };
}

/** A message of `type` with `body`. */
export function message(version: number, type: number, body: Buffer = Buffer.alloc(0), xid = 0): Buffer {
  const header = Buffer.alloc(8);
  header[0] = version;
  header[1] = type;
  header.writeUInt16BE(8 + body.length, 2);
  header.writeUInt32BE(xid, 4);
  return Buffer.concat([header, body]);
}

/** An OFPT_EXPERIMENTER message of Nicira's. */
export function nicira(version: number, subtype: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(NX_VENDOR_ID, 0);
  header.writeUInt32BE(subtype, 4);
  return message(version, OFPT_EXPERIMENTER, Buffer.concat([header, body]));
}

/** OFPT_PACKET_OUT of OpenFlow 1.3, from OFPP_CONTROLLER. */
export function packetOut(actions: Buffer, frame: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(OFP_NO_BUFFER, 0);
  header.writeUInt32BE(OFPP_CONTROLLER, 4);
  header.writeUInt16BE(actions.length, 8);
  return message(VERSIONS.OpenFlow13, OFPT_PACKET_OUT, Buffer.concat([header, actions, frame]));
}

export class OpenFlowLink {
  readonly version: number;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #xid = 1;
  #received: Buffer[] = [];
  #wake: () => void = () => {};
  #closed = false;

  private constructor(socket: Socket, version: number) {
    this.#socket = socket;
    this.version = version;
    socket.on('data', (data) => this.#take(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Connects to a bridge's `.mgmt` socket and asks for packet-ins with whole packets. */
  static async open(path: string, version: Version): Promise<OpenFlowLink> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const link = new OpenFlowLink(socket, VERSIONS[version]);
    // OFPT_HELLO with a bitmap of this one version.
    const bitmap = Buffer.from([0, 1, 0, 8, 0, 0, 0, 0]);
    bitmap.writeUInt32BE(1 << link.version, 4);
    socket.write(message(link.version, OFPT_HELLO, bitmap));
    await link.exchange([message(link.version, OFPT_SET_CONFIG, Buffer.from([0, 0, 0xff, 0xff]))]);
    return link;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends `messages` and a barrier; resolves with what came up to its reply. */
  async exchange(messages: readonly Buffer[]): Promise<Exchange> {
    const first = this.#xid;
    const numbered = messages.map((bytes) => this.#numbered(bytes));
    const barrier = this.#numbered(message(this.version, numbersOf(this.version).barrier));
    this.#socket.write(Buffer.concat([...numbered, barrier]));
    const last = barrier.readUInt32BE(4);
    while (!this.#hasBarrierReply(last)) {
      if (this.#closed) throw new Error('the switch closed the OpenFlow connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const received = this.#received;
    this.#received = [];
    return this.#sort(received, first);
  }

  /** All entries of one kind of statistics. */
  async multipart(type: number, body: Buffer): Promise<Buffer> {
    const header = Buffer.alloc(this.version === 1 ? 4 : 8);
    header.writeUInt16BE(type, 0);
    const request = message(this.version, numbersOf(this.version).multipart, Buffer.concat([header, body]));
    return (await this.exchange([request])).multipart;
  }

  #numbered(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    copy.writeUInt32BE(this.#xid++, 4);
    return copy;
  }

  #take(data: Buffer): void {
    const { messages, rest } = cutMessages(Buffer.concat([this.#rest, data]));
    this.#rest = rest;
    for (const bytes of messages) {
      if (bytes[1] === OFPT_ECHO_REQUEST) {
        this.#socket.write(message(this.version, OFPT_ECHO_REPLY, bytes.subarray(8), bytes.readUInt32BE(4)));
      } else this.#received.push(bytes);
    }
    this.#wake();
  }

  #hasBarrierReply(xid: number): boolean {
    const { barrierReply } = numbersOf(this.version);
    return this.#received.some((bytes) => bytes[1] === barrierReply && bytes.readUInt32BE(4) === xid);
  }

  #sort(received: readonly Buffer[], firstXid: number): Exchange {
    const errors = new Map<number, string>();
    const packetIns: Buffer[] = [];
    const multipart: Buffer[] = [];
    for (const bytes of received) {
      if (bytes[1] === OFPT_ERROR) errors.set(bytes.readUInt32BE(4) - firstXid, errorText(bytes));
      else if (bytes[1] === OFPT_PACKET_IN || isPacketIn2(bytes)) packetIns.push(bytes);
      else if (bytes[1] === numbersOf(this.version).multipartReply) {
        multipart.push(bytes.subarray(this.version === 1 ? 12 : 16));
      }
    }
    return { errors, packetIns, multipart: Buffer.concat(multipart) };
  }
}

function isPacketIn2(bytes: Buffer): boolean {
  if (bytes[1] !== OFPT_EXPERIMENTER || bytes.length < 16) return false;
  return bytes.readUInt32BE(8) === NX_VENDOR_ID && bytes.readUInt32BE(12) === NXT_PACKET_IN2;
}

const OFPT_SET_CONFIG = 9;
const OFPET_EXPERIMENTER = 0xffff;
const OFPET10_NICIRA = 0xb0c2;

function errorText(bytes: Buffer): string {
  const type = bytes.readUInt16BE(8);
  const code = bytes.readUInt16BE(10);
  if (type === OFPET_EXPERIMENTER) return `${type}:${code}:${bytes.readUInt32BE(12)}`;
  if (type === OFPET10_NICIRA) return `${type}:${code}:${bytes.subarray(12, 20).toString('hex')}`;
  return `${type}:${code}`;
}
