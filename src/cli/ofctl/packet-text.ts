// A packet as one line, the way ovs-ofctl monitor shows what a controller would get:
// `tcp,vlan_tci=0x0000,dl_src=...,nw_src=...,tp_dst=80,tcp_flags=syn tcp_csum:49a3`.

import { Reader } from '../../../lib/cursors.ts';
import { ProtocolError } from '../../../lib/errors.ts';
import { field, matchField, matchFieldNumber } from '../../../ofproto/model/fields.ts';
import { emptyMatch, KEY_VLAN0_TCI, KEY_VLAN1_TCI, type Match, VLAN_CFI } from '../../../ofproto/model/flow.ts';
import * as P from '../../../ofproto/model/prerequisites.ts';
import { formatMatch } from '../../../ofproto/text/format-match.ts';

const ETH_TYPES_VLAN: readonly number[] = [0x8100, 0x88a8];
/** An IEEE 802.3 length field rather than a type. */
const ETH_TYPE_MIN = 0x600;
const ETH_TYPE_NONE = 0x5ff;

/** The line, without a newline; what a truncated packet does not have is left out. */
export function formatPacket(packet: Uint8Array): string {
  const match = emptyMatch();
  const notes: string[] = [];
  try {
    ethernet(new Reader(packet), match, notes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  return [formatMatch(match), ...notes].join(' ');
}

const put = (match: Match, name: string, value: number) => matchFieldNumber(match, field(name), value);
const bytes = (match: Match, name: string, value: Uint8Array) => matchField(match, field(name), value);

function ethernet(r: Reader, match: Match, notes: string[]): void {
  bytes(match, 'eth_dst', r.copy(6));
  bytes(match, 'eth_src', r.copy(6));
  let type = r.u16();
  match.mask.setU16(KEY_VLAN0_TCI, 0xffff);
  if (ETH_TYPES_VLAN.includes(type)) {
    match.flow.setU16(KEY_VLAN0_TCI, r.u16() | VLAN_CFI);
    // An inner tag is not looked into.
    match.mask.setU16(KEY_VLAN1_TCI, 0xffff);
    type = r.u16();
  }
  put(match, 'eth_type', type < ETH_TYPE_MIN ? ETH_TYPE_NONE : type);
  if (type === P.ETH_TYPE_IP) ipv4(r, match, notes);
  else if (type === P.ETH_TYPE_IPV6) ipv6(r, match, notes);
  else if (type === P.ETH_TYPE_ARP || type === P.ETH_TYPE_RARP) arp(r, match);
}

function ipv4(r: Reader, match: Match, notes: string[]): void {
  const headerSize = (r.u8() & 0xf) * 4;
  const tos = r.u8();
  r.skip(4);
  const fragment = r.u16();
  const [ttl, proto] = [r.u8(), r.u8()];
  r.skip(2);
  bytes(match, 'ip_src', r.copy(4));
  bytes(match, 'ip_dst', r.copy(4));
  r.skip(headerSize - 20);
  const later = (fragment & 0x1fff) !== 0;
  ipCommon(match, tos, ttl, proto, (later ? 3 : 0) | (fragment & 0x2000 ? 1 : 0));
  if (!later) transport(r, match, proto, notes, false);
}

function ipCommon(match: Match, tos: number, ttl: number, proto: number, frag: number): void {
  put(match, 'nw_tos', tos & 0xfc);
  put(match, 'nw_ecn', tos & 3);
  put(match, 'nw_ttl', ttl);
  put(match, 'nw_proto', proto);
  put(match, 'ip_frag', frag);
}

function ipv6(r: Reader, match: Match, notes: string[]): void {
  const word = r.u32();
  r.skip(2);
  const [proto, hopLimit] = [r.u8(), r.u8()];
  bytes(match, 'ipv6_src', r.copy(16));
  bytes(match, 'ipv6_dst', r.copy(16));
  put(match, 'ipv6_label', word & 0xfffff);
  ipCommon(match, (word >>> 20) & 0xff, hopLimit, proto, 0);
  transport(r, match, proto, notes, true);
}

const hex = (value: number) => value.toString(16);

function transport(r: Reader, match: Match, proto: number, notes: string[], isIpv6: boolean): void {
  const start = r.offset;
  if (proto === P.IPPROTO_TCP || proto === P.IPPROTO_UDP || proto === P.IPPROTO_SCTP) {
    put(match, 'tcp_src', r.u16());
    put(match, 'tcp_dst', r.u16());
  }
  if (proto === P.IPPROTO_TCP) {
    r.skip(8);
    put(match, 'tcp_flags', r.u16() & 0xfff);
    r.skip(2);
    notes.push(`tcp_csum:${hex(r.u16())}`);
  } else if (proto === P.IPPROTO_UDP) {
    r.skip(2);
    notes.push(`udp_csum:${hex(r.u16())}`);
  } else if (proto === P.IPPROTO_SCTP) {
    r.skip(4);
    notes.push(`sctp_csum:${hex(r.u32())}`);
  } else if (proto === (isIpv6 ? P.IPPROTO_ICMPV6 : P.IPPROTO_ICMP)) {
    const type = r.u8();
    put(match, isIpv6 ? 'icmpv6_type' : 'icmp_type', type);
    put(match, isIpv6 ? 'icmpv6_code' : 'icmp_code', r.u8());
    notes.push(`${isIpv6 ? 'icmp6' : 'icmp'}_csum:${hex(r.u16())}`);
    if (isIpv6 && (type === 135 || type === 136)) neighborDiscovery(r, match, type, start);
  }
}

/** The target and the first link-layer address option (RFC 4861, 4.3). */
function neighborDiscovery(r: Reader, match: Match, type: number, start: number): void {
  r.skip(start + 8 - r.offset);
  bytes(match, 'nd_target', r.copy(16));
  for (const name of ['nd_sll', 'nd_tll']) bytes(match, name, new Uint8Array(6));
  while (r.remaining >= 8) {
    const [option, units] = [r.u8(), r.u8()];
    if (units === 0) return;
    const body = r.take(units * 8 - 2);
    if (units === 1 && option === 1 && type === 135) bytes(match, 'nd_sll', body.slice(0, 6));
    if (units === 1 && option === 2 && type === 136) bytes(match, 'nd_tll', body.slice(0, 6));
  }
}

function arp(r: Reader, match: Match): void {
  r.skip(6);
  put(match, 'arp_op', r.u16() & 0xff);
  const sha = r.copy(6);
  bytes(match, 'arp_spa', r.copy(4));
  const tha = r.copy(6);
  bytes(match, 'arp_tpa', r.copy(4));
  bytes(match, 'arp_sha', sha);
  bytes(match, 'arp_tha', tha);
}
