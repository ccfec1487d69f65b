// Headers other than VLAN tags put on and taken off: MPLS label stack entries (RFC 3032), NSH (RFC 8300), Ethernet. A packet
// without an Ethernet header says so in its flags (views.ts); what lies below a removed header is only known after it has been
// parsed again, so until then it has no transport header that could be rewritten.

import {
  ACT_ADD_MPLS,
  ACT_POP_ETH,
  ACT_POP_MPLS,
  ACT_POP_NSH,
  ACT_PUSH_ETH,
  ACT_PUSH_MPLS,
  ACT_PUSH_NSH,
  ACT_SET_MPLS,
  ACT_SET_NSH,
} from '../layout/flow.ts';
import { rewrite } from './checksum.ts';
import { copyBytes } from './copy.ts';
import { available } from './header.ts';
import { moveCut } from './packet.ts';
import { Packet, PKT_BUF, PKT_NO_ETHERNET } from './views.ts';

const ETH_HEADER: u32 = 14;
const ETH_P_MPLS_UC: u32 = 0x8847;
const ETH_P_MPLS_MC: u32 = 0x8848;
const ETH_P_NSH: u32 = 0x894f;
/** Transparent Ethernet bridging: what is below is a whole frame. */
const ETH_P_TEB: u32 = 0x6558;
const NSH_BASE: u32 = 8;
const NSH_P_IPV4: u32 = 1;
const NSH_P_IPV6: u32 = 2;
const NSH_P_ETHERNET: u32 = 3;

/** Runs one of this file's actions. False when there is no room for the header: the packet is to be dropped. */
export function changeHeaders(p: Packet, op: u32, args: u32): bool {
  if (op == ACT_PUSH_MPLS) return pushMpls(p, load<u32>(args), load<u32>(args, 4));
  if (op == ACT_POP_MPLS) popMpls(p, load<u32>(args));
  else if (op == ACT_SET_MPLS) setMpls(p, args);
  else if (op == ACT_ADD_MPLS) return addMpls(p, load<u32>(args), load<u32>(args, 4));
  else if (op == ACT_PUSH_NSH) return pushNsh(p, args);
  else if (op == ACT_POP_NSH) popNsh(p);
  else if (op == ACT_SET_NSH) setNsh(p, args);
  else if (op == ACT_PUSH_ETH) return pushEth(p, args);
  else if (op == ACT_POP_ETH) popEth(p);
  return true;
}

function isMpls(type: u32): bool {
  return type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC;
}

function hasEthernet(p: Packet): bool {
  return (p.flags & PKT_NO_ETHERNET) == 0;
}

/** Opens `n` bytes before the packet; false when the buffer has no room. */
function prepend(p: Packet, n: u32): bool {
  const data = p.data - n;
  if (data < changetype<u32>(p) + PKT_BUF) return false;
  p.data = data;
  p.len += n;
  p.hdrLen += n;
  moveCut(p, n);
  return true;
}

/** Takes `n` bytes off the front. */
function pull(p: Packet, n: u32): void {
  p.data += n;
  p.len -= n;
  p.hdrLen -= n;
  moveCut(p, -(<i32>n));
}

/** The packet's outermost header behind Ethernet and its tags is of `type` now; nothing is known below. */
function becomes(p: Packet, type: u32): void {
  p.ethType = <u16>type;
  p.l4 = 0;
  p.nwProto = 0;
  if (hasEthernet(p) && p.l3 >= 2) store<u16>(p.data + p.l3 - 2, bswap<u16>(<u16>type));
}

function pushMpls(p: Packet, lse: u32, type: u32): bool {
  const before = p.data;
  if (!prepend(p, 4)) return false;
  for (let i: u32 = 0; i < <u32>p.l3; i++) store<u8>(p.data + i, load<u8>(before + i));
  store<u32>(p.data + p.l3, bswap<u32>(lse));
  becomes(p, type);
  return true;
}

function popMpls(p: Packet, type: u32): void {
  const l3 = <u32>p.l3;
  if (!isMpls(p.ethType) || available(p, l3 + 4) < l3 + 4) return;
  for (let i = l3; i > 0; i--) store<u8>(p.data + i + 3, load<u8>(p.data + i - 1));
  pull(p, 4);
  becomes(p, type);
  if (!hasEthernet(p) && type == ETH_P_TEB) asFrame(p);
}

/** What is left is a whole Ethernet frame. */
function asFrame(p: Packet): void {
  p.flags &= ~PKT_NO_ETHERNET;
  p.l3 = 0;
  p.ethType = 0;
}

function setMpls(p: Packet, args: u32): void {
  const l3 = <u32>p.l3;
  if (isMpls(p.ethType) && available(p, l3 + 4) >= l3 + 4) rewrite(p.data + l3, args, args + 4, 4);
}

function addMpls(p: Packet, lse: u32, type: u32): bool {
  if (!prepend(p, 4)) return false;
  store<u32>(p.data, bswap<u32>(lse));
  withoutEthernet(p, type);
  return true;
}

function withoutEthernet(p: Packet, type: u32): void {
  p.flags |= PKT_NO_ETHERNET;
  p.l3 = 0;
  p.l4 = 0;
  p.nwProto = 0;
  p.ethType = <u16>type;
}

/** args: metadata bytes u32, flags u8, ttl u8, mdtype u8, np u8, spi 3, si, metadata. */
function pushNsh(p: Packet, args: u32): bool {
  const metadata = load<u32>(args);
  const header = args + 4;
  const size = NSH_BASE + metadata;
  if (!prepend(p, size)) return false;
  const at = p.data;
  const word = ((<u32>load<u8>(header) & 3) << 12) | ((<u32>load<u8>(header, 1) & 0x3f) << 6) | (size >> 2);
  store<u16>(at, bswap<u16>(<u16>word));
  store<u8>(at, load<u8>(header, 2), 2);
  store<u8>(at, load<u8>(header, 3), 3);
  store<u32>(at, load<u32>(header, 4), 4);
  copyBytes(at + NSH_BASE, header + 8, metadata);
  withoutEthernet(p, ETH_P_NSH);
  return true;
}

function popNsh(p: Packet): void {
  if (hasEthernet(p) || p.ethType != ETH_P_NSH || available(p, NSH_BASE) < NSH_BASE) return;
  const size = (<u32>load<u8>(p.data, 1) & 0x3f) << 2;
  if (size < NSH_BASE || size > p.len || available(p, size) < size) return;
  const next = <u32>load<u8>(p.data, 3);
  pull(p, size);
  if (next == NSH_P_ETHERNET) asFrame(p);
  else withoutEthernet(p, next == NSH_P_IPV4 ? 0x0800 : next == NSH_P_IPV6 ? 0x86dd : ETH_P_NSH);
}

/** flags, ttl, mdtype, np, spi 3, si, context 16; then the mask. */
function setNsh(p: Packet, args: u32): void {
  const at = <u32>p.l3;
  if (p.ethType != ETH_P_NSH || available(p, at + 24) < at + NSH_BASE) return;
  const mask = args + 24;
  const nsh = p.data + at;
  const bits = ((<u32>load<u8>(mask) & 3) << 12) | ((<u32>load<u8>(mask, 1) & 0x3f) << 6);
  const value = ((<u32>load<u8>(args) & 3) << 12) | ((<u32>load<u8>(args, 1) & 0x3f) << 6);
  const word = <u32>bswap<u16>(load<u16>(nsh));
  store<u16>(nsh, bswap<u16>(<u16>((word & ~bits) | (value & bits))));
  rewrite(nsh + 4, args + 4, mask + 4, 4);
  if (p.hdrLen >= at + 24 && load<u8>(nsh, 2) == 1) rewrite(nsh + 8, args + 8, mask + 8, 16);
}

/** dst 6, src 6 */
function pushEth(p: Packet, args: u32): bool {
  if (hasEthernet(p) || !prepend(p, ETH_HEADER)) return hasEthernet(p);
  copyBytes(p.data, args, 12);
  store<u16>(p.data, bswap<u16>(p.ethType), 12);
  p.flags &= ~PKT_NO_ETHERNET;
  p.l3 += <u16>ETH_HEADER;
  if (p.l4 != 0) p.l4 += <u16>ETH_HEADER;
  return true;
}

function popEth(p: Packet): void {
  if (!hasEthernet(p) || <u32>p.l3 != ETH_HEADER) return;
  pull(p, ETH_HEADER);
  p.flags |= PKT_NO_ETHERNET;
  p.l3 = 0;
  if (p.l4 != 0) p.l4 -= <u16>ETH_HEADER;
}
