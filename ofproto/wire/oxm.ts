// Matches as NXM and OXM TLVs: `class 16 | field 7 | has-mask 1 | length 8`, value, mask (OpenFlow 1.3, 7.2.3;
// ovs-fields(7), "OpenFlow 1.2"). NXM is the same format with Nicira's classes, on OpenFlow 1.0.

import { Reader, type Writer } from '../../lib/cursors.ts';
import {
  bigintOf,
  bytesOf,
  exactMask,
  type Field,
  field,
  fieldByExperimenter,
  fieldByHeader,
  fieldMask,
  getField,
  isAllOnes,
  isMatched,
  isPlainNumber,
  isValidValue,
  isWithin,
  matchField,
  matchNumber,
  numberOf,
  validNumber,
} from '../model/fields.ts';
import { emptyMatch, KEY_VLAN0_TCI, type Match } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP11_VERSION, OFP12_VERSION, OFP13_VERSION, OFP15_VERSION } from '../model/messages.ts';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IPV6,
  ETH_TYPE_NSH,
  ETH_TYPE_RARP,
  etherTypeOf,
  prerequisitesMet,
} from '../model/prerequisites.ts';
import { decodeMatch11, encodeMatch11, OFPMT_STANDARD, OFPMT_STANDARD_LENGTH } from './match11.ts';
import { checkPort } from './port-numbers.ts';

const OFPMT_OXM = 1;
const OFPXMC_EXPERIMENTER = 0xffff;
const ONF_VENDOR = 0x4f4e4600;
const HAS_MASK = 0x100;

/**
 * NXM_NX_COOKIE: not a packet field, selects rules by cookie in NXM requests. It has the number of NXM_NX_MPLS_TTL;
 * their lengths tell them apart.
 */
const NXM_NX_COOKIE = 0x00013c08;
const NXM_NX_COOKIE_W = 0x00013d10;

export interface CookieMatch {
  readonly cookie: bigint;
  readonly cookieMask: bigint;
}

/** One TLV's header: experimenter fields have 32 bits more, counted in the length. */
export interface FieldHeader {
  readonly field: Field | undefined;
  readonly hasMask: boolean;
  /** Bytes of value and mask. */
  readonly length: number;
  readonly raw: number;
}

/** Reads a TLV header and says which field it is, undefined for an unknown one. */
export function readFieldHeader(r: Reader): FieldHeader {
  const raw = r.u32();
  const hasMask = (raw & HAS_MASK) !== 0;
  let length = raw & 0xff;
  if (raw >>> 16 === OFPXMC_EXPERIMENTER) {
    const experimenter = r.u32();
    length -= 4;
    if (length < 0) throw new OfError('OFPBMC_BAD_LEN');
    return { field: fieldByExperimenter(experimenter, (raw >>> 9) & 0x7f), hasMask, length, raw };
  }
  return { field: fieldByHeader(raw), hasMask, length, raw };
}

/** Writes a field's header as `version` spells it: OXM from 1.2 on where there is one, else NXM. */
export function writeFieldHeader(w: Writer, f: Field, hasMask: boolean, version: number): void {
  const { header, experimenter } = headerOf(f, version);
  const extra = experimenter ? 4 : 0;
  const length = f.size * (hasMask ? 2 : 1) + extra;
  w.u32(((header & ~0x1ff) | (hasMask ? HAS_MASK : 0) | length) >>> 0);
  if (experimenter) w.u32(experimenter);
}

function headerOf(f: Field, version: number): { header: number; experimenter: number } {
  const oxm = f.oxm !== 0 && (f.oxmVersion <= version || (f.nxm === 0 && f.onfExtension === 0));
  if (version >= OFP12_VERSION && oxm) return { header: f.oxm, experimenter: 0 };
  if (f.onfExtension !== 0 && (version >= OFP13_VERSION || f.nxm === 0)) {
    return { header: ((OFPXMC_EXPERIMENTER << 16) | (f.onfExtension << 9)) >>> 0, experimenter: ONF_VENDOR };
  }
  return { header: f.nxm !== 0 ? f.nxm : f.oxm, experimenter: f.experimenter };
}

/** Bytes of a header: 4, and 8 in the experimenter class. */
export function headerSize(f: Field, version = NXM): number {
  return headerOf(f, version).experimenter === 0 ? 4 : 8;
}

/** OpenFlow 1.0, which has NXM headers wherever there are any: how Nicira's actions name fields on all versions. */
export const NXM = 1;

/** Reads the value, and the mask when there is one, that follow a header. Throws OfError OFPBMC_*. */
export function readFieldValue(
  r: Reader,
  { field: f, hasMask, length }: FieldHeader & { field: Field },
  forAction = false,
) {
  // The length is part of what names a field.
  if (length !== f.size * (hasMask ? 2 : 1)) throw new OfError('OFPBMC_BAD_FIELD');
  const value = r.copy(f.size);
  if (!hasMask) return { value, mask: exactMask(f) };
  const mask = r.copy(f.size);
  if (value.some((byte, i) => (byte & ~mask[i]!) !== 0)) throw new OfError('OFPBMC_BAD_WILDCARDS');
  const exact = exactMask(f);
  const isExact = exact.every((byte, i) => (mask[i]! & byte) === byte);
  // Parts of any field can be written, also of those that are only matched whole.
  if (f.mask === 'none' && !isExact && !forAction) throw new OfError('OFPBMC_BAD_MASK');
  return { value, mask };
}

export interface DecodeMatchOptions {
  /** Take NXM_NX_COOKIE (NXM requests). */
  readonly cookie?: boolean;
  /** Skip unknown fields and ignore prerequisites: metadata of packet-ins. */
  readonly lenient?: boolean;
}

/** Decodes TLVs to the end of `bytes`. Throws OfError OFPBMC_*. */
export function decodeOxm(bytes: Uint8Array, options: DecodeMatchOptions = {}): { match: Match } & CookieMatch {
  const r = new Reader(bytes, 'OFPBMC_BAD_LEN');
  const match = emptyMatch();
  const seen = new Set<Field | number>();
  let cookie: CookieMatch = { cookie: 0n, cookieMask: 0n };
  while (r.remaining > 0) {
    const header = readFieldHeader(r);
    if (header.length > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
    if (header.hasMask && !options.lenient) checkWithinMask(bytes.subarray(r.offset, r.offset + header.length));
    const isCookie = header.raw === NXM_NX_COOKIE || header.raw === NXM_NX_COOKIE_W;
    const key = isCookie ? NXM_NX_COOKIE : (header.field ?? header.raw & ~0x1ff);
    if (isCookie && options.cookie) {
      const value = r.u64();
      const mask = header.hasMask ? r.u64() : 0xffffffffffffffffn;
      cookie = { cookie: value & mask, cookieMask: mask };
    } else if (header.field && !isCookie) {
      decodeField(r, match, header as FieldHeader & { field: Field }, options.lenient ?? false);
    } else if (options.lenient) {
      r.skip(header.length);
    } else {
      throw new OfError(isTunMetadata(header.raw) ? 'NXFMFC_INVALID_TLV_FIELD' : 'OFPBMC_BAD_FIELD');
    }
    if (seen.has(key)) throw new OfError('OFPBMC_DUP_FIELD');
    seen.add(key);
  }
  return { match, ...cookie };
}

/** A value has no bit outside its mask: looked at even before the field is. */
function checkWithinMask(payload: Uint8Array): void {
  const size = Math.floor(payload.length / 2);
  for (let i = 0; i < size; i++) {
    if (payload[i]! & ~payload[size + i]!) throw new OfError('OFPBMC_BAD_WILDCARDS');
  }
}

/** NXM_NX_TUN_METADATA0 to 63, which stand for nothing until an option is mapped to them. */
function isTunMetadata(raw: number): boolean {
  const [oxmClass, number] = [raw >>> 16, (raw >>> 9) & 0x7f];
  return oxmClass === 1 && number >= 40 && number <= 103;
}

function decodeField(r: Reader, match: Match, header: FieldHeader & { field: Field }, lenient: boolean): void {
  const f = header.field;
  if (isPlainNumber(f)) {
    decodeNumber(r, match, header, lenient);
    return;
  }
  const { value, mask } = readFieldValue(r, header);
  if (!lenient && !prerequisitesMet(match.flow, f, match.mask)) throw new OfError('OFPBMC_BAD_PREREQ');
  if (!isValidValue(f, value)) throw new OfError('OFPBMC_BAD_VALUE');
  matchField(match, f, value, mask);
}

/** decodeField() for plain numbers, which most fields are. */
function decodeNumber(r: Reader, match: Match, header: FieldHeader & { field: Field }, lenient: boolean): void {
  const { field: f, hasMask, length } = header;
  if (length !== f.size * (hasMask ? 2 : 1)) throw new OfError('OFPBMC_BAD_FIELD');
  const valid = validNumber(f);
  const value = readNumber(r, f.size);
  const mask = hasMask ? readNumber(r, f.size) : valid;
  if (hasMask && (value & ~mask) !== 0) throw new OfError('OFPBMC_BAD_WILDCARDS');
  if (f.mask === 'none' && (mask & valid) >>> 0 !== valid) throw new OfError('OFPBMC_BAD_MASK');
  if (!lenient && !prerequisitesMet(match.flow, f, match.mask)) throw new OfError('OFPBMC_BAD_PREREQ');
  if ((value & ~valid) !== 0 || (f.range && !isWithin(f.range, value))) throw new OfError('OFPBMC_BAD_VALUE');
  if (f.name === 'in_port_oxm' || f.name === 'actset_output') checkPort(value, 'OFPBMC_BAD_VALUE');
  matchNumber(match, f, value, mask);
}

function readNumber(r: Reader, size: number): number {
  if (size === 4) return r.u32();
  if (size === 2) return r.u16();
  return size === 1 ? r.u8() : numberOf(r.take(size));
}

const L4_FIELDS: Readonly<Record<number, readonly string[]>> = {
  6: ['tcp_src', 'tcp_dst', 'tcp_flags'],
  17: ['udp_src', 'udp_dst'],
  132: ['sctp_src', 'sctp_dst'],
};
const ND_FIELDS = ['nd_reserved', 'nd_target', 'nd_options_type', 'nd_sll', 'nd_tll'];

/** The fields of a match in the order they are written, prerequisites first. */
function* fieldOrder(match: Match, version: number): Generator<string> {
  const oxm = version >= OFP11_VERSION;
  yield* ['packet_type', 'dp_hash', 'recirc_id', 'conj_id', oxm ? 'in_port_oxm' : 'in_port', 'actset_output'];
  yield* ['eth_src', 'eth_dst', 'eth_type'];
  if (!oxm) yield 'vlan_tci';
  yield* ['mpls_tc', 'mpls_bos', 'mpls_ttl', 'mpls_label'];
  const etherType = etherTypeOf(match.flow);
  if (etherType === ETH_TYPE_ARP || etherType === ETH_TYPE_RARP) {
    yield* ['arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha'];
  } else if (etherType === ETH_TYPE_NSH) {
    yield* [
      'nsh_flags',
      'nsh_ttl',
      'nsh_mdtype',
      'nsh_np',
      'nsh_spi',
      'nsh_si',
      'nsh_c1',
      'nsh_c2',
      'nsh_c3',
      'nsh_c4',
    ];
  } else {
    yield* ipOrder(match, etherType === ETH_TYPE_IPV6, oxm);
  }
  yield* ['tun_id', 'tun_flags', 'tun_src', 'tun_dst', 'tun_ipv6_src', 'tun_ipv6_dst', 'tun_gbp_id', 'tun_gbp_flags'];
  yield* [
    'tun_erspan_idx',
    'tun_erspan_ver',
    'tun_erspan_dir',
    'tun_erspan_hwid',
    'tun_gtpu_flags',
    'tun_gtpu_msgtype',
  ];
  // 1.5 has a standard field for each pair of registers.
  if (version >= OFP15_VERSION) for (let i = 0; i < 8; i++) yield `xreg${i}`;
  else for (let i = 0; i < 16; i++) yield `reg${i}`;
  yield* ['pkt_mark', 'ct_state', 'ct_zone', 'ct_mark', 'ct_label'];
  yield* ['ct_nw_src', 'ct_nw_dst', 'ct_ipv6_src', 'ct_ipv6_dst', 'ct_nw_proto', 'ct_tp_src', 'ct_tp_dst', 'metadata'];
}

function* ipOrder(match: Match, ipv6: boolean, oxm: boolean): Generator<string> {
  yield* ipv6 ? ['ipv6_src', 'ipv6_dst'] : ['ip_src', 'ip_dst'];
  yield* ['ip_frag', oxm ? 'ip_dscp' : 'nw_tos', 'nw_ecn', 'nw_ttl'];
  if (ipv6) yield 'ipv6_label';
  yield 'nw_proto';
  const proto = Number(bigintOf(getField(match.flow, field('nw_proto'))));
  yield* L4_FIELDS[proto] ?? [];
  if (!ipv6 && proto === 1) yield* ['icmp_type', 'icmp_code'];
  if (ipv6 && proto === 58) yield* ['icmpv6_type', 'icmpv6_code', ...ND_FIELDS];
}

/** Writes a match's TLVs without padding; the cookie only where NXM requests carry one. */
export function encodeOxm(w: Writer, match: Match, version: number, cookie?: CookieMatch): void {
  for (const name of fieldOrder(match, version)) {
    const f = field(name);
    if (isMatched(match.mask, f)) writeField(w, f, getField(match.flow, f), fieldMask(match.mask, f), version);
    else if (name === 'packet_type' && impliesEthernet(match, version)) writeEthernet(w, f, version);
    if (name === 'eth_type' && version >= OFP11_VERSION) writeVlan(w, match, version);
  }
  if (!cookie || cookie.cookieMask === 0n) return;
  if (cookie.cookieMask === 0xffffffffffffffffn) w.u32(NXM_NX_COOKIE).u64(cookie.cookie);
  else w.u32(NXM_NX_COOKIE_W).u64(cookie.cookie).u64(cookie.cookieMask);
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
  const exact = isAction ? isAllOnes(mask) : isExactMatch(f, mask);
  writeFieldHeader(w, f, !exact, version);
  w.put(value);
  if (!exact) w.put(mask);
}

/**
 * Whether all that a match says of the Ethernet header is what OXM cannot say, the VLAN priority of frames with and without
 * a tag: then what is left of it is that there is such a header.
 */
function impliesEthernet({ mask }: Match, version: number): boolean {
  const said = ['eth_src', 'eth_dst', 'eth_type', 'vlan_vid'].some((name) => isMatched(mask, field(name)));
  return version >= OFP11_VERSION && !said && mask.u16(KEY_VLAN0_TCI) !== 0;
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
    writeField(w, field('vlan_vid'), bytesOf(BigInt(tci & vidMask), 2), bytesOf(BigInt(vidMask), 2), version);
  }
  // Open vSwitch's test: a priority goes with an id of which some bit is matched as set.
  if ((tci & vidMask) !== 0 && (mask & 0xe000) !== 0) {
    writeField(w, field('vlan_pcp'), Uint8Array.of(tci >> 13), Uint8Array.of(7), version);
  }
}

/** Reads the `struct ofp_match` of 1.1 and later: TLVs (OFPMT_OXM) or 1.1's fixed form, whatever the version. */
export function decodeMatch(r: Reader, options: DecodeMatchOptions = {}): Match {
  if (r.remaining < 4) throw new OfError('OFPBMC_BAD_LEN');
  const type = r.u16();
  const length = r.u16();
  if (type !== OFPMT_STANDARD && type !== OFPMT_OXM) throw new OfError('OFPBMC_BAD_TYPE');
  const padded = (length + 7) & ~7;
  if (length < 4 || padded - 4 > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  if (type === OFPMT_STANDARD) {
    if (length !== OFPMT_STANDARD_LENGTH) throw new OfError('OFPBMC_BAD_LEN');
    return decodeMatch11(r);
  }
  const body = r.take(length - 4);
  r.skip(padded - length);
  return decodeOxm(body, options).match;
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
