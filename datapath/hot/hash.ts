// The hash action: dp_hash from a packet's addresses and ports. The hash is MurmurHash3's 32-bit variant (A. Appleby,
// public domain) over the fields that Open vSwitch hashes, in its order: a group chooses the same bucket in both switches.

import { DEPTH_ALL, HASH_SYM_L4 } from '../layout/flow.ts';
import {
  KEY_ETH_DST,
  KEY_ETH_SRC,
  KEY_ETH_TYPE,
  KEY_IPV6_DST,
  KEY_IPV6_SRC,
  KEY_NW_DST,
  KEY_NW_FRAG,
  KEY_NW_PROTO,
  KEY_NW_SRC,
  KEY_PACKET_TYPE,
  KEY_TP_DST,
  KEY_TP_SRC,
  KEY_VLAN0_TCI,
  KEY_VLAN1_TCI,
} from '../layout/flow-key.ts';
import { parse } from './parse.ts';
import { Packet, PKT_KEY } from './views.ts';

const IPPROTO_ICMP: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_SCTP: u32 = 132;
/** Ethernet types as they lie in memory. */
const IPV4: u16 = 0x0008;
const IPV6: u16 = 0xdd86;
const ARP: u16 = 0x0608;
/** A tag's VID as it lies in memory. */
const VID: u32 = 0xff0f;
/** What ends the hash of the five-tuple. */
const FIVE_TUPLE: u32 = 42;

function add(hash: u32, word: u32): u32 {
  const k = rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593;
  return rotl<u32>(hash ^ k, 13) * 5 + 0xe6546b64;
}

function finish(hash: u32): u32 {
  let h = hash;
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

/**
 * The packet's hash. 0 stands for "not hashed": Open vSwitch leaves alike in both directions what has neither an IP nor an
 * Ethernet header, so that it goes round until it is dropped.
 */
export function packetHash(p: Packet, algorithm: u32, basis: u32): u32 {
  parse(p, 0, DEPTH_ALL);
  const key = changetype<u32>(p) + PKT_KEY;
  if (algorithm == HASH_SYM_L4 && !hasAddresses(key)) return 0;
  const hash = algorithm == HASH_SYM_L4 ? symmetric(key, basis) : fiveTuple(p, key, basis);
  return bswap<u32>(hash == 0 ? 1 : hash);
}

function hasAddresses(key: u32): bool {
  const type = load<u16>(key, KEY_ETH_TYPE);
  return type == IPV4 || type == IPV6 || load<u16>(key, KEY_PACKET_TYPE) == 0;
}

/**
 * IP and ARP packets have addresses and a protocol, 0 where a header is missing; ports have those whose protocols have them.
 * Others have nothing that is hashed.
 */
function fiveTuple(p: Packet, key: u32, basis: u32): u32 {
  return finish(add(add(finish(tuple(p, key) ^ FIVE_TUPLE), 0), basis) ^ 8);
}

function tuple(p: Packet, key: u32): u32 {
  const type = load<u16>(key, KEY_ETH_TYPE);
  let h: u32 = 0;
  if (type == IPV6) {
    // Source and destination lie side by side.
    for (let at: u32 = 0; at < 32; at += 4) h = add(h, load<u32>(key + at, KEY_IPV6_SRC));
  } else if (type == IPV4 || type == ARP) {
    h = add(h, load<u32>(key, KEY_NW_SRC));
    h = add(h, load<u32>(key, KEY_NW_DST));
  } else {
    return 0;
  }
  const proto = <u32>load<u8>(key, KEY_NW_PROTO);
  h = add(h, isStream(proto) && type == IPV6 ? firstHeader(p) : proto);
  return hasPorts(proto) ? add(h, load<u32>(key, KEY_TP_SRC)) : h;
}

function isStream(proto: u32): bool {
  return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/** A type and a code count as ports. */
function hasPorts(proto: u32): bool {
  return isStream(proto) || proto == IPPROTO_SCTP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/** What follows IPv6's own header, be it an extension header: for TCP and UDP Open vSwitch looks no further. */
function firstHeader(p: Packet): u32 {
  return load<u8>(p.data + p.l3, 6);
}

/** Both directions alike. TCP and SCTP ports count, unless the packet is a fragment; without IP the Ethernet header does. */
function symmetric(key: u32, basis: u32): u32 {
  const type = load<u16>(key, KEY_ETH_TYPE);
  let h = basis;
  if (type == IPV4) h = add(h, load<u32>(key, KEY_NW_SRC) ^ load<u32>(key, KEY_NW_DST));
  else if (type == IPV6) {
    for (let at: u32 = 0; at < 16; at += 4)
      h = add(h, load<u32>(key + at, KEY_IPV6_SRC) ^ load<u32>(key + at, KEY_IPV6_DST));
  } else {
    return symmetricEthernet(key, basis);
  }
  const proto = <u32>load<u8>(key, KEY_NW_PROTO);
  h = add(h, proto);
  if ((proto == IPPROTO_TCP || proto == IPPROTO_SCTP) && load<u8>(key, KEY_NW_FRAG) == 0) {
    h = add(h, <u32>(load<u16>(key, KEY_TP_SRC) ^ load<u16>(key, KEY_TP_DST)));
  }
  return finish(h ^ basis);
}

function symmetricEthernet(key: u32, basis: u32): u32 {
  // Both tags' VIDs, without a tag 0, share a word with the type.
  const vids = <u32>(load<u16>(key, KEY_VLAN0_TCI) ^ load<u16>(key, KEY_VLAN1_TCI)) & VID;
  let h = add(basis, <u32>load<u16>(key, KEY_ETH_TYPE) | (vids << 16));
  h = add(h, load<u32>(key, KEY_ETH_SRC) ^ load<u32>(key, KEY_ETH_DST));
  h = add(h, <u32>(load<u16>(key, KEY_ETH_SRC + 4) ^ load<u16>(key, KEY_ETH_DST + 4)));
  return finish(h ^ basis);
}
