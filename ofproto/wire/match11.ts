// OpenFlow 1.1's fixed match of 88 bytes (OpenFlow 1.1, A.2.3). Mask bits mean "ignore" here, unlike anywhere else.
//
//   type u16 (0) | length u16 (88) | in_port u32 | wildcards u32 | dl_src 6 | dl_src_mask 6 | dl_dst 6 | dl_dst_mask 6 |
//   dl_vlan u16 | dl_vlan_pcp u8 | pad 1 | dl_type u16 | nw_tos u8 | nw_proto u8 | nw_src u32 | nw_src_mask u32 |
//   nw_dst u32 | nw_dst_mask u32 | tp_src u16 | tp_dst u16 | mpls_label u32 | mpls_tc u8 | pad 3 | metadata u64 |
//   metadata_mask u64

import { Reader, Writer } from '../../lib/cursors.ts';
import { field, fieldMask, getField, isMatched, matchField, matchFieldNumber } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { ETH_TYPE_ARP, ETH_TYPE_IP, ETH_TYPE_RARP } from '../model/prerequisites.ts';

/** OFPMT_STANDARD, and its length. */
export const OFPMT_STANDARD = 0;
export const OFPMT_STANDARD_LENGTH = 88;

const OFPFW_IN_PORT = 1 << 0;
const OFPFW_DL_VLAN = 1 << 1;
const OFPFW_DL_VLAN_PCP = 1 << 2;
const OFPFW_DL_TYPE = 1 << 3;
const OFPFW_NW_TOS = 1 << 4;
const OFPFW_NW_PROTO = 1 << 5;
const OFPFW_TP_SRC = 1 << 6;
const OFPFW_TP_DST = 1 << 7;
const OFPFW_MPLS_LABEL = 1 << 8;
const OFPFW_MPLS_TC = 1 << 9;

/** Any tag, and no tag. */
const OFPVID_ANY = 0xfffe;
const OFPVID_NONE = 0xffff;

const inverted = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => ~byte);
const isArpOrIp = (etherType: number): boolean =>
  etherType === ETH_TYPE_IP || etherType === ETH_TYPE_ARP || etherType === ETH_TYPE_RARP;

function refuse(condition: boolean): void {
  if (condition) throw new OfError('OFPBMC_BAD_VALUE');
}

/** Reads the match after its type and length. Throws OfError OFPBMC_*. */
export function decodeMatch11(r: Reader, match: F.Match = F.emptyMatch()): F.Match {
  const inPort = r.u32();
  const wildcards = r.u32();
  const masked = (name: string, size: number, wanted = true) => {
    const value = r.copy(size);
    const mask = inverted(r.copy(size));
    if (wanted && mask.some((byte) => byte !== 0)) matchField(match, field(name), value, mask);
  };
  if (!(wildcards & OFPFW_IN_PORT)) {
    refuse(inPort >= 0xff00 && inPort < 0xffffff00);
    matchFieldNumber(match, field('in_port_oxm'), inPort);
  }
  masked('eth_src', 6);
  masked('eth_dst', 6);
  decodeVlan(match, wildcards, r.u16(), r.u8());
  r.skip(1);
  const etherType = r.u16();
  if (!(wildcards & OFPFW_DL_TYPE)) matchFieldNumber(match, field('eth_type'), etherType);
  const known = match.flow.u16(F.KEY_ETH_TYPE);
  decodeTosAndProto(match, wildcards, r.u8(), r.u8());
  masked('ip_src', 4, isArpOrIp(known));
  masked('ip_dst', 4, isArpOrIp(known));
  decodeTransport(match, wildcards, r.u16(), r.u16());
  decodeMpls(match, wildcards, r.u32(), r.u8());
  r.skip(3);
  masked('metadata', 8);
  return match;
}

function decodeVlan(match: F.Match, wildcards: number, vid: number, pcp: number): void {
  if (wildcards & OFPFW_DL_VLAN) return;
  if (vid === OFPVID_NONE) {
    match.mask.setU16(F.KEY_VLAN0_TCI, 0xffff);
    return;
  }
  refuse(vid !== OFPVID_ANY && vid > 0xfff);
  let [tci, mask] = vid === OFPVID_ANY ? [F.VLAN_CFI, F.VLAN_CFI] : [F.VLAN_CFI | vid, F.VLAN_CFI | 0xfff];
  if (!(wildcards & OFPFW_DL_VLAN_PCP)) {
    refuse(pcp > 7);
    tci |= pcp << 13;
    mask |= 0xe000;
  }
  match.flow.setU16(F.KEY_VLAN0_TCI, tci);
  match.mask.setU16(F.KEY_VLAN0_TCI, mask);
}

function decodeTosAndProto(match: F.Match, wildcards: number, tos: number, proto: number): void {
  const etherType = match.flow.u16(F.KEY_ETH_TYPE);
  if (etherType === ETH_TYPE_IP && !(wildcards & OFPFW_NW_TOS)) {
    refuse((tos & 3) !== 0);
    matchFieldNumber(match, field('nw_tos'), tos);
  }
  if (isArpOrIp(etherType) && !(wildcards & OFPFW_NW_PROTO)) {
    match.flow.setU8(F.KEY_NW_PROTO, proto);
    match.mask.setU8(F.KEY_NW_PROTO, 0xff);
  }
}

/** The names of the two transport fields, by IP protocol. */
const TRANSPORT: Readonly<Record<number, readonly [src: string, dst: string]>> = {
  1: ['icmp_type', 'icmp_code'],
  6: ['tcp_src', 'tcp_dst'],
  17: ['udp_src', 'udp_dst'],
  132: ['sctp_src', 'sctp_dst'],
};

function decodeTransport(match: F.Match, wildcards: number, src: number, dst: number): void {
  const both = OFPFW_TP_SRC | OFPFW_TP_DST;
  if (match.flow.u16(F.KEY_ETH_TYPE) !== ETH_TYPE_IP || (wildcards & both) === both) return;
  const names = TRANSPORT[match.flow.u8(F.KEY_NW_PROTO)];
  // OpenFlow 1.1 says to ignore ports where there are none.
  if (!names) return;
  const one = (wildcard: number, name: string, value: number) => {
    if (wildcards & wildcard) return;
    if (value >= 2 ** field(name).bits) throw new OfError('OFPBMC_BAD_FIELD');
    matchFieldNumber(match, field(name), value);
  };
  one(OFPFW_TP_SRC, names[0], src);
  one(OFPFW_TP_DST, names[1], dst);
}

function decodeMpls(match: F.Match, wildcards: number, label: number, tc: number): void {
  const etherType = match.flow.u16(F.KEY_ETH_TYPE);
  if (etherType !== 0x8847 && etherType !== 0x8848) return;
  if (!(wildcards & OFPFW_MPLS_LABEL)) matchFieldNumber(match, field('mpls_label'), label & 0xfffff);
  if (!(wildcards & OFPFW_MPLS_TC)) matchFieldNumber(match, field('mpls_tc'), tc & 7);
}

/** Writes all 88 bytes; parts that 1.1 cannot say are left wildcarded. */
export function encodeMatch11(w: Writer, match: F.Match): void {
  const { flow, mask } = match;
  let wildcards = 0;
  const unless = (known: boolean, bit: number): boolean => {
    if (!known) wildcards |= bit;
    return known;
  };
  const number = (known: boolean, bit: number, value: number): number => (unless(known, bit) ? value : 0);
  const body = {
    inPort: number(mask.u32(F.KEY_IN_PORT) !== 0, OFPFW_IN_PORT, flow.u32(F.KEY_IN_PORT)),
    vlan: vlanOf(flow.u16(F.KEY_VLAN0_TCI), mask.u16(F.KEY_VLAN0_TCI), number),
    dlType: number(mask.u16(F.KEY_ETH_TYPE) !== 0, OFPFW_DL_TYPE, flow.u16(F.KEY_ETH_TYPE)),
    nwTos: number((mask.u8(F.KEY_NW_TOS) & 0xfc) !== 0, OFPFW_NW_TOS, flow.u8(F.KEY_NW_TOS) & 0xfc),
    nwProto: number(mask.u8(F.KEY_NW_PROTO) !== 0, OFPFW_NW_PROTO, flow.u8(F.KEY_NW_PROTO)),
    tpSrc: number(mask.u16(F.KEY_TP_SRC) !== 0, OFPFW_TP_SRC, flow.u16(F.KEY_TP_SRC)),
    tpDst: number(mask.u16(F.KEY_TP_DST) !== 0, OFPFW_TP_DST, flow.u16(F.KEY_TP_DST)),
    label: number(isMatched(mask, field('mpls_label')), OFPFW_MPLS_LABEL, numberIn(flow, 'mpls_label')),
    tc: number(isMatched(mask, field('mpls_tc')), OFPFW_MPLS_TC, numberIn(flow, 'mpls_tc')),
  };
  const masked = (name: string) => w.put(getField(flow, field(name))).put(inverted(fieldMask(mask, field(name))));
  w.u16(OFPMT_STANDARD).u16(OFPMT_STANDARD_LENGTH).u32(body.inPort).u32(wildcards);
  masked('eth_src');
  masked('eth_dst');
  w.u16(body.vlan.vid).u8(body.vlan.pcp).zeros(1).u16(body.dlType).u8(body.nwTos).u8(body.nwProto);
  masked('ip_src');
  masked('ip_dst');
  w.u16(body.tpSrc).u16(body.tpDst).u32(body.label).u8(body.tc).zeros(3);
  masked('metadata');
}

/** Whether the 88 bytes say all of this match. */
export function fitsMatch11(match: F.Match): boolean {
  const w = new Writer();
  encodeMatch11(w, match);
  const r = new Reader(w.finish());
  r.skip(4);
  try {
    const again = decodeMatch11(r);
    return again.flow.equals(match.flow) && again.mask.equals(match.mask);
  } catch (error) {
    if (error instanceof OfError) return false;
    throw error;
  }
}

const numberIn = (flow: F.Flow, name: string): number =>
  getField(flow, field(name)).reduce((sum, byte) => (sum << 8) | byte, 0);

function vlanOf(tci: number, mask: number, number: (known: boolean, bit: number, value: number) => number) {
  const noTag = (mask & F.VLAN_CFI) !== 0 && (tci & F.VLAN_CFI) === 0;
  const value = noTag ? OFPVID_NONE : mask & 0xfff ? tci & 0xfff : OFPVID_ANY;
  const vid = number(mask !== 0, OFPFW_DL_VLAN, value);
  return { vid, pcp: number(mask !== 0 && !noTag && (mask & 0xe000) !== 0, OFPFW_DL_VLAN_PCP, tci >> 13) };
}
