// Set: rewrites header fields in the private copy and keeps every checksum right. Argument layouts are those of
// SET_LAYOUT in datapath/actions.ts: value, then mask, each padded to whole words.

import { adjust, adjustUdp, crc32cDifference, rewrite, rewriteByte } from './checksum.ts';
import { available, be16 } from './header.ts';
import { Packet, segLen, segOffset } from './views.ts';

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ICMPV6: u8 = 58;
const IPPROTO_SCTP: u8 = 132;
const NEXTHDR_ROUTING: u8 = 43;
const NEXTHDR_FRAGMENT: u8 = 44;
const NEXTHDR_AUTH: u8 = 51;
/** Neighbour discovery (RFC 4861, 4.3, 4.6): the fixed part of a message, and the shortest option. */
const ND_FIXED: u32 = 24;
const ND_OPTION: u32 = 8;
const ND_OPT_SOURCE_LINKADDR: u8 = 1;
const ND_OPT_TARGET_LINKADDR: u8 = 2;

/** dst 6, src 6 */
export function setEth(p: Packet, args: u32): void {
  rewrite(p.data, args, args + 12, 12);
}

/** src 4, dst 4, proto, tos, ttl, frag */
export function setIpv4(p: Packet, args: u32): void {
  if (p.ethType != 0x0800 || p.l4 == 0) return;
  const ip = p.data + p.l3;
  const mask = args + 12;
  const addresses = rewrite(ip + 12, args, mask, 8);
  let header = addresses;
  header += rewriteByte(ip + 1, load<u8>(args, 9), load<u8>(mask, 9), 1);
  header += rewriteByte(ip + 8, load<u8>(args, 10), load<u8>(mask, 10), 0);
  adjust(ip + 10, header);
  if (addresses != 0) adjustL4(p, addresses, false);
}

/** src 16, dst 16, label 4, proto, tclass, hlimit, frag */
export function setIpv6(p: Packet, args: u32): void {
  if (p.ethType != 0x86dd || p.l4 == 0) return;
  const ip = p.data + p.l3;
  const mask = args + 40;
  const addresses = rewrite(ip + 8, args, mask, 32);
  if (addresses != 0 && !hasSegmentsLeft(p)) adjustL4(p, addresses, true);
  // version 4 bits, traffic class 8, label 20: big-endian in the first word.
  const labelMask = bswap<u32>(load<u32>(mask, 32)) & 0xfffff;
  const classMask = (<u32>load<u8>(mask, 37)) << 20;
  const value = (bswap<u32>(load<u32>(args, 32)) & 0xfffff) | ((<u32>load<u8>(args, 37)) << 20);
  const wordMask = labelMask | classMask;
  const word = bswap<u32>(load<u32>(ip));
  store<u32>(ip, bswap<u32>((word & ~wordMask) | (value & wordMask)));
  rewriteByte(ip + 7, load<u8>(args, 38), load<u8>(mask, 38), 0);
}

/**
 * Whether a routing header names addresses that the packet has still to go to. The transport's checksum is over the last of
 * them (RFC 8200, 8.1): Open vSwitch leaves it alone then, whichever address is rewritten.
 */
function hasSegmentsLeft(p: Packet): bool {
  if (<u32>p.l4 - <u32>p.l3 <= 40) return false;
  let next = load<u8>(p.data + p.l3, 6);
  for (let at = p.data + p.l3 + 40; at < p.data + p.l4; ) {
    if (next == NEXTHDR_ROUTING && load<u8>(at, 3) != 0) return true;
    const units = <u32>load<u8>(at, 1);
    const size: u32 = next == NEXTHDR_FRAGMENT ? 8 : next == NEXTHDR_AUTH ? (units + 2) << 2 : (units + 1) << 3;
    next = load<u8>(at);
    at += size;
  }
  return false;
}

/** The six bits above ECN. */
export function setDscp(p: Packet, dscp: u32): void {
  const ip = p.data + p.l3;
  if (p.ethType == 0x0800) adjust(ip + 10, rewriteByte(ip + 1, <u8>(dscp << 2), 0xfc, 1));
  else {
    const word = bswap<u16>(load<u16>(ip));
    store<u16>(ip, bswap<u16>((word & 0xf03f) | <u16>(dscp << 6)));
  }
}

/** Addresses are part of the TCP, UDP and ICMPv6 checksums, which only a first fragment carries. */
function adjustL4(p: Packet, sum: u32, v6: bool): void {
  if (p.fragLater || sum == 0) return;
  const have = l4Bytes(p, 20);
  const l4 = p.data + p.l4;
  if (p.nwProto == IPPROTO_TCP && have >= 20) adjust(l4 + 16, sum);
  else if (p.nwProto == IPPROTO_UDP && have >= 8) adjustUdp(l4 + 6, sum);
  else if (v6 && p.nwProto == IPPROTO_ICMPV6 && have >= 4) adjust(l4 + 2, sum);
}

/** Bytes behind the IP header, without Ethernet padding; of the first `want` of them, as many as the private copy has. */
function l4Bytes(p: Packet, want: u32): u32 {
  return min<u32>(l4Len(p), available(p, p.l4 + want) - p.l4);
}

/** What IP says is behind its header, as far as the packet has it. */
function l4Len(p: Packet): u32 {
  const ip = p.data + p.l3;
  const end = <u32>p.l3 + (p.ethType == 0x0800 ? be16(ip + 2) : be16(ip + 4) + 40);
  return min<u32>(max<u32>(end, p.l4), p.len) - p.l4;
}

/** src 2, dst 2 */
export function setPorts(p: Packet, args: u32): void {
  if (p.l4 == 0 || p.fragLater) return;
  const have = l4Bytes(p, 20);
  const l4 = p.data + p.l4;
  if (p.nwProto == IPPROTO_TCP && have >= 20) adjust(l4 + 16, rewrite(l4, args, args + 4, 4));
  else if (p.nwProto == IPPROTO_UDP && have >= 8) adjustUdp(l4 + 6, rewrite(l4, args, args + 4, 4));
  else if (p.nwProto == IPPROTO_SCTP && have >= 12) {
    const old = load<u32>(l4);
    rewrite(l4, args, args + 4, 4);
    store<u32>(l4, load<u32>(l4, 8) ^ crc32cDifference(old ^ load<u32>(l4), l4Len(p)), 8);
  }
}

/** type 1, code 1 */
export function setIcmp(p: Packet, args: u32): void {
  if (p.l4 == 0 || p.fragLater || l4Bytes(p, 8) < 8) return;
  const l4 = p.data + p.l4;
  adjust(l4 + 2, rewrite(l4, args, args + 4, 2));
}

/** spa 4, tpa 4, op 2, sha 6, tha 6 */
export function setArp(p: Packet, args: u32): void {
  if (available(p, <u32>p.l3 + 28) < <u32>p.l3 + 28) return;
  const arp = p.data + p.l3;
  const mask = args + 24;
  rewrite(arp + 14, args, mask, 4);
  rewrite(arp + 24, args + 4, mask + 4, 4);
  rewrite(arp + 6, args + 8, mask + 8, 2);
  rewrite(arp + 8, args + 10, mask + 10, 6);
  rewrite(arp + 18, args + 16, mask + 16, 6);
}

/** target 16, sll 6, tll 6 */
export function setNd(p: Packet, args: u32): void {
  const end = min<u32>(p.len, 512);
  if (p.l4 == 0 || p.fragLater || available(p, end) < <u32>p.l4 + 24) return;
  const l4 = p.data + p.l4;
  const mask = args + 28;
  adjust(l4 + 2, rewrite(l4 + 8, args, mask, 16));
  let option = <u32>p.l4 + 24;
  while (option + 8 <= p.hdrLen) {
    const at = p.data + option;
    const kind = load<u8>(at);
    const len = (<u32>load<u8>(at, 1)) << 3;
    if (len == 0) return;
    if (len == 8 && (kind == ND_OPT_SOURCE_LINKADDR || kind == ND_OPT_TARGET_LINKADDR)) {
      // A message has one of either kind; like Open vSwitch, leave what may come behind it.
      const from: u32 = kind == ND_OPT_SOURCE_LINKADDR ? 16 : 22;
      adjust(l4 + 2, rewrite(at + 2, args + from, mask + from, 6));
      return;
    }
    option += len;
  }
}

/**
 * reserved 4, type of the first option 1. As Open vSwitch does, what the mask touches at all is written whole, and the
 * checksum is made anew.
 */
export function setNdExt(p: Packet, args: u32): void {
  const end = <u32>p.l4 + ND_FIXED + ND_OPTION;
  if (p.l4 == 0 || p.fragLater || available(p, end) < <u32>p.l4 + ND_FIXED) return;
  const l4 = p.data + p.l4;
  const mask = args + 8;
  if (load<u32>(mask) != 0) store<u32>(l4, load<u32>(args), 4);
  if (load<u8>(mask, 4) != 0 && l4Bytes(p, ND_FIXED + ND_OPTION) >= ND_FIXED + ND_OPTION) {
    store<u8>(l4, load<u8>(args, 4), ND_FIXED);
  }
  sealIcmpv6(p);
}

/** The checksum over the pseudo header and the whole message (RFC 4443, 2.3), whatever it was before. */
function sealIcmpv6(p: Packet): void {
  const l4 = p.data + p.l4;
  const size = l4Len(p);
  store<u16>(l4, 0, 2);
  let sum = <u32>bswap<u16>(<u16>size) + <u32>bswap<u16>(<u16>IPPROTO_ICMPV6);
  sum += sumBytes(p.data + p.l3 + 8, 32, 0);
  let done = min<u32>(size, p.hdrLen - p.l4);
  sum += sumBytes(l4, done, 0);
  for (let i: u32 = 0; i < p.segCount && done < size; i++) {
    const n = min<u32>(segLen(p, i), size - done);
    sum += sumBytes(segOffset(p, i), n, done);
    done += n;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  store<u16>(l4, ~(<u16>(sum + (sum >> 16))), 2);
}

/** Sum of 16-bit words in memory order, of `n` bytes that come `before` bytes behind a word's first. */
function sumBytes(at: u32, n: u32, before: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < n; i++) sum += (<u32>load<u8>(at + i)) << (((before + i) & 1) << 3);
  return (sum & 0xffff) + (sum >> 16);
}
