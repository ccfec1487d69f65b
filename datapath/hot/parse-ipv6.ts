// Parse, IPv6 part: the fixed header and the chain of extension headers (RFC 8200, section 4).

import { DEPTH_L4, DEPTH_WIDE } from '../layout/flow.ts';
import {
  FLOW_NW_FRAG_ANY,
  FLOW_NW_FRAG_LATER,
  KEY_IPV6_DST,
  KEY_IPV6_LABEL,
  KEY_IPV6_SRC,
  KEY_NW_PROTO,
  KEY_TCP_FLAGS,
} from '../layout/flow-key.ts';
import { available, be16 } from './header.ts';
import { parseL4 } from './parse-l4.ts';
import { HEADER_MAX, Packet } from './views.ts';

const NEXTHDR_HOP: u32 = 0;
const NEXTHDR_ROUTING: u32 = 43;
const NEXTHDR_FRAGMENT: u32 = 44;
const NEXTHDR_AUTH: u32 = 51;
const NEXTHDR_DEST: u32 = 60;
const NEXTHDR_MOBILITY: u32 = 135;

/** False when the extension headers go on past HEADER_MAX: the packet cannot be classified. */
export function parseIpv6(p: Packet, key: u32, at: u32, depth: u32): bool {
  if (available(p, at + 60) < at + 40) return true;
  const ip = p.data + at;
  const payload = be16(ip + 4);
  // One that runs past the frame is malformed.
  if (payload + 40 > p.len - at) return true;
  if (depth & DEPTH_WIDE) {
    v128.store(key, v128.load(ip + 8), KEY_IPV6_SRC);
    v128.store(key, v128.load(ip + 24), KEY_IPV6_DST);
  }
  let next = <u32>load<u8>(ip, 6);
  let l4 = at + 40;
  // No jumbograms: with a payload length of 0 there is no payload, as in Open vSwitch.
  const end = l4 + payload;
  let frag: u32 = 0;
  while (isExtension(next) && !(frag & FLOW_NW_FRAG_LATER)) {
    // Cut short inside an extension header: only the addresses count.
    if (l4 + 8 > end) return true;
    if (available(p, l4 + 8) < l4 + 8) return false;
    const header = p.data + l4;
    if (next == NEXTHDR_FRAGMENT) {
      const word = be16(header + 2);
      // Of several fragment headers one is enough.
      if (word != 0) frag |= FLOW_NW_FRAG_ANY;
      if (word & 0xfff8) frag |= FLOW_NW_FRAG_LATER;
      l4 += 8;
    } else if (next == NEXTHDR_AUTH) l4 += (<u32>load<u8>(header, 1) + 2) << 2;
    else l4 += (<u32>load<u8>(header, 1) + 1) << 3;
    if (l4 > end) return true;
    next = <u32>load<u8>(header);
  }
  // What a later fragment carries is not known from itself, as Open vSwitch sees it.
  if (frag & FLOW_NW_FRAG_LATER) next = NEXTHDR_FRAGMENT;
  if (l4 > HEADER_MAX && p.len > HEADER_MAX) return false;
  store<u16>(key, <u16>(frag | (next << 8)), KEY_NW_PROTO - 1);
  p.nwProto = <u8>next;
  p.fragLater = <u8>(frag >> 1);
  p.l4 = <u16>l4;
  if (depth & DEPTH_WIDE) {
    store<u32>(key, load<u32>(p.data + at) & 0xffff0f00, KEY_IPV6_LABEL);
  }
  if (depth & DEPTH_L4) {
    const word = be16(p.data + at);
    store<u16>(key, <u16>((word >> 4) & 0xff) | ((<u16>load<u8>(p.data + at + 7)) << 8), KEY_TCP_FLAGS + 2);
    if (!(frag & FLOW_NW_FRAG_LATER) && l4 < end) return parseL4(p, key, l4, end, next, true, depth);
  }
  return true;
}

function isExtension(next: u32): bool {
  return (
    next == NEXTHDR_HOP ||
    next == NEXTHDR_ROUTING ||
    next == NEXTHDR_FRAGMENT ||
    next == NEXTHDR_AUTH ||
    next == NEXTHDR_DEST ||
    next == NEXTHDR_MOBILITY
  );
}
