// OpenFlow messages put together in hex, right or wrong, and what a switch answers to them.
import { join } from 'node:path';
import { Peer, until } from './sockets.ts';

const OFPT_ERROR = '01';

export const hex16 = (value: number): string => value.toString(16).padStart(4, '0');
export const hex32 = (value: number): string => value.toString(16).padStart(8, '0');

/** A message of the version's header and a body in hex; `length` overrides the right one. */
export function message(version: number, type: number, body: string, length?: number, xid = 0x11): string {
  const hex = body.replaceAll(' ', '');
  const header = Buffer.alloc(8);
  header.writeUInt8(version, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(length ?? 8 + hex.length / 2, 2);
  header.writeUInt32BE(xid, 4);
  return header.toString('hex') + hex;
}

/** The body of a statistics request. */
export function multipart(version: number, type: number, body: string, flags = 0): string {
  return message(
    version,
    version === 1 ? 16 : 18,
    `${hex16(type)} ${hex16(flags)} ${version === 1 ? '' : '00000000'} ${body}`,
  );
}

/** A property whose value is not padded. */
export const property = (type: number, value: string): string =>
  `${hex16(type)} ${hex16(4 + value.length / 2)} ${value}`;

const BARRIER_XID = 0xcc;

/** A hello that leaves one version only. */
const hello = (version: number) => message(version, 0, `00010008 ${hex32(1 << version)}`);
const barrier = (version: number) => message(version, version === 1 ? 18 : 20, '', undefined, BARRIER_XID);

/** What comes back for `messages` on a connection of `version`, before the reply to a barrier. */
export async function answers(rundir: string, version: number, messages: readonly string[]): Promise<string[]> {
  const peer = await Peer.connect(join(rundir, 'br0.mgmt'));
  peer.send(hello(version));
  for (const one of messages) peer.send(one);
  peer.send(barrier(version));
  await until(() => peer.closed || peer.messages().at(-1)?.endsWith(hex32(BARRIER_XID)) === true, 30_000);
  peer.socket.destroy();
  return peer.messages().slice(1, -1);
}

/** Errors whole, of other messages only the type. */
export const errorOrType = (text: string): string =>
  text.slice(2, 4) === OFPT_ERROR ? text : `type ${text.slice(2, 4)}`;
