// Matches written as NXM and OXM TLVs (oxm.ts): which fields, in which order, under which names.

import type { Writer } from '../../lib/cursors.ts';
import {
  bigintOf,
  bytesOf,
  exactMask,
  type Field,
  field,
  fieldMask,
  getField,
  getFieldNumber,
  isMatched,
  isPlainNumber,
} from '../model/fields.ts';
import { type Flow, KEY_NW_PROTO, KEY_VLAN0_TCI, type Match } from '../model/flow.ts';
import { isAllOnes } from '../model/full-mask.ts';
import { OFP10_VERSION, OFP11_VERSION, OFP15_VERSION } from '../model/messages.ts';
import { glanceAt, type Minimask, PackedMatch } from '../model/minimask.ts';
import { ETH_TYPE_ARP, ETH_TYPE_IPV6, ETH_TYPE_NSH, ETH_TYPE_RARP, etherTypeOf } from '../model/prerequisites.ts';
import { hasTunMetadata, matchedTunMetadata } from '../model/tun-metadata.ts';
import { encodeMatch11 } from './match11.ts';
import { type CookieMatch, NXM_NX_COOKIE, NXM_NX_COOKIE_W, OFPMT_OXM, writeFieldHeader } from './oxm.ts';

const ARP_FIELDS = ['arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha'];
const NSH_FIELDS = ['flags', 'ttl', 'mdtype', 'np', 'spi', 'si', 'c1', 'c2', 'c3', 'c4'].map((name) => `nsh_${name}`);
const TUNNEL_FIELDS = [
  ...['id', 'flags', 'src', 'dst', 'ipv6_src', 'ipv6_dst', 'gbp_id', 'gbp_flags'],
  ...['erspan_idx', 'erspan_ver', 'erspan_dir', 'erspan_hwid', 'gtpu_flags', 'gtpu_msgtype'],
].map((name) => `tun_${name}`);
const CT_FIELDS = [
  ...['state', 'zone', 'mark', 'label'],
  ...['nw_src', 'nw_dst', 'ipv6_src', 'ipv6_dst', 'nw_proto', 'tp_src', 'tp_dst'],
].map((name) => `ct_${name}`);
const ND_FIELDS = ['nd_reserved', 'nd_target', 'nd_options_type', 'nd_sll', 'nd_tll'];

type Network = 'ip' | 'ipv6' | 'arp' | 'nsh';
const NETWORKS: readonly Network[] = ['ip', 'ipv6', 'arp', 'nsh'];

/** Fields behind the IP header, by its protocol. */
const L4_FIELDS: Readonly<Record<'ip' | 'ipv6', ReadonlyMap<number, readonly string[]>>> = {
  ip: new Map([[1, ['icmp_type', 'icmp_code']], ...portFields()]),
  ipv6: new Map([[58, ['icmpv6_type', 'icmpv6_code', ...ND_FIELDS]], ...portFields()]),
};

function portFields(): readonly [number, string[]][] {
  return [
    [6, ['tcp_src', 'tcp_dst', 'tcp_flags']],
    [17, ['udp_src', 'udp_dst']],
    [132, ['sctp_src', 'sctp_dst']],
  ];
}

function networkOf(match: Match): Network {
  switch (etherTypeOf(match.flow)) {
    case ETH_TYPE_ARP:
    case ETH_TYPE_RARP:
      return 'arp';
    case ETH_TYPE_NSH:
      return 'nsh';
    case ETH_TYPE_IPV6:
      return 'ipv6';
    default:
      return 'ip';
  }
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`);

/** The fields that a match may have in the order in which they are written, prerequisites first. */
function namesInOrder(network: Network, proto: number, version: number): string[] {
  const oxm = version >= OFP11_VERSION;
  const metadata = ['packet_type', 'dp_hash', 'recirc_id', 'conj_id', oxm ? 'in_port_oxm' : 'in_port', 'actset_output'];
  const ethernet = ['eth_src', 'eth_dst', 'eth_type', ...(oxm ? [] : ['vlan_tci'])];
  return [
    ...metadata,
    ...ethernet,
    ...['mpls_tc', 'mpls_bos', 'mpls_ttl', 'mpls_label'],
    ...(network === 'arp' ? ARP_FIELDS : network === 'nsh' ? NSH_FIELDS : ipFields(network, proto, oxm)),
    ...TUNNEL_FIELDS,
    // 1.5 has a standard field for each pair of registers.
    ...(version >= OFP15_VERSION ? numbered('xreg', 8) : numbered('reg', 16)),
    ...['pkt_mark', ...CT_FIELDS, 'metadata'],
  ];
}

function ipFields(network: 'ip' | 'ipv6', proto: number, oxm: boolean): string[] {
  return [
    ...(network === 'ipv6' ? ['ipv6_src', 'ipv6_dst'] : ['ip_src', 'ip_dst']),
    ...['ip_frag', oxm ? 'ip_dscp' : 'nw_tos', 'nw_ecn', 'nw_ttl'],
    ...(network === 'ipv6' ? ['ipv6_label'] : []),
    ...['nw_proto', ...(L4_FIELDS[network].get(proto) ?? [])],
  ];
}

/** Orders made so far: flow dumps ask a hundred thousand times for one of few. */
const orders = new Map<number, readonly Field[]>();

function fieldOrder(match: Match, version: number): readonly Field[] {
  const network = networkOf(match);
  const proto = match.flow.u8(KEY_NW_PROTO);
  const known = (network === 'ip' || network === 'ipv6') && L4_FIELDS[network].has(proto) ? proto : 0;
  const key = (version * NETWORKS.length + NETWORKS.indexOf(network)) * 256 + known;
  let order = orders.get(key);
  if (!order) {
    order = namesInOrder(network, known, version).map(field);
    orders.set(key, order);
  }
  return order;
}

const PACKET_TYPE = field('packet_type');
const ETH_TYPE = field('eth_type');
const VLAN_VID = field('vlan_vid');
const VLAN_PCP = field('vlan_pcp');

/** Of an order, what matches of one mask say something of, or may. */
const said = new WeakMap<Minimask, Map<readonly Field[], readonly Field[]>>();

function saidFields(minimask: Minimask, mask: Flow, order: readonly Field[]): readonly Field[] {
  let ofMask = said.get(minimask);
  if (!ofMask) {
    ofMask = new Map();
    said.set(minimask, ofMask);
  }
  let fields = ofMask.get(order);
  if (!fields) {
    fields = order.filter((f) => f === PACKET_TYPE || f === ETH_TYPE || isMatched(mask, f));
    ofMask.set(order, fields);
  }
  return fields;
}

/** Writes a match's TLVs without padding; the cookie only where NXM requests carry one. */
export function encodeOxm(w: Writer, match: Match, version: number, cookie?: CookieMatch): void {
  const whole = glanceAt(match);
  const { flow, mask } = whole;
  const order = fieldOrder(whole, version);
  for (const f of match instanceof PackedMatch ? saidFields(match.minimask, mask, order) : order) {
    if (isMatched(mask, f)) {
      if (isPlainNumber(f)) writeNumber(w, f, getFieldNumber(flow, f), getFieldNumber(mask, f), version);
      else writeField(w, f, getField(flow, f), fieldMask(mask, f), version);
    } else if (f === PACKET_TYPE && impliesEthernet(whole, version)) {
      writeEthernet(w, f, version);
    }
    if (f === ETH_TYPE && version >= OFP11_VERSION) writeVlan(w, whole, version);
  }
  if (hasTunMetadata(mask)) {
    for (const f of matchedTunMetadata(whole)) writeTunMetadata(w, f, getField(flow, f), getField(mask, f));
  }
  if (!cookie || cookie.cookieMask === 0n) return;
  if (cookie.cookieMask === 0xffffffffffffffffn) w.u32(NXM_NX_COOKIE).u64(cookie.cookie);
  else w.u32(NXM_NX_COOKIE_W).u64(cookie.cookie).u64(cookie.cookieMask);
}

/** writeField() of a match's plain number. */
function writeNumber(w: Writer, f: Field, value: number, mask: number, version: number): void {
  const exact = f.format !== 'tnl_flags' && mask === f.validNumber;
  writeFieldHeader(w, f, !exact, version);
  putNumber(w, f, value);
  if (!exact) putNumber(w, f, mask);
}

function putNumber(w: Writer, { size }: Field, value: number): void {
  if (size === 4) w.u32(value);
  else if (size === 2) w.u16(value);
  else if (size === 1) w.u8(value);
  else w.put(bytesOf(BigInt(value), size));
}

/** Writes one TLV, with the mask unless it covers the whole field. */
export function writeField(
  w: Writer,
  f: Field,
  value: Uint8Array,
  mask: Uint8Array,
  version: number,
  isAction = false,
): void {
  if (f.tlvSlot >= 0) {
    writeTunMetadata(w, f, value, mask);
    return;
  }
  const exact = isAction ? isAllOnes(mask) : isExactMatch(f, mask);
  writeFieldHeader(w, f, !exact, version);
  w.put(value);
  if (!exact) w.put(mask);
}

/** Writes tunnel metadata (tun-metadata.ts), with the mask unless it covers the whole option. */
export function writeTunMetadata(w: Writer, f: Field, value: Uint8Array, mask: Uint8Array): void {
  const hasMask = !isAllOnes(mask);
  const first = (hasMask ? mask : value).findIndex((byte) => byte !== 0);
  const from = first < 0 ? f.size : first;
  writeFieldHeader(w, f, hasMask, OFP10_VERSION, f.size - from);
  w.put(value.subarray(from));
  if (hasMask) w.put(mask.subarray(from));
}

/**
 * Whether all that a match says of the Ethernet header is what OXM cannot say, the VLAN priority of frames with and without
 * a tag: then what is left of it is that there is such a header.
 */
function impliesEthernet({ mask }: Match, version: number): boolean {
  if (version < OFP11_VERSION || mask.u16(KEY_VLAN0_TCI) === 0) return false;
  return !['eth_src', 'eth_dst', 'eth_type', 'vlan_vid'].some((name) => isMatched(mask, field(name)));
}

function writeEthernet(w: Writer, packetType: Field, version: number): void {
  writeField(w, packetType, new Uint8Array(packetType.size), exactMask(packetType), version);
}

/** Open vSwitch keeps all 16 bits of tun_flags maskable, of which one is in use. */
const isExactMatch = (f: Field, mask: Uint8Array): boolean => f.format !== 'tnl_flags' && bigintOf(mask) === f.valid;

/** OXM has VLAN id and priority where a Flow has one TCI. */
function writeVlan(w: Writer, match: Match, version: number): void {
  const tci = match.flow.u16(KEY_VLAN0_TCI);
  const mask = match.mask.u16(KEY_VLAN0_TCI);
  const vidMask = mask & 0x1fff;
  if (vidMask !== 0) {
    writeField(w, VLAN_VID, bytesOf(BigInt(tci & vidMask), 2), bytesOf(BigInt(vidMask), 2), version);
  }
  // Open vSwitch's test: a priority goes with an id of which some bit is matched as set.
  if ((tci & vidMask) !== 0 && (mask & 0xe000) !== 0) {
    writeField(w, VLAN_PCP, Uint8Array.of(tci >> 13), Uint8Array.of(7), version);
  }
}

/** Writes a match in the version's own form. */
export function encodeMatch(w: Writer, match: Match, version: number): void {
  if (version === OFP11_VERSION) encodeMatch11(w, match);
  else encodeOxmMatch(w, match, version);
}

/** Writes a match as TLVs, which Open vSwitch does in flow statistics of 1.1 too. */
export function encodeOxmMatch(w: Writer, match: Match, version: number): void {
  const start = w.size;
  w.u16(OFPMT_OXM).u16(0);
  encodeOxm(w, match, version);
  w.patch16(start + 2, w.size - start);
  w.pad(8, start);
}
