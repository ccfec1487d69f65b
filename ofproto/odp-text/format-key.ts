// Datapath flow keys with their masks, as dpctl/dump-flows prints them:
// `recirc_id(0),in_port(2),packet_type(ns=0,id=0),eth(src=..),eth_type(0x0800),ipv4(frag=no)`.

import * as F from '../model/flow.ts';
import { FLOW_SIZE, Flow } from '../model/flow.ts';
import * as P from '../model/prerequisites.ts';
import { formatFlags, formatFlagsMasked, TCP_FLAGS } from '../text/flags.ts';
import type { OdpTextOptions } from './format-actions.ts';
import { HeaderText, hex, hexMasked } from './masked.ts';
import { formatNsh } from './nsh.ts';

export interface KeyTextOptions extends OdpTextOptions {
  /** Also print what is not looked at. */
  readonly verbose?: boolean;
  /** How many tags flows see; the next one's type is the frame's. */
  readonly vlanLimit?: number | undefined;
}

/** Tags that a key has room for. */
const TAGS_MAX = 2;

interface Masked {
  readonly flow: Flow;
  readonly mask: Flow;
  readonly verbose: boolean;
  readonly vlanLimit: number;
}

/** A Flow with `key` (KEY_SIZE bytes) in its datapath part. */
export function flowOfKey(key: Uint8Array): Flow {
  const bytes = new Uint8Array(FLOW_SIZE);
  bytes.set(key.subarray(0, F.KEY_SIZE));
  return new Flow(bytes);
}

/** `key` and `mask` have KEY_SIZE bytes. */
export function formatDpKey(key: Uint8Array, mask: Uint8Array, options: KeyTextOptions = {}): string {
  const { verbose = false, vlanLimit = TAGS_MAX } = options;
  const masked = { flow: flowOfKey(key), mask: flowOfKey(mask), verbose, vlanLimit };
  return [...metadata(masked, options), ...ethernet(masked)].join(',');
}

function metadata({ flow, mask, verbose }: Masked, { portName }: OdpTextOptions): string[] {
  const out: string[] = [];
  const word = (name: string, offset: number) => {
    if (mask.u32(offset) !== 0 || verbose) out.push(`${name}(${hexMasked(flow.u32(offset), mask.u32(offset))})`);
  };
  word('skb_priority', F.KEY_SKB_PRIORITY);
  word('skb_mark', F.KEY_PKT_MARK);
  word('ct_state', F.KEY_CT_STATE);
  if (verbose) out.push('ct_zone(0/0)', 'ct_mark(0/0)', 'ct_label(0/0)');
  out.push(`recirc_id(${hex(flow.u32(F.KEY_RECIRC_ID))})`);
  word('dp_hash', F.KEY_DP_HASH);
  const port = flow.u32(F.KEY_IN_PORT);
  if (mask.u32(F.KEY_IN_PORT) !== 0) out.push(`in_port(${portName?.(port) ?? port})`);
  const packetType = flow.u32(F.KEY_PACKET_TYPE);
  if (mask.u32(F.KEY_PACKET_TYPE) !== 0)
    out.push(`packet_type(ns=${packetType >>> 16},id=${hex(packetType & 0xffff)})`);
  else if (verbose) out.push('packet_type(ns=0/0,id=0/0)');
  return out;
}

const bytesAt = (flow: Flow, offset: number, size: number) => flow.bytes.subarray(offset, offset + size);

/** Adds `size` bytes at `offset` as field `name`. */
function address(text: HeaderText, name: string, { flow, mask }: Masked, offset: number, size: number): HeaderText {
  return text.bytes(name, bytesAt(flow, offset, size), bytesAt(mask, offset, size));
}

const etherType = (type: number) => `eth_type(0x${type.toString(16).padStart(4, '0')})`;

function ethernet(masked: Masked): string[] {
  if (masked.flow.u32(F.KEY_PACKET_TYPE) !== 0) return network(masked, 0);
  const text = new HeaderText(masked.verbose);
  address(text, 'src', masked, F.KEY_ETH_SRC, 6);
  address(text, 'dst', masked, F.KEY_ETH_DST, 6);
  const eth = text.wrap('eth');
  if (eth.length === 0 && masked.mask.u32(F.KEY_PACKET_TYPE) === 0) eth.push('eth()');
  return [...eth, ...vlan(masked, 0)];
}

/** The tag at `index` with what it encapsulates, or the network header when there is none. */
function vlan(masked: Masked, index: number): string[] {
  const { flow, mask, verbose } = masked;
  const offset = F.KEY_VLAN0_TPID + 4 * index;
  const tci = flow.u16(offset + 2);
  if (index === TAGS_MAX || (tci & F.VLAN_CFI) === 0) return network(masked, index);
  const bits = mask.u16(offset + 2);
  const [vid, pcp] = [tci & 0xfff, tci >> 13];
  const text = new HeaderText(true);
  if (verbose || vid !== 0 || (bits & 0xfff) !== 0) text.number('vid', vid, bits & 0xfff, 12);
  if (verbose || pcp !== 0 || bits >> 13 !== 0) text.number('pcp', pcp, bits >> 13, 3);
  // An inner tag is matched to be there, which Open vSwitch leaves unsaid.
  const unseen = index === 0 ? bits === 0 : (bits & ~F.VLAN_CFI) === 0;
  const tag = unseen && !verbose ? [] : [withZeroMasks(text.wrap('vlan')[0] ?? 'vlan()')];
  return [etherType(flow.u16(offset)), ...tag, `encap(${vlan(masked, index + 1).join(',')})`];
}

/** A mask of zero is said as 0x0 in tags, unlike in other headers. */
const withZeroMasks = (tag: string): string => tag.replaceAll('/0', '/0x0').replaceAll('/0x0x', '/0x');

/** A frame that ends where the tag at `index` should be. */
function missingTag({ mask, verbose }: Masked, index: number): string[] {
  if (index === 0) return [`vlan(vid=0,${verbose ? 'pcp=0/0x0,' : ''}cfi=0)`, 'encap()'];
  const bits = mask.u16(F.KEY_VLAN0_TPID + 4 * index + 2);
  if ((bits & ~F.VLAN_CFI) === 0 && !verbose) return ['encap()'];
  const text = new HeaderText(true).number('vid', 0, bits & 0xfff, 12).number('pcp', 0, bits >> 13, 3);
  return [withZeroMasks(text.word('cfi', '0', 1).wrap('vlan')[0]!), 'encap()'];
}

/** The type that frames without one have in a flow: 802.3 with a length. */
const FLOW_DL_TYPE_NONE = 0x05ff;
const ETH_TYPE_VLAN_8021Q = 0x8100;
const ETH_TYPE_VLAN_8021AD = 0x88a8;

function network(masked: Masked, tags: number): string[] {
  const { flow, vlanLimit } = masked;
  const type = flow.u16(F.KEY_ETH_TYPE);
  if (type === FLOW_DL_TYPE_NONE) return tags === 0 ? ['eth_type(0/0xffff)'] : [];
  if (tags < vlanLimit && (type === ETH_TYPE_VLAN_8021Q || type === ETH_TYPE_VLAN_8021AD)) {
    return [etherType(type), ...missingTag(masked, tags)];
  }
  const out = type === 0 ? [] : [etherType(type)];
  if (type === P.ETH_TYPE_IP) out.push(...ipv4(masked), ...transport(masked));
  else if (type === P.ETH_TYPE_IPV6) out.push(...ipv6(masked), ...transport(masked));
  else if (type === P.ETH_TYPE_MPLS || type === P.ETH_TYPE_MPLS_MCAST) out.push(...mpls(masked));
  else if (type === P.ETH_TYPE_NSH) out.push(nsh(masked));
  else if (type === P.ETH_TYPE_ARP || type === P.ETH_TYPE_RARP) out.push(...arp(masked));
  return out;
}

const LSES = [F.KEY_MPLS_LSE0, F.KEY_MPLS_LSE1, F.KEY_MPLS_LSE2];
const MPLS_BOS = 0x100;

/** The label stack, down to its bottom or as far as it is known; masks only when it is not matched whole. */
function mpls({ flow, mask, verbose }: Masked): string[] {
  const entries = LSES.slice(0, entryCount(flow));
  if (!verbose && entries.every((at) => mask.u32(at) === 0)) return [];
  const whole = entries.every((at) => mask.u32(at) === 0xffffffff);
  const out: string[] = [];
  for (const at of entries) {
    const [lse, bits] = [flow.u32(at), mask.u32(at)];
    const part = (name: string, shift: number, ones: number, prefix: string) => {
      const [value, seen] = [(lse >>> shift) & ones, (bits >>> shift) & ones];
      out.push(`${name}=${value}${whole ? '' : `/${prefix}${seen.toString(16)}`}`);
    };
    part('label', 12, 0xfffff, '0x');
    part('tc', 9, 7, '');
    part('ttl', 0, 0xff, '0x');
    part('bos', 8, 1, '');
  }
  return [`mpls(${out.join(',')})`];
}

/** Entries that Open vSwitch counts: without a bottom, those that are not 0. */
function entryCount(flow: Flow): number {
  const bottom = LSES.findIndex((at) => (flow.u32(at) & MPLS_BOS) !== 0);
  return bottom >= 0 ? bottom + 1 : LSES.filter((at) => flow.u32(at) !== 0).length;
}

/** The NSH header is named in any case; of its fields, those that are matched. */
function nsh({ flow, mask }: Masked): string {
  const part = ({ bytes }: Flow) => bytes.subarray(F.KEY_NSH_FLAGS, F.KEY_NSH_FLAGS + 24);
  return formatNsh(part(flow), part(mask), flow.u8(F.KEY_NSH_MDTYPE));
}

function fragment(flow: Flow): string {
  const frag = flow.u8(F.KEY_NW_FRAG);
  if ((frag & F.FLOW_NW_FRAG_ANY) === 0) return 'no';
  return frag & F.FLOW_NW_FRAG_LATER ? 'later' : 'first';
}

function ipv4(masked: Masked): string[] {
  const { flow, mask, verbose } = masked;
  const text = new HeaderText(verbose);
  address(text, 'src', masked, F.KEY_NW_SRC, 4);
  address(text, 'dst', masked, F.KEY_NW_DST, 4);
  return text
    .number('proto', flow.u8(F.KEY_NW_PROTO), mask.u8(F.KEY_NW_PROTO), 8)
    .number('tos', flow.u8(F.KEY_NW_TOS), mask.u8(F.KEY_NW_TOS), 8, 16)
    .number('ttl', flow.u8(F.KEY_NW_TTL), mask.u8(F.KEY_NW_TTL), 8)
    .word('frag', fragment(flow), mask.u8(F.KEY_NW_FRAG))
    .wrap('ipv4');
}

function ipv6(masked: Masked): string[] {
  const { flow, mask, verbose } = masked;
  const text = new HeaderText(verbose);
  address(text, 'src', masked, F.KEY_IPV6_SRC, 16);
  address(text, 'dst', masked, F.KEY_IPV6_DST, 16);
  return text
    .number('label', flow.u32(F.KEY_IPV6_LABEL), mask.u32(F.KEY_IPV6_LABEL) & 0xfffff, 20, 16)
    .number('proto', flow.u8(F.KEY_NW_PROTO), mask.u8(F.KEY_NW_PROTO), 8)
    .number('tclass', flow.u8(F.KEY_NW_TOS), mask.u8(F.KEY_NW_TOS), 8, 16)
    .number('hlimit', flow.u8(F.KEY_NW_TTL), mask.u8(F.KEY_NW_TTL), 8)
    .word('frag', fragment(flow), mask.u8(F.KEY_NW_FRAG))
    .wrap('ipv6');
}

function arp(masked: Masked): string[] {
  const { flow, mask, verbose } = masked;
  const text = new HeaderText(verbose);
  address(text, 'sip', masked, F.KEY_NW_SRC, 4);
  address(text, 'tip', masked, F.KEY_NW_DST, 4);
  text.number('op', flow.u8(F.KEY_NW_PROTO), mask.u8(F.KEY_NW_PROTO), 8);
  address(text, 'sha', masked, F.KEY_ARP_SHA, 6);
  address(text, 'tha', masked, F.KEY_ARP_THA, 6);
  return text.wrap('arp');
}

const PORT_HEADERS: Readonly<Record<number, string>> = {
  [P.IPPROTO_TCP]: 'tcp',
  [P.IPPROTO_UDP]: 'udp',
  [P.IPPROTO_SCTP]: 'sctp',
};

function transport(masked: Masked): string[] {
  const { flow, mask, verbose } = masked;
  if (flow.u8(F.KEY_NW_FRAG) & F.FLOW_NW_FRAG_LATER) return [];
  const proto = flow.u8(F.KEY_NW_PROTO);
  const v6 = flow.u16(F.KEY_ETH_TYPE) === P.ETH_TYPE_IPV6;
  const name = PORT_HEADERS[proto];
  if (name) {
    const ports = new HeaderText(verbose)
      .number('src', flow.u16(F.KEY_TP_SRC), mask.u16(F.KEY_TP_SRC), 16)
      .number('dst', flow.u16(F.KEY_TP_DST), mask.u16(F.KEY_TP_DST), 16)
      .wrap(name);
    return proto === P.IPPROTO_TCP ? [...ports, ...tcpFlags(masked)] : ports;
  }
  if (proto === (v6 ? P.IPPROTO_ICMPV6 : P.IPPROTO_ICMP)) return icmp(masked, v6);
  return [];
}

function tcpFlags({ flow, mask, verbose }: Masked): string[] {
  const [flags, bits] = [flow.u16(F.KEY_TCP_FLAGS) & 0xfff, mask.u16(F.KEY_TCP_FLAGS) & 0xfff];
  if (bits === 0 && !(verbose && flags !== 0)) return [];
  if (bits === 0) return [`tcp_flags(0/0)`];
  return [`tcp_flags(${bits === 0xfff ? formatFlags(flags, TCP_FLAGS) : formatFlagsMasked(flags, bits, TCP_FLAGS)})`];
}

function icmp(masked: Masked, v6: boolean): string[] {
  const { flow, mask, verbose } = masked;
  const out = new HeaderText(verbose)
    .number('type', flow.u16(F.KEY_TP_SRC) & 0xff, mask.u16(F.KEY_TP_SRC) & 0xff, 8)
    .number('code', flow.u16(F.KEY_TP_DST) & 0xff, mask.u16(F.KEY_TP_DST) & 0xff, 8)
    .wrap(v6 ? 'icmpv6' : 'icmp');
  const type = flow.u16(F.KEY_TP_SRC);
  if (!v6 || (type !== 135 && type !== 136) || flow.u16(F.KEY_TP_DST) !== 0) return out;
  const nd = new HeaderText(verbose);
  address(nd, 'target', masked, F.KEY_ND_TARGET, 16);
  address(nd, 'sll', masked, F.KEY_ARP_SHA, 6);
  address(nd, 'tll', masked, F.KEY_ARP_THA, 6);
  return [...out, ...nd.wrap('nd')];
}
