// A frame from a flow key: what a packet of such a flow looks like on the wire. What is not in frames (marks, registers,
// connections) is left out; a layer that the key says nothing of is not there.
import { checksumAdd, checksumFold } from '../../datapath/port/kernel/offload.ts';
import * as F from '../../ofproto/model/flow.ts';

const DL_TYPE_NONE = 0x05ff;
const PAYLOAD = Buffer.from('weft weft weft weft weft weft');

const u8 = (...values: number[]) => Buffer.from(values);
const u16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const u32 = (value: number) => Buffer.from([value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);

export function composeFrame(flow: F.Flow): Buffer {
  const at = (offset: number, size: number) => Buffer.from(flow.bytes.subarray(offset, offset + size));
  const tags = [F.KEY_VLAN0_TPID, F.KEY_VLAN1_TPID].flatMap((tpidAt) => {
    const tci = flow.u16(tpidAt + 2);
    return tci & F.VLAN_CFI ? [u16(flow.u16(tpidAt) || 0x8100), u16(tci & ~F.VLAN_CFI)] : [];
  });
  const type = flow.u16(F.KEY_ETH_TYPE);
  const head = [at(F.KEY_ETH_DST, 6), at(F.KEY_ETH_SRC, 6), ...tags];
  if (type === DL_TYPE_NONE || type < 0x600) return pad(Buffer.concat([...head, u16(46), u8(0x42, 0x42, 3)]));
  return pad(Buffer.concat([...head, u16(type), layer3(flow, type)]));
}

function pad(frame: Buffer): Buffer {
  return frame.length >= 60 ? frame : Buffer.concat([frame, Buffer.alloc(60 - frame.length)]);
}

function layer3(flow: F.Flow, type: number): Buffer {
  if (type === 0x0800) return ipv4(flow);
  if (type === 0x86dd) return ipv6(flow);
  if (type === 0x0806 || type === 0x8035) return arp(flow);
  if (type === 0x8847 || type === 0x8848) return mpls(flow);
  return type === 0x894f ? nsh(flow) : PAYLOAD;
}

function ipv4(flow: F.Flow): Buffer {
  const addresses = Buffer.from(flow.bytes.subarray(F.KEY_NW_SRC, F.KEY_NW_DST + 4));
  const fragment = flow.bytes[F.KEY_NW_FRAG]!;
  const isLater = (fragment & F.FLOW_NW_FRAG_LATER) !== 0;
  const flags = fragment === 0 ? 0 : isLater ? 0x0010 : 0x2000;
  const protocol = flow.bytes[F.KEY_NW_PROTO]!;
  const body = isLater ? PAYLOAD : layer4(flow, protocol, addresses);
  const tos = flow.bytes[F.KEY_NW_TOS]!;
  const ttl = flow.bytes[F.KEY_NW_TTL]!;
  const start = [u8(0x45, tos), u16(20 + body.length), u16(1), u16(flags), u8(ttl, protocol)];
  const header = Buffer.concat([...start, u16(0), addresses]);
  header.writeUInt16BE(checksumFold(checksumAdd(header, 0, 20)), 10);
  return Buffer.concat([header, body]);
}

function ipv6(flow: F.Flow): Buffer {
  const addresses = Buffer.from(flow.bytes.subarray(F.KEY_IPV6_SRC, F.KEY_IPV6_DST + 16));
  const protocol = flow.bytes[F.KEY_NW_PROTO]!;
  const body = layer4(flow, protocol, addresses);
  const word = (0x60000000 | (flow.bytes[F.KEY_NW_TOS]! << 20) | flow.u32(F.KEY_IPV6_LABEL)) >>> 0;
  return Buffer.concat([u32(word), u16(body.length), u8(protocol, flow.bytes[F.KEY_NW_TTL]!), addresses, body]);
}

/** Where the checksum is in a header of the protocol, and whether addresses are part of it. */
const CHECKSUMS: Readonly<Record<number, readonly [at: number, withAddresses: boolean]>> = {
  1: [2, false],
  2: [2, false],
  6: [16, true],
  17: [6, true],
  58: [2, true],
};

function layer4(flow: F.Flow, protocol: number, addresses: Buffer): Buffer {
  const body = Buffer.concat([header4(flow, protocol), PAYLOAD]);
  const [at, withAddresses] = CHECKSUMS[protocol] ?? [undefined, false];
  if (at === undefined) return body;
  const pseudo = Buffer.concat([addresses, u32(body.length), u32(protocol)]);
  const sum = withAddresses ? checksumAdd(pseudo, 0, pseudo.length) : 0;
  body.writeUInt16BE(checksumFold(checksumAdd(body, 0, body.length, sum)), at);
  return body;
}

function header4(flow: F.Flow, protocol: number): Buffer {
  const ports = Buffer.from(flow.bytes.subarray(F.KEY_TP_SRC, F.KEY_TP_SRC + 4));
  const [typeByte, codeByte] = [flow.u16(F.KEY_TP_SRC) & 0xff, flow.u16(F.KEY_TP_DST) & 0xff];
  switch (protocol) {
    case 6:
      return Buffer.concat([ports, u32(1), u32(2), u16(0x5000 | flow.u16(F.KEY_TCP_FLAGS)), u16(99), u32(0)]);
    case 17:
      return Buffer.concat([ports, u16(8 + PAYLOAD.length), u16(0)]);
    case 132:
      return Buffer.concat([ports, u32(7), u32(0)]);
    case 1:
      return Buffer.concat([u8(typeByte, codeByte), u16(0), u32(1)]);
    case 2:
      return Buffer.concat([u8(typeByte, codeByte), u16(0), u32(flow.u32(F.KEY_IGMP_GROUP))]);
    case 58:
      return icmpv6(flow, typeByte, codeByte);
    default:
      return Buffer.alloc(0);
  }
}

function icmpv6(flow: F.Flow, type: number, code: number): Buffer {
  const start = Buffer.concat([u8(type, code), u16(0), u32(flow.u32(F.KEY_ND_RESERVED))]);
  if (type !== 135 && type !== 136) return start;
  const target = Buffer.from(flow.bytes.subarray(F.KEY_ND_TARGET, F.KEY_ND_TARGET + 16));
  const option = (kind: number, at: number) =>
    Buffer.concat([u8(kind, 1), Buffer.from(flow.bytes.subarray(at, at + 6))]);
  // The payload behind it would be read as an option.
  return Buffer.concat([start, target, type === 135 ? option(1, F.KEY_ARP_SHA) : option(2, F.KEY_ARP_THA)]);
}

function arp(flow: F.Flow): Buffer {
  const at = (offset: number, size: number) => Buffer.from(flow.bytes.subarray(offset, offset + size));
  const operation = u16(flow.bytes[F.KEY_NW_PROTO]!);
  const sender = [at(F.KEY_ARP_SHA, 6), at(F.KEY_NW_SRC, 4)];
  return Buffer.concat([
    Buffer.from('000108000604', 'hex'),
    operation,
    ...sender,
    at(F.KEY_ARP_THA, 6),
    at(F.KEY_NW_DST, 4),
  ]);
}

const LSE_BOS = 0x100;

/** The label stack, closed if the key leaves it open, and an IPv4 packet. */
function mpls(flow: F.Flow): Buffer {
  const stack: Buffer[] = [];
  for (const at of [F.KEY_MPLS_LSE0, F.KEY_MPLS_LSE1, F.KEY_MPLS_LSE2]) {
    const lse = flow.u32(at);
    stack.push(u32(at === F.KEY_MPLS_LSE2 ? lse | LSE_BOS : lse));
    if (lse & LSE_BOS) break;
  }
  const inner = new F.Flow();
  inner.bytes.set([10, 0, 0, 1, 10, 0, 0, 2], F.KEY_NW_SRC);
  inner.bytes[F.KEY_NW_PROTO] = 17;
  inner.bytes[F.KEY_NW_TTL] = 64;
  return Buffer.concat([...stack, ipv4(inner)]);
}

function nsh(flow: F.Flow): Buffer {
  const [flags, ttl, mdtype, np] = flow.bytes.subarray(F.KEY_NSH_FLAGS, F.KEY_NSH_FLAGS + 4);
  const context = mdtype === 1 ? Buffer.from(flow.bytes.subarray(F.KEY_NSH_C1, F.KEY_NSH_C1 + 16)) : Buffer.alloc(0);
  const word = ((flags! & 3) << 12) | ((ttl! & 0x3f) << 6) | ((8 + context.length) / 4);
  const path = Buffer.from(flow.bytes.subarray(F.KEY_NSH_PATH, F.KEY_NSH_PATH + 4));
  const inner = new F.Flow();
  inner.bytes[F.KEY_NW_PROTO] = 17;
  const payload =
    np === 3 ? Buffer.concat([Buffer.from('0200000000020200000000010800', 'hex'), ipv4(inner)]) : ipv4(inner);
  return Buffer.concat([u16(word), u8(mdtype!, np!), path, context, payload]);
}
