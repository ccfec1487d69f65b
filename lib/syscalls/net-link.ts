// Network interfaces of the current network namespace through rtnetlink (rtnetlink(7)): read and change one link,
// and hear of changes. Requests are answered by the kernel within the send call, so they are plain synchronous calls.

import { getSystemErrorName } from 'node:util';
import { SyscallError } from '../errors.ts';
import { close, ioctl, setNonBlocking } from './fd.ts';
import { check, EAGAIN, lastErrno } from './libc.ts';
import { ENODEV, rawRead, rawWrite, stableBuffer } from './net-libc.ts';
import { AF_INET, AF_NETLINK, bind, SOCK_DGRAM, SOCK_RAW, socket } from './socket.ts';

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;

const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
/** nlmsghdr 16 bytes, then ifinfomsg 16 bytes, then attributes. */
const NLMSG_HDRLEN = 16;
const LINK_HEADER = 32;

/** IFNAMSIZ without the terminating NUL. */
export const INTERFACE_NAME_MAX = 15;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_STATS64 = 23;

export const IFF_UP = 0x1;
/** Operational: up with a carrier. */
export const IFF_RUNNING = 0x40;

/** rtnl_link_stats64 by name, in the kernel's order. */
const STATS64 = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
] as const;
export type LinkStats = Readonly<Record<(typeof STATS64)[number], bigint>>;

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** `aa:bb:cc:dd:ee:ff`; empty for a link without addresses. */
  readonly mac: string;
  readonly mtu: number;
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly stats: LinkStats | undefined;
}

export interface LinkChange {
  readonly kind: 'new' | 'deleted';
  readonly link: Link;
}

export interface LinkSettings {
  readonly mac?: string;
  readonly mtu?: number;
  readonly adminUp?: boolean;
}

/** `aa:bb:cc:dd:ee:ff` to 6 bytes; the caller has checked the form. */
export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** 6 bytes to `aa:bb:cc:dd:ee:ff`. */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Reads a link by name; undefined when there is none. Throws SyscallError. */
export function getLink(name: string): Link | undefined {
  if (name.length > INTERFACE_NAME_MAX) return undefined;
  const request = linkRequest(RTM_GETLINK, NLM_F_REQUEST, 0, 0, 0, [attribute(IFLA_IFNAME, cString(name))]);
  try {
    const reply = roundTrip('RTM_GETLINK', request);
    return reply.readUInt16LE(4) === RTM_NEWLINK ? parseLink(reply) : undefined;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ENODEV) return undefined;
    throw error;
  }
}

/** Changes a link. Throws SyscallError, after which some of the settings may have been made. */
export function setLink(ifindex: number, settings: LinkSettings): void {
  const attributes: Buffer[] = [];
  if (settings.mac !== undefined) attributes.push(attribute(IFLA_ADDRESS, macBytes(settings.mac)));
  if (settings.mtu !== undefined) {
    const mtu = Buffer.alloc(4);
    mtu.writeUInt32LE(settings.mtu);
    attributes.push(attribute(IFLA_MTU, mtu));
  }
  const change = settings.adminUp === undefined ? 0 : IFF_UP;
  const flags = settings.adminUp ? IFF_UP : 0;
  roundTrip('RTM_SETLINK', linkRequest(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, ifindex, flags, change, attributes));
}

/** A non-blocking socket that becomes readable when a link of this namespace changes; for readLinkChanges(). */
export function openLinkMonitor(): number {
  return openNetlink(RTMGRP_LINK);
}

/** The changes that wait on a monitor, at most one read's worth; undefined when none are left. Lost events (the socket overran) read as []. */
export function readLinkChanges(fd: number): LinkChange[] | undefined {
  const buffer = Buffer.alloc(32_768);
  const length = Number(rawRead(fd, buffer, buffer.length));
  if (length < 0) return lastErrno() === EAGAIN ? undefined : [];
  const changes: LinkChange[] = [];
  for (const message of messages(buffer.subarray(0, length))) {
    const type = message.readUInt16LE(4);
    if (type === RTM_NEWLINK) changes.push({ kind: 'new', link: parseLink(message) });
    if (type === RTM_DELLINK) changes.push({ kind: 'deleted', link: parseLink(message) });
  }
  return changes;
}

export function closeLinkMonitor(fd: number): void {
  close(fd);
}

export interface DriverInfo {
  readonly driver: string;
  readonly version: string;
  readonly firmware: string;
}

const SIOCETHTOOL = 0x8946;
const ETHTOOL_GSET = 1;
const ETHTOOL_GDRVINFO = 3;
/** struct ifreq: the name in 16 bytes, then a union of 24. */
const IFREQ_SIZE = 40;

/** The driver's name and versions as ethtool reports them; undefined when it does not. */
export function getDriverInfo(name: string): DriverInfo | undefined {
  // struct ethtool_drvinfo: cmd u32, driver[32], version[32], fw_version[32], bus_info[32], ...
  const info = ethtool(name, ETHTOOL_GDRVINFO, 196);
  const text = (offset: number) => info?.toString('latin1', offset, offset + 32).split('\0')[0] ?? '';
  return info && { driver: text(4), version: text(36), firmware: text(68) };
}

/** Bits per second and duplex as ethtool reports them; undefined when it does not know. */
export function getLinkSpeed(name: string): { bitsPerSecond: number; duplex: 'full' | 'half' } | undefined {
  // struct ethtool_cmd: speed in Mb/s as u16 at 12 and its upper half at 28, duplex u8 at 14.
  const settings = ethtool(name, ETHTOOL_GSET, 44);
  if (!settings) return undefined;
  const megabits = settings.readUInt16LE(12) + settings.readUInt16LE(28) * 0x10000;
  if (megabits === 0 || megabits >= 0xffff_0000 || megabits === 0xffff) return undefined;
  return { bitsPerSecond: megabits * 1_000_000, duplex: settings.readUInt8(14) === 1 ? 'full' : 'half' };
}

/** Runs an ethtool command whose structure begins with the command's number; undefined when it is refused. */
function ethtool(name: string, command: number, size: number): Buffer | undefined {
  const structure = stableBuffer(size);
  structure.view.setUint32(0, command, true);
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 0, INTERFACE_NAME_MAX, 'latin1');
  request.writeBigUInt64LE(structure.address, 16);
  const fd = socket(AF_INET, SOCK_DGRAM);
  try {
    ioctl(fd, 'SIOCETHTOOL', SIOCETHTOOL, request);
    return Buffer.from(structure.bytes.buffer);
  } catch {
    return undefined;
  } finally {
    close(fd);
  }
}

function openNetlink(groups: number): number {
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  try {
    bind(fd, address, 'AF_NETLINK');
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

function roundTrip(what: string, request: Buffer): Buffer {
  const fd = openNetlink(0);
  try {
    setNonBlocking(fd, false);
    check('write', Number(rawWrite(fd, request, request.length)), what);
    const reply = Buffer.alloc(32_768);
    const length = check('read', Number(rawRead(fd, reply, reply.length)), what);
    const message = reply.subarray(0, length);
    if (message.readUInt16LE(4) === NLMSG_ERROR) {
      const code = -message.readInt32LE(NLMSG_HDRLEN);
      if (code !== 0) throw new SyscallError('rtnetlink', getSystemErrorName(-code), code, what);
    }
    return message;
  } finally {
    close(fd);
  }
}

function linkRequest(
  type: number,
  flags: number,
  ifindex: number,
  linkFlags: number,
  change: number,
  attributes: Buffer[],
): Buffer {
  const header = Buffer.alloc(LINK_HEADER);
  const message = Buffer.concat([header, ...attributes]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeInt32LE(ifindex, NLMSG_HDRLEN + 4);
  message.writeUInt32LE(linkFlags, NLMSG_HDRLEN + 8);
  message.writeUInt32LE(change, NLMSG_HDRLEN + 12);
  return message;
}

/** rtattr: length u16 (unpadded), type u16, value padded to 4 bytes. */
function attribute(type: number, value: Buffer): Buffer {
  const length = 4 + value.length;
  const bytes = Buffer.alloc((length + 3) & ~3);
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

function* messages(bytes: Buffer): Generator<Buffer> {
  let offset = 0;
  while (offset + NLMSG_HDRLEN <= bytes.length) {
    const length = bytes.readUInt32LE(offset);
    if (length < NLMSG_HDRLEN || offset + length > bytes.length) return;
    yield bytes.subarray(offset, offset + length);
    offset += (length + 3) & ~3;
  }
}

function parseLink(message: Buffer): Link {
  const flags = message.readUInt32LE(NLMSG_HDRLEN + 8);
  let name = '';
  let mac = '';
  let mtu = 0;
  let stats: LinkStats | undefined;
  let offset = LINK_HEADER;
  while (offset + 4 <= message.length) {
    const length = message.readUInt16LE(offset);
    if (length < 4 || offset + length > message.length) break;
    const type = message.readUInt16LE(offset + 2) & 0x3fff;
    const value = message.subarray(offset + 4, offset + length);
    if (type === IFLA_IFNAME) name = value.toString('latin1').split('\0')[0] ?? '';
    if (type === IFLA_ADDRESS && value.length === 6) mac = macText(value);
    if (type === IFLA_MTU) mtu = value.readUInt32LE(0);
    if (type === IFLA_STATS64) stats = parseStats(value);
    offset += (length + 3) & ~3;
  }
  const ifindex = message.readInt32LE(NLMSG_HDRLEN + 4);
  return { ifindex, name, mac, mtu, adminUp: (flags & IFF_UP) !== 0, carrier: (flags & IFF_RUNNING) !== 0, stats };
}

function parseStats(value: Buffer): LinkStats {
  const at = (index: number) => (value.length >= index * 8 + 8 ? value.readBigUInt64LE(index * 8) : 0n);
  return Object.fromEntries(STATS64.map((name, index) => [name, at(index)])) as LinkStats;
}
