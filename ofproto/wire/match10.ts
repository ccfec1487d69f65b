// OpenFlow 1.0's fixed 40-byte match (OpenFlow 1.0, 5.2.3), and which matches it can say.
//
//   wildcards u32 | in_port u16 | dl_src 6 | dl_dst 6 | dl_vlan u16 | dl_vlan_pcp u8 | pad 1 | dl_type u16 |
//   nw_tos u8 | nw_proto u8 | pad 2 | nw_src u32 | nw_dst u32 | tp_src u16 | tp_dst u16

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { Field } from '../model/field.ts';
import {
  exactMask,
  field,
  matchBytes,
  matchFieldNumber,
  matchNumber,
  OFP_VLAN_NONE,
  portFrom16,
  portTo16,
} from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { normalizeMatch } from '../model/normalize.ts';
import { ETH_TYPE_ARP, ETH_TYPE_IP, ETH_TYPE_RARP } from '../model/prerequisites.ts';

const OFPFW_IN_PORT = 1 << 0;
const OFPFW_DL_VLAN = 1 << 1;
const OFPFW_DL_SRC = 1 << 2;
const OFPFW_DL_DST = 1 << 3;
const OFPFW_DL_TYPE = 1 << 4;
const OFPFW_NW_PROTO = 1 << 5;
const OFPFW_TP_SRC = 1 << 6;
const OFPFW_TP_DST = 1 << 7;
const OFPFW_NW_SRC_SHIFT = 8;
const OFPFW_NW_DST_SHIFT = 14;
const OFPFW_DL_VLAN_PCP = 1 << 20;
const OFPFW_NW_TOS = 1 << 21;

/** Every OFPFW_* bit, as table statistics report it. */
export const OFPFW_ALL = 0x3fffff;

const IN_PORT = field('in_port_oxm');
const ETH_SRC = field('eth_src');
const ETH_DST = field('eth_dst');
const DL_VLAN = field('dl_vlan');
const DL_VLAN_PCP = field('dl_vlan_pcp');
const ETH_TYPE = field('eth_type');
const NW_TOS = field('nw_tos');
const NW_PROTO = field('nw_proto');
const IP_SRC = field('ip_src');
const IP_DST = field('ip_dst');
const TP_SRC = field('tcp_src');
const TP_DST = field('tcp_dst');

const mac = new Uint8Array(6);

/** True when the match that comes next has no wildcard. */
export function isExactMatch10(r: Reader): boolean {
  return (((r.peek16(0) << 16) | r.peek16(2)) & OFPFW_ALL) === 0;
}

/** Reads a match; values that its own wildcards or prerequisites make meaningless are dropped. `match` is empty. */
export function decodeMatch10(r: Reader, match: F.Match = F.emptyMatch()): F.Match {
  const wildcards = r.u32();
  exact(match, IN_PORT, wildcards & OFPFW_IN_PORT, portFrom16(r.u16()));
  decodeMac(match, ETH_SRC, wildcards & OFPFW_DL_SRC, r);
  decodeMac(match, ETH_DST, wildcards & OFPFW_DL_DST, r);
  decodeVlan(match, wildcards, r.u16(), r.u8());
  r.skip(1);
  exact(match, ETH_TYPE, wildcards & OFPFW_DL_TYPE, r.u16());
  exact(match, NW_TOS, wildcards & OFPFW_NW_TOS, r.u8() & 0xfc);
  exact(match, NW_PROTO, wildcards & OFPFW_NW_PROTO, r.u8());
  r.skip(2);
  decodeAddress(match, IP_SRC, r.u32(), (wildcards >> OFPFW_NW_SRC_SHIFT) & 0x3f);
  decodeAddress(match, IP_DST, r.u32(), (wildcards >> OFPFW_NW_DST_SHIFT) & 0x3f);
  exact(match, TP_SRC, wildcards & OFPFW_TP_SRC, r.u16());
  exact(match, TP_DST, wildcards & OFPFW_TP_DST, r.u16());
  normalizeMatch(match);
  return match;
}

function exact(match: F.Match, f: Field, wildcarded: number, value: number): void {
  if (!wildcarded) matchNumber(match, f, value, f.validNumber);
}

function decodeMac(match: F.Match, f: Field, wildcarded: number, r: Reader): void {
  r.copyTo(mac, 6);
  if (!wildcarded) matchBytes(match, f, mac, exactMask(f));
}

function decodeVlan(match: F.Match, wildcards: number, vid: number, pcp: number): void {
  const hasVid = !(wildcards & OFPFW_DL_VLAN);
  if (hasVid) matchFieldNumber(match, DL_VLAN, vid);
  const untagged = hasVid && vid === OFP_VLAN_NONE;
  if (!(wildcards & OFPFW_DL_VLAN_PCP) && !untagged) matchFieldNumber(match, DL_VLAN_PCP, pcp & 7);
}

/** `ignored` low bits of the address are wildcarded; 32 and more: all of it. */
function decodeAddress(match: F.Match, f: Field, value: number, ignored: number): void {
  if (ignored < 32) matchNumber(match, f, value, (0xffffffff << ignored) >>> 0);
}

/** Parts of a mask that OpenFlow 1.0 matches exactly or not at all. */
const KNOWN: readonly (readonly [offset: number, size: number])[] = [
  [F.KEY_IN_PORT, 4],
  [F.KEY_ETH_SRC, 6],
  [F.KEY_ETH_DST, 6],
  [F.KEY_ETH_TYPE, 2],
  [F.KEY_NW_PROTO, 1],
];

/** Whether the 40-byte form can say this match. */
export function fitsMatch10({ flow, mask }: F.Match): boolean {
  const rest = mask.clone();
  for (const [offset, size] of KNOWN) {
    if (!allOrNothing(rest.bytes.subarray(offset, offset + size))) return false;
    rest.bytes.fill(0, offset, offset + size);
  }
  if (!vlanFits(flow.u16(F.KEY_VLAN0_TCI), mask.u16(F.KEY_VLAN0_TCI))) return false;
  rest.setU16(F.KEY_VLAN0_TCI, 0);
  const etherType = flow.u16(F.KEY_ETH_TYPE);
  const hasIp = etherType === ETH_TYPE_IP || etherType === ETH_TYPE_ARP || etherType === ETH_TYPE_RARP;
  if (!hasIp) return mask.u8(F.KEY_NW_PROTO) === 0 && rest.isZero();
  return ipFits(rest, flow, etherType) && rest.isZero();
}

/** Takes the network and transport fields out of `rest` as far as 1.0 has them. */
function ipFits(rest: F.Flow, flow: F.Flow, etherType: number): boolean {
  for (const offset of [F.KEY_NW_SRC, F.KEY_NW_DST]) {
    if (ignoredBits(rest.u32(offset)) === undefined) return false;
    rest.setU32(offset, 0);
  }
  if (etherType !== ETH_TYPE_IP) return true;
  if (rest.u8(F.KEY_NW_TOS) === 0xfc) rest.setU8(F.KEY_NW_TOS, 0);
  const icmp = flow.u8(F.KEY_NW_PROTO) === 1;
  for (const offset of [F.KEY_TP_SRC, F.KEY_TP_DST]) {
    const bits = rest.u16(offset);
    if (bits === 0xffff || (icmp && bits === 0xff)) rest.setU16(offset, 0);
  }
  return true;
}

function allOrNothing(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff);
}

function vlanFits(tci: number, mask: number): boolean {
  if (mask === 0) return true;
  if ((mask & F.VLAN_CFI) === 0) return false;
  if ((tci & F.VLAN_CFI) === 0) return mask === 0xffff;
  const [vid, pcp] = [mask & 0xfff, mask & 0xe000];
  return (vid === 0 || vid === 0xfff) && (pcp === 0 || pcp === 0xe000) && (vid | pcp) !== 0;
}

/** Wildcarded low bits of an address mask, undefined when it is no prefix. */
function ignoredBits(mask: number): number | undefined {
  if (mask === 0) return 32;
  const ignored = 31 - Math.clz32(mask & -mask);
  return (0xffffffff << ignored) >>> 0 === mask ? ignored : undefined;
}

/** Writes the 40 bytes; parts that 1.0 cannot say (see fitsMatch10) are left wildcarded. */
export function encodeMatch10(w: Writer, { flow, mask }: F.Match): void {
  const bit = (known: boolean, wildcard: number) => (known ? 0 : wildcard);
  const tci = mask.u16(F.KEY_VLAN0_TCI);
  const present = (flow.u16(F.KEY_VLAN0_TCI) & F.VLAN_CFI) !== 0;
  const hasVid = (tci & 0xfff) === 0xfff || ((tci & F.VLAN_CFI) !== 0 && !present);
  const hasPcp = present && (tci & 0xe000) === 0xe000;
  w.u32(
    bit(mask.u32(F.KEY_IN_PORT) !== 0, OFPFW_IN_PORT) |
      bit(isFull(mask, F.KEY_ETH_SRC, 6), OFPFW_DL_SRC) |
      bit(isFull(mask, F.KEY_ETH_DST, 6), OFPFW_DL_DST) |
      bit(mask.u16(F.KEY_ETH_TYPE) !== 0, OFPFW_DL_TYPE) |
      bit(mask.u8(F.KEY_NW_PROTO) !== 0, OFPFW_NW_PROTO) |
      bit(hasVid, OFPFW_DL_VLAN) |
      bit(hasPcp || (hasVid && !present), OFPFW_DL_VLAN_PCP) |
      bit((mask.u8(F.KEY_NW_TOS) & 0xfc) === 0xfc, OFPFW_NW_TOS) |
      bit((mask.u16(F.KEY_TP_SRC) & 0xff) === 0xff, OFPFW_TP_SRC) |
      bit((mask.u16(F.KEY_TP_DST) & 0xff) === 0xff, OFPFW_TP_DST) |
      ((ignoredBits(mask.u32(F.KEY_NW_SRC)) ?? 32) << OFPFW_NW_SRC_SHIFT) |
      ((ignoredBits(mask.u32(F.KEY_NW_DST)) ?? 32) << OFPFW_NW_DST_SHIFT),
  );
  w.u16(mask.u32(F.KEY_IN_PORT) === 0 ? 0 : portTo16(flow.u32(F.KEY_IN_PORT)));
  w.put(flow.bytes.subarray(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6));
  w.put(flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6));
  w.u16(!hasVid ? 0 : present ? flow.u16(F.KEY_VLAN0_TCI) & 0xfff : OFP_VLAN_NONE);
  w.u8(hasPcp ? flow.u16(F.KEY_VLAN0_TCI) >> 13 : 0).zeros(1);
  w.u16(flow.u16(F.KEY_ETH_TYPE));
  w.u8(flow.u8(F.KEY_NW_TOS) & 0xfc)
    .u8(flow.u8(F.KEY_NW_PROTO))
    .zeros(2);
  w.u32(flow.u32(F.KEY_NW_SRC)).u32(flow.u32(F.KEY_NW_DST));
  w.u16(flow.u16(F.KEY_TP_SRC)).u16(flow.u16(F.KEY_TP_DST));
}

function isFull(mask: F.Flow, offset: number, size: number): boolean {
  return mask.bytes.subarray(offset, offset + size).every((byte) => byte === 0xff);
}
