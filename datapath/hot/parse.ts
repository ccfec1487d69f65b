// Parse: fills a packet's flow key (datapath/layout/flow-key.ts) from its private header copy, no deeper than the
// port's installed masks need. What a field means follows Open vSwitch: a header that is cut short or malformed leaves
// its own fields, and all deeper ones, zero. IEEE 802.1Q; RFC 791; RFC 8200; RFC 826; RFC 4861; RFC 3032.

import { DEPTH_ADDRESSES, DEPTH_L4, DEPTH_WIDE } from '../layout/flow.ts';
import {
  FLOW_NW_FRAG_ANY,
  FLOW_NW_FRAG_LATER,
  KEY_ARP_SHA,
  KEY_ARP_THA,
  KEY_DP_HASH,
  KEY_ETH_DST,
  KEY_ETH_SRC,
  KEY_ETH_TYPE,
  KEY_IN_PORT,
  KEY_MPLS_LSE0,
  KEY_NW_DST,
  KEY_NW_PROTO,
  KEY_NW_SRC,
  KEY_PACKET_TYPE,
  KEY_PKT_MARK,
  KEY_SIZE,
  KEY_SKB_PRIORITY,
  KEY_TCP_FLAGS,
  KEY_TP_SRC,
  KEY_VLAN0_TPID,
  KEY_VLAN1_TPID,
  VLAN_CFI,
} from '../layout/flow-key.ts';
import { CONTROL_BLOCK } from '../layout/memory-map.ts';
import { CB_VLAN_LIMIT } from '../layout/thread-block.ts';
import { available, be16, copy6 } from './header.ts';
import { parseIpv6 } from './parse-ipv6.ts';
import { parseNsh } from './parse-nsh.ts';
import { parseL4 } from './parse-l4.ts';
import { Packet, PKT_KEY, PKT_NO_ETHERNET } from './views.ts';

const ETH_P_IP: u32 = 0x0800;
const ETH_P_ARP: u32 = 0x0806;
const ETH_P_RARP: u32 = 0x8035;
const ETH_P_8021Q: u32 = 0x8100;
const ETH_P_8021AD: u32 = 0x88a8;
const ETH_P_IPV6: u32 = 0x86dd;
const ETH_P_MPLS_UC: u32 = 0x8847;
const ETH_P_MPLS_MC: u32 = 0x8848;
const ETH_P_NSH: u32 = 0x894f;
/** LLC and SNAP together. */
const SNAP_HEADER: u32 = 8;

function isVlanTpid(type: u32): bool {
  return type == ETH_P_8021Q || type == ETH_P_8021AD;
}

/**
 * The common packet in one go: untagged IPv4 without options or fragments, TCP or UDP with its header in the copy.
 * Fills words 0-6 whatever the depth; false when the packet is anything else and nothing was done.
 */
export function parseCommon(p: Packet, inPortWord: u64, depth: u32): bool {
  const data = p.data;
  // Ethernet type 0x0800, version 4, 20-byte header, as they lie in memory.
  if (p.hdrLen < 54 || (load<u32>(data, 12) & 0xffffff) != 0x450008) return false;
  const ip = load<u64>(data, 14);
  const total = <u32>bswap<u16>(<u16>(ip >> 16));
  const proto = <u32>load<u8>(data, 23);
  const tcp = proto == 6;
  const need: u32 = tcp ? 40 : 28;
  if (total < need || total > p.len - 14 || <u32>(ip >> 48) & 0xff3f || !(tcp || proto == 17)) return false;
  const key = changetype<u32>(p) + PKT_KEY;
  if (depth & DEPTH_WIDE) zeroWide(key);
  const flags: u32 = tcp ? <u32>load<u16>(data, 46) & 0xff0f : 0;
  store<u64>(key, inPortWord, KEY_IN_PORT);
  store<u64>(key, ((<u64>0x0008) << 32) | ((<u64>proto) << 56), KEY_PACKET_TYPE);
  store<u64>(key, 0, KEY_VLAN0_TPID);
  store<u64>(key, load<u64>(data) & 0xffffffffffff, KEY_ETH_DST);
  store<u64>(key, load<u64>(data, 6) & 0xffffffffffff, KEY_ETH_SRC);
  store<u64>(key, load<u64>(data, 26), KEY_NW_SRC);
  const tos = (ip >> 8) & 0xff;
  const ttl = <u64>load<u8>(data, 22);
  store<u64>(key, <u64>load<u32>(data, 34) | ((<u64>flags) << 32) | (tos << 48) | (ttl << 56), KEY_TP_SRC);
  p.tcpFlags = bswap<u16>(<u16>flags);
  p.nwProto = <u8>proto;
  p.fragLater = 0;
  p.ethType = 0x0800;
  p.l3 = 14;
  p.l4 = 34;
  return true;
}

/**
 * Fills the key words that `depth` asks for; words 0-2 always. `inPortWord` is key word 0: in_port and recirc_id as
 * they lie in memory. Returns false when the headers go on past HEADER_MAX.
 */
export function parse(p: Packet, inPortWord: u64, depth: u32): bool {
  if (p.flags & PKT_NO_ETHERNET) return parseBare(p, inPortWord, depth);
  const key = changetype<u32>(p) + PKT_KEY;
  const data = p.data;
  store<u64>(key, inPortWord, KEY_IN_PORT);
  store<u64>(key, 0, KEY_PACKET_TYPE);
  store<u64>(key, 0, KEY_VLAN0_TPID);
  if (depth & DEPTH_WIDE) zeroWide(key);
  if (depth & DEPTH_ADDRESSES) {
    store<u64>(key, load<u64>(data) & 0xffffffffffff, KEY_ETH_DST);
    store<u64>(key, load<u64>(data, 6) & 0xffffffffffff, KEY_ETH_SRC);
    store<u64>(key, 0, KEY_NW_SRC);
  }
  if (depth & DEPTH_L4) store<u64>(key, 0, KEY_TP_SRC);
  p.nwProto = 0;
  p.fragLater = 0;
  p.l4 = 0;
  p.tcpFlags = 0;
  let at: u32 = 14;
  let type = be16(data + 12);
  if (isVlanTpid(type)) {
    at = parseVlans(p, key, type);
    type = be16(data + at - 2);
  }
  // Below 0x600 the field is a length: 802.3. Open vSwitch's dl_type for LLC without SNAP is 0x05ff.
  if (type < 0x600) {
    type = llcType(p, at);
    // LLC and SNAP go before what the type is of.
    if (hasSnap(p, at)) at += SNAP_HEADER;
  }
  p.ethType = <u16>type;
  p.l3 = <u16>at;
  store<u16>(key, bswap<u16>(<u16>type), KEY_ETH_TYPE);
  return parseNetwork(p, key, at, type, depth);
}

function parseNetwork(p: Packet, key: u32, at: u32, type: u32, depth: u32): bool {
  if (type == ETH_P_IP) return parseIpv4(p, key, at, depth);
  if (type == ETH_P_IPV6) return parseIpv6(p, key, at, depth);
  if (type == ETH_P_ARP || type == ETH_P_RARP) parseArp(p, key, at, depth);
  else if (depth & DEPTH_WIDE) {
    if (type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC) parseMpls(p, key, at);
    else if (type == ETH_P_NSH) parseNsh(p, key, at);
  }
  return true;
}

/** A packet without an Ethernet header: its type is known from what was taken off. */
function parseBare(p: Packet, inPortWord: u64, depth: u32): bool {
  const key = changetype<u32>(p) + PKT_KEY;
  const type = <u32>p.ethType;
  const swapped = <u64>bswap<u16>(<u16>type);
  store<u64>(key, inPortWord, KEY_IN_PORT);
  // packet_type: namespace 1 (Ethernet types), then the type; eth_type has it too.
  store<u64>(key, 0x0100 | (swapped << 16) | (swapped << 32), KEY_PACKET_TYPE);
  store<u64>(key, 0, KEY_VLAN0_TPID);
  store<u64>(key, 0, KEY_ETH_DST);
  store<u64>(key, 0, KEY_ETH_SRC);
  store<u64>(key, 0, KEY_NW_SRC);
  store<u64>(key, 0, KEY_TP_SRC);
  if (depth & DEPTH_WIDE) zeroWide(key);
  p.nwProto = 0;
  p.fragLater = 0;
  p.l3 = 0;
  p.l4 = 0;
  p.tcpFlags = 0;
  return parseNetwork(p, key, 0, type, depth);
}

/** Adds what is not in the packet's bytes to a key that was parsed in full. */
export function setMetadata(p: Packet, key: u32): void {
  store<u32>(key, p.dpHash, KEY_DP_HASH);
  store<u32>(key, p.skbPriority, KEY_SKB_PRIORITY);
  store<u32>(key, p.pktMark, KEY_PKT_MARK);
}

function zeroWide(key: u32): void {
  for (let at: u32 = KEY_TP_SRC; at < <u32>KEY_SIZE; at += 8) store<u64>(key + at, 0);
}

/** Up to two tags, as Open vSwitch's flow has them. Returns where the payload of the last one begins. */
function parseVlans(p: Packet, key: u32, tpid: u32): u32 {
  const most: u32 = load<u32>(CONTROL_BLOCK + CB_VLAN_LIMIT) == 1 ? 1 : 2;
  let at: u32 = 14;
  for (let tag: u32 = 0; tag < most && isVlanTpid(tpid); tag++) {
    if (p.hdrLen < at + 4) break;
    const slot = key + KEY_VLAN0_TPID + tag * (KEY_VLAN1_TPID - KEY_VLAN0_TPID);
    store<u16>(slot, bswap<u16>(<u16>tpid));
    store<u16>(slot, bswap<u16>(<u16>(be16(p.data + at) | VLAN_CFI)), 2);
    tpid = be16(p.data + at + 2);
    at += 4;
  }
  return at;
}

/** 802.3 with LLC/SNAP (RFC 1042) carries an Ethernet type; anything else below 0x600 has none. */
function llcType(p: Packet, at: u32): u32 {
  const type = hasSnap(p, at) ? be16(p.data + at + 6) : 0;
  return type >= 0x600 ? type : 0x05ff;
}

function hasSnap(p: Packet, at: u32): bool {
  return p.hdrLen >= at + SNAP_HEADER && (load<u64>(p.data + at) & 0xffffffffffff) == 0x00000003aaaa;
}

function parseIpv4(p: Packet, key: u32, at: u32, depth: u32): bool {
  const have = available(p, at + 60);
  if (have < at + 20) return true;
  const ip = p.data + at;
  const ihl = (<u32>load<u8>(ip) & 15) << 2;
  const totalLen = be16(ip + 2);
  const rest = p.len - at;
  // Like Open vSwitch, nothing here asks for the version: the Ethernet type told.
  if (ihl < 20 || ihl > rest || totalLen < ihl || totalLen > rest) return true;
  const frag = be16(ip + 6);
  let fragBits: u32 = 0;
  if (frag & 0x3fff) {
    fragBits = FLOW_NW_FRAG_ANY;
    if (frag & 0x1fff) fragBits |= FLOW_NW_FRAG_LATER;
  }
  const proto = <u32>load<u8>(ip, 9);
  // nw_frag and nw_proto are neighbours: one store.
  store<u16>(key, <u16>(fragBits | (proto << 8)), KEY_NW_PROTO - 1);
  p.nwProto = <u8>proto;
  p.fragLater = <u8>(fragBits >> 1);
  p.l4 = <u16>(at + ihl);
  if (depth & DEPTH_ADDRESSES) store<u64>(key, load<u64>(ip, 12), KEY_NW_SRC);
  if (depth & DEPTH_L4) {
    // nw_tos and nw_ttl share word 6 with the ports.
    store<u16>(key, <u16>load<u8>(ip, 1) | ((<u16>load<u8>(ip, 8)) << 8), KEY_TCP_FLAGS + 2);
    if (!(fragBits & FLOW_NW_FRAG_LATER)) return parseL4(p, key, at + ihl, at + totalLen, proto, false, depth);
  }
  return true;
}

/** ARP over Ethernet for IPv4 only (RFC 826): addresses go where IPv4's go, the opcode into nw_proto. */
function parseArp(p: Packet, key: u32, at: u32, depth: u32): void {
  if (available(p, at + 28) < at + 28) return;
  const arp = p.data + at;
  // hardware type 1, protocol 0x0800, lengths 6 and 4, all in one 64-bit word with the opcode behind.
  if ((load<u64>(arp) & 0xffffffffffff) != 0x040600080100) return;
  const op = be16(arp + 6);
  if (op <= 0xff) {
    store<u8>(key, <u8>op, KEY_NW_PROTO);
    p.nwProto = <u8>op;
  }
  if (depth & DEPTH_ADDRESSES) {
    store<u32>(key, load<u32>(arp, 14), KEY_NW_SRC);
    store<u32>(key, load<u32>(arp, 24), KEY_NW_DST);
  }
  if (depth & DEPTH_WIDE) {
    copy6(key + KEY_ARP_SHA, arp + 8);
    copy6(key + KEY_ARP_THA, arp + 18);
  }
}

function parseMpls(p: Packet, key: u32, at: u32): void {
  available(p, at + 12);
  for (let label: u32 = 0; label < 3 && p.hdrLen >= at + 4; label++, at += 4) {
    const lse = load<u32>(p.data + at);
    store<u32>(key + KEY_MPLS_LSE0 + (label << 2), lse);
    // Bottom of stack is bit 8 of the label entry.
    if (bswap<u32>(lse) & 0x100) break;
  }
}
