// Parse, transport part: ports, TCP flags, ICMP and neighbour discovery.

import { DEPTH_WIDE } from '../layout/flow.ts';
import {
  KEY_ARP_SHA,
  KEY_ARP_THA,
  KEY_IGMP_GROUP,
  KEY_ND_OPTIONS_TYPE,
  KEY_ND_RESERVED,
  KEY_ND_TARGET,
  KEY_TCP_FLAGS,
  KEY_TP_DST,
  KEY_TP_SRC,
} from '../layout/flow-key.ts';
import { available, copy6 } from './header.ts';
import { HEADER_MAX, Packet } from './views.ts';

const IPPROTO_ICMP: u32 = 1;
const IPPROTO_IGMP: u32 = 2;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_SCTP: u32 = 132;

const ND_NEIGHBOR_SOLICIT: u32 = 135;
const ND_NEIGHBOR_ADVERT: u32 = 136;
const ND_OPT_SOURCE_LINKADDR: u8 = 1;
const ND_OPT_TARGET_LINKADDR: u8 = 2;

/**
 * Fills key word 6's ports and flags from the header at `at`; `end` is where IP says that its payload ends, before any
 * Ethernet padding. False when the header lies past what a private header copy holds.
 */
export function parseL4(p: Packet, key: u32, at: u32, end: u32, proto: u32, v6: bool, depth: u32): bool {
  const have = available(p, at + 20);
  if (have < at + 4) return end < at + 4 || at + 4 <= <u32>HEADER_MAX;
  const l4 = p.data + at;
  const rest = end - at;
  if (proto == IPPROTO_TCP) {
    if (rest < 20 || have < at + 20) return rest < 20;
    store<u32>(key, load<u32>(l4), KEY_TP_SRC);
    const flags = load<u16>(l4, 12) & 0xff0f;
    store<u16>(key, flags, KEY_TCP_FLAGS);
    p.tcpFlags = bswap<u16>(flags);
  } else if (proto == IPPROTO_UDP) {
    if (rest >= 8) store<u32>(key, load<u32>(l4), KEY_TP_SRC);
  } else if (proto == IPPROTO_SCTP) {
    if (rest >= 12) store<u32>(key, load<u32>(l4), KEY_TP_SRC);
  } else if (proto == IPPROTO_ICMP) {
    if (rest >= 8) storeTypeAndCode(key, l4);
  } else if (proto == IPPROTO_IGMP) {
    if (rest >= 8) {
      storeTypeAndCode(key, l4);
      if (depth & DEPTH_WIDE) store<u32>(key, load<u32>(l4, 4), KEY_IGMP_GROUP);
    }
  } else if (proto == IPPROTO_ICMPV6) {
    if (rest >= 8) {
      storeTypeAndCode(key, l4);
      if (v6 && depth & DEPTH_WIDE) parseNd(p, key, at);
    }
  }
  return true;
}

/** ICMP type and code live in the 16-bit port fields, as in Open vSwitch; ICMP's and IGMP's in IPv6 too, and ICMPv6's in IPv4. */
function storeTypeAndCode(key: u32, l4: u32): void {
  store<u16>(key, (<u16>load<u8>(l4)) << 8, KEY_TP_SRC);
  store<u16>(key, (<u16>load<u8>(l4, 1)) << 8, KEY_TP_DST);
}

/** A second address of one kind makes the message invalid, as in Open vSwitch: it has no target and no addresses. */
function forgetNd(key: u32): void {
  v128.store(key, i64x2.splat(0), KEY_ND_TARGET);
  for (let i: u32 = 0; i < 6; i += 2) {
    store<u16>(key + i, 0, KEY_ARP_SHA);
    store<u16>(key + i, 0, KEY_ARP_THA);
  }
}

/** Neighbour solicitation and advertisement (RFC 4861, 4.3 and 4.4): target and link-layer address options. */
function parseNd(p: Packet, key: u32, at: u32): void {
  const type = <u32>load<u8>(p.data + at);
  if ((type != ND_NEIGHBOR_SOLICIT && type != ND_NEIGHBOR_ADVERT) || load<u8>(p.data + at + 1) != 0) return;
  const end = min<u32>(p.len, HEADER_MAX);
  if (available(p, end) < at + 24) return;
  v128.store(key, v128.load(p.data + at + 8), KEY_ND_TARGET);
  store<u32>(key, load<u32>(p.data + at + 4), KEY_ND_RESERVED);
  let option = at + 24;
  while (option + 8 <= end) {
    const len = (<u32>load<u8>(p.data + option + 1)) << 3;
    if (len == 0 || option + len > end) return;
    const kind = load<u8>(p.data + option);
    if (len == 8 && (kind == ND_OPT_SOURCE_LINKADDR || kind == ND_OPT_TARGET_LINKADDR)) {
      const field = (kind == ND_OPT_SOURCE_LINKADDR ? KEY_ARP_SHA : KEY_ARP_THA) + key;
      if ((load<u32>(field) | load<u16>(field, 4)) != 0) {
        forgetNd(key);
        return;
      }
      copy6(field, p.data + option + 2);
      // The first of them says what type of options the message has.
      if (load<u8>(key, KEY_ND_OPTIONS_TYPE) == 0) store<u8>(key, kind, KEY_ND_OPTIONS_TYPE);
    }
    option += len;
  }
}
