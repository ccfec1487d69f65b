// A frame from a datapath flow in ovs-dpctl's syntax, for netdev-dummy/receive: the headers that the flow names, with
// lengths and checksums right, and as a payload what is usual in tests of Open vSwitch (64 bytes behind UDP, ICMP and
// a TCP segment that carries no SYN, FIN or RST).

import { checksumAdd, checksumFold } from '../../../datapath/port/kernel/offload.ts';
import { UserError } from '../../../lib/errors.ts';
import { splitItems } from '../../../ofproto/odp-text/groups.ts';

const PAYLOAD_SIZE = 64;
const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'];
const TCP_NO_PAYLOAD = 0x07;

/** Group name to its words: `eth` to `{ src: ..., dst: ... }`; a group without words has its text under ''. */
type Groups = Map<string, Map<string, string>>;

/** The frame, filled up with zeros to `size` bytes. Throws UserError for a flow that is no frame's. */
export function composePacket(text: string, size?: number): Uint8Array {
  const groups = parseGroups(text);
  if (size === undefined) return compose(groups);
  const headerSize = compose(groups, 0).length;
  if (size < headerSize) throw new UserError('too small packet len');
  const frame = compose(groups, size - headerSize);
  return Buffer.concat([frame, Buffer.alloc(size - frame.length)]);
}

/** `length`: of the payload, where the protocol has one. */
function compose(groups: Groups, length?: number): Buffer {
  const headers: Buffer[] = [];
  let rest: Groups | undefined = groups;
  while (rest?.get('eth_type') && rest.has('vlan')) {
    const vlan: Map<string, string> = rest.get('vlan')!;
    const tci = (number(vlan, 'pcp') << 13) | number(vlan, 'vid');
    headers.push(u16(integer(rest.get('eth_type')!.get('')!)), u16(tci));
    const inner: string | undefined = rest.get('encap')?.get('');
    rest = inner === undefined ? undefined : parseGroups(inner);
  }
  const eth = groups.get('eth') ?? new Map();
  const body = rest ? ethernetPayload(rest, length) : Buffer.alloc(0);
  return Buffer.concat([mac(eth, 'dst'), mac(eth, 'src'), ...headers, body]);
}

function parseGroups(text: string): Groups {
  const groups: Groups = new Map();
  for (const item of splitItems(text)) {
    const match = /^([a-z_0-9]+)\((.*)\)$/s.exec(item);
    if (!match) throw new UserError(`syntax error at ${item}`);
    const [, name, inside] = match as unknown as [string, string, string];
    const words = new Map([['', inside]]);
    if (name !== 'encap') {
      for (const word of splitItems(inside)) {
        const at = word.indexOf('=');
        // A mask makes no difference to a frame.
        if (at > 0) words.set(word.slice(0, at), word.slice(at + 1).split('/')[0]!);
      }
    }
    groups.set(name, words);
  }
  return groups;
}

function ethernetPayload(groups: Groups, length: number | undefined): Buffer {
  const type = groups.get('eth_type');
  if (!type) return Buffer.concat([u16(0)]);
  const ethType = integer(type.get('')!);
  const ip = groups.get('ipv4') ?? groups.get('ipv6');
  const arp = groups.get('arp');
  if (ethType === 0x0800 && ip) return Buffer.concat([u16(ethType), ipv4Packet(groups, ip, length)]);
  if (ethType === 0x86dd && ip) return Buffer.concat([u16(ethType), ipv6Packet(groups, ip, length)]);
  if (ethType === 0x0806 && arp) return Buffer.concat([u16(ethType), arpPacket(arp)]);
  return u16(ethType);
}

function arpPacket(arp: Map<string, string>): Buffer {
  const fixed = Buffer.from('0001080006040000', 'hex');
  fixed.writeUInt16BE(number(arp, 'op'), 6);
  return Buffer.concat([fixed, mac(arp, 'sha'), ipv4(arp, 'sip'), mac(arp, 'tha'), ipv4(arp, 'tip')]);
}

function ipv4Packet(groups: Groups, ip: Map<string, string>, length: number | undefined): Buffer {
  const [src, dst] = [ipv4(ip, 'src'), ipv4(ip, 'dst')];
  const fragment = ip.get('frag') ?? 'no';
  const protocol = number(ip, 'proto');
  const l4 = fragment === 'later' ? payload(length) : transport(groups, protocol, Buffer.concat([src, dst]), length);
  const header = Buffer.alloc(12);
  header[0] = 0x45;
  header[1] = number(ip, 'tos');
  header.writeUInt16BE(20 + l4.length, 2);
  header.writeUInt16BE(fragment === 'first' ? 0x2000 : fragment === 'later' ? 100 : 0, 6);
  header[8] = number(ip, 'ttl');
  header[9] = protocol;
  const whole = Buffer.concat([header, src, dst]);
  whole.writeUInt16BE(checksumFold(checksumAdd(whole, 0, 20)), 10);
  return Buffer.concat([whole, l4]);
}

function ipv6Packet(groups: Groups, ip: Map<string, string>, length: number | undefined): Buffer {
  const addresses = Buffer.concat([ipv6(ip, 'src'), ipv6(ip, 'dst')]);
  const l4 = transport(groups, number(ip, 'proto'), addresses, length);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(((6 << 28) | (number(ip, 'tclass') << 20) | number(ip, 'label')) >>> 0, 0);
  header.writeUInt16BE(l4.length, 4);
  header[6] = number(ip, 'proto');
  header[7] = number(ip, 'hlimit');
  return Buffer.concat([header, addresses, l4]);
}

/** The transport header and payload with the checksum over `addresses` in its pseudo header. */
function transport(groups: Groups, protocol: number, addresses: Buffer, length: number | undefined): Buffer {
  const pseudo = (size: number) => checksumAdd(addresses, 0, addresses.length, protocol + size);
  const [tcp, udp] = [groups.get('tcp'), groups.get('udp')];
  const [icmp, icmpv6, sctp] = [groups.get('icmp'), groups.get('icmpv6'), groups.get('sctp')];
  if (protocol === 6 && tcp) return withChecksum(tcpSegment(groups, tcp, length), 16, pseudo);
  if (protocol === 17 && udp) {
    const data = payload(length);
    return withChecksum(Buffer.concat([ports(udp), u16(8 + data.length), u16(0), data]), 6, pseudo);
  }
  if (protocol === 132 && sctp) return Buffer.concat([ports(sctp), Buffer.alloc(8)]);
  if (protocol === 1 && icmp) {
    return withChecksum(Buffer.concat([typeAndCode(icmp), Buffer.alloc(6), payload(length)]), 2, () => 0);
  }
  if (protocol === 58 && icmpv6) {
    const nd = groups.get('nd');
    const body = nd ? ndBody(nd) : Buffer.concat([Buffer.alloc(4), payload(length)]);
    return withChecksum(Buffer.concat([typeAndCode(icmpv6), u16(0), body]), 2, pseudo);
  }
  return payload(length);
}

function tcpSegment(groups: Groups, tcp: Map<string, string>, length: number | undefined): Buffer {
  const words = groups.get('tcp_flags')?.get('') ?? '';
  const flags = /^(0x)?[0-9a-f]+$/.test(words)
    ? integer(words)
    : words
        .split(/[|+]/)
        .reduce((bits, name) => bits | (TCP_FLAGS.includes(name) ? 1 << TCP_FLAGS.indexOf(name) : 0), 0);
  const data = flags & TCP_NO_PAYLOAD && length === undefined ? Buffer.alloc(0) : payload(length);
  const header = Buffer.concat([ports(tcp), Buffer.alloc(16)]);
  header.writeUInt16BE(0x5000 | flags, 12);
  return Buffer.concat([header, data]);
}

function ndBody(nd: Map<string, string>): Buffer {
  const option = (name: string, type: number) =>
    nd.has(name) && !/^[0:]*$/.test(nd.get(name)!) ? [Buffer.from([type, 1]), mac(nd, name)] : [];
  return Buffer.concat([Buffer.alloc(4), ipv6(nd, 'target'), ...option('sll', 1), ...option('tll', 2)]);
}

function withChecksum(segment: Buffer, offset: number, pseudo: (size: number) => number): Buffer {
  const sum = checksumFold(checksumAdd(segment, 0, segment.length, pseudo(segment.length)));
  segment.writeUInt16BE(sum, offset);
  return segment;
}

function payload(length: number | undefined): Buffer {
  if (length !== undefined) return Buffer.alloc(length);
  return Buffer.from(Array.from({ length: PAYLOAD_SIZE }, (_, index) => index & 0xff));
}

function ports(words: Map<string, string>): Buffer {
  return Buffer.concat([u16(number(words, 'src')), u16(number(words, 'dst'))]);
}

function typeAndCode(words: Map<string, string>): Buffer {
  return Buffer.from([number(words, 'type'), number(words, 'code')]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}

function number(words: Map<string, string>, name: string): number {
  return integer(words.get(name) ?? '0');
}

function integer(text: string): number {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw new UserError(`syntax error at ${text}`);
  return Number(text);
}

function mac(words: Map<string, string>, name: string): Buffer {
  const text = words.get(name) ?? '00:00:00:00:00:00';
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) throw new UserError(`syntax error at ${text}`);
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function ipv4(words: Map<string, string>, name: string): Buffer {
  const bytes = (words.get(name) ?? '0.0.0.0').split('.').map(integer);
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) throw new UserError(`syntax error at ${words.get(name)}`);
  return Buffer.from(bytes);
}

function ipv6(words: Map<string, string>, name: string): Buffer {
  const text = words.get(name) ?? '::';
  const bad = () => new UserError(`syntax error at ${text}`);
  if (!/^[0-9a-f:]+$/i.test(text)) throw bad();
  const [left = '', right] = text.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [head, tail] = [groups(left), groups(right)];
  const gap = 8 - head.length - tail.length;
  if (gap < 0 || (right === undefined && gap !== 0)) throw bad();
  return Buffer.concat([...head, ...Array<number>(gap).fill(0), ...tail].map(u16));
}
