// Datapath actions as dpctl/dump-flows and ofproto/trace print them: `set(ipv4(ttl=63)),push_vlan(vid=5,pcp=0),3`.

import type { DpAction, OdpPort, SetHeader } from '../../datapath/dpif.ts';
import { VLAN_CFI } from '../model/flow.ts';
import type { PacketInReason, TableMiss } from '../model/flow-mod.ts';
import { formatEther } from '../text/addresses.ts';
import { hexBytes } from '../text/lexer.ts';
import { HeaderText, hex, hexMasked } from './masked.ts';
import { formatNsh, MD_TYPE_1 } from './nsh.ts';

/** What a `userspace` action's cookie stands for. */
export interface ControllerText {
  readonly reason: PacketInReason;
  readonly miss?: TableMiss | undefined;
  readonly ruleCookie: bigint;
  readonly controllerId: number;
  readonly maxLen: number;
  /** The packet waits for the controller. */
  readonly continuation?: unknown;
}

/** A packet to show to collectors when it reaches a `userspace` action. */
export interface FlowSample {
  /** Of 65535. */
  readonly probability: number;
  readonly collectorSetId: number;
  readonly obsDomainId: number;
  readonly obsPointId: number;
  /** Datapath number of the port that the packets leave by; 2^32 - 1: not said. */
  readonly outputPort: number;
  readonly direction: 'ingress' | 'egress' | undefined;
}

export interface SampleText {
  readonly flowSample: FlowSample;
}

/** The slow path does each packet's actions. */
export interface SlowText {
  readonly slow: readonly string[];
}

export type UserspaceText = ControllerText | SampleText | SlowText;

export interface OdpTextOptions {
  /** Print a port's name in place of its number. */
  readonly portName?: (port: OdpPort) => string | undefined;
  readonly controller?: (cookie: number) => UserspaceText | undefined;
  /** The actions are only being traced: nothing is sent. */
  readonly dontSend?: boolean;
}

const REASON_NUMBERS: Readonly<Record<PacketInReason, number>> = {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
};

/** OFPR_* of misses, which Open vSwitch keeps apart from OFPR_NO_MATCH. */
const MISS_NUMBERS: Readonly<Record<TableMiss, number>> = { explicit: 6, implicit: 7 };

export function formatDpActions(actions: readonly DpAction[], options: OdpTextOptions = {}): string {
  return actions.length === 0 ? 'drop' : actions.map((action) => formatDpAction(action, options)).join(',');
}

function formatDpAction(action: DpAction, options: OdpTextOptions): string {
  switch (action.type) {
    case 'output':
      return options.portName?.(action.port) ?? String(action.port);
    case 'userspace':
      return formatUserspace(action.cookie, options);
    case 'push_vlan':
      return `push_vlan(${formatTag(action.tpid, action.tci)})`;
    case 'pop_vlan':
      return 'pop_vlan';
    case 'set':
      return formatSet(action.header, action.value, action.mask);
    case 'push_mpls':
    case 'add_mpls':
      return `${action.type}(${mplsText(action.lse)},eth_type=0x${action.ethertype.toString(16)})`;
    case 'pop_mpls':
      return `pop_mpls(eth_type=0x${action.ethertype.toString(16)})`;
    case 'push_nsh':
      return `push_nsh(${nshText(action.header, action.metadata)})`;
    case 'pop_nsh':
      return 'pop_nsh()';
    case 'push_eth':
      return `push_eth(src=${formatEther(action.src)},dst=${formatEther(action.dst)})`;
    case 'pop_eth':
      return 'pop_eth';
    case 'check_pkt_len': {
      const [greater, lessEqual] = [action.greater, action.lessEqual].map((list) => formatDpActions(list, options));
      return `check_pkt_len(size=${action.size},gt(${greater}),le(${lessEqual}))`;
    }
    case 'trunc':
      return `trunc(${action.maxLen})`;
    case 'clone':
      return `clone(${formatDpActions(action.actions, options)})`;
    case 'sample':
      return `sample(sample=${percent(action.probability)}%,actions(${formatDpActions(action.actions, options)}))`;
    case 'meter':
      return `meter(${action.id})`;
    case 'hash':
      return `hash(${action.algorithm}(${action.basis}))`;
    case 'recirc':
      return `recirc(${hex(action.id)})`;
  }
}

function formatUserspace(cookie: number, { controller, dontSend }: OdpTextOptions): string {
  const spec = controller?.(cookie);
  if (!spec) return `userspace(pid=0,actions)`;
  if ('slow' in spec) return `userspace(pid=0,slow_path(${spec.slow.join()}))`;
  if ('flowSample' in spec) return `userspace(pid=0,flow_sample(${formatSample(spec)}))`;
  const text = [
    `reason=${spec.miss ? MISS_NUMBERS[spec.miss] : REASON_NUMBERS[spec.reason]}`,
    `dont_send=${dontSend ? 1 : 0}`,
    `continuation=${spec.continuation ? 1 : 0}`,
    `recirc_id=${cookie}`,
    `rule_cookie=${spec.ruleCookie === 0n ? '0' : `0x${spec.ruleCookie.toString(16)}`}`,
    `controller_id=${spec.controllerId}`,
    `max_len=${spec.maxLen}`,
  ];
  return `userspace(pid=0,controller(${text.join(',')}))`;
}

const percent = (probability = 0xffffffff) => ((100 * probability) / 0xffffffff).toFixed(1);

function formatSample({ flowSample }: SampleText): string {
  const { probability, collectorSetId, obsDomainId, obsPointId, outputPort, direction } = flowSample;
  const ids = `collector_set_id=${collectorSetId},obs_domain_id=${obsDomainId},obs_point_id=${obsPointId}`;
  return `probability=${probability},${ids},output_port=${outputPort}${direction ? `,${direction}` : ''}`;
}

const mplsText = (lse: number) => `label=${lse >>> 12},tc=${(lse >>> 9) & 7},ttl=${lse & 0xff},bos=${(lse >>> 8) & 1}`;

const hex0x = (value: number) => `0x${(value >>> 0).toString(16)}`;

function nshText(header: Uint8Array, metadata: Uint8Array): string {
  const [flags, ttl, mdType, np] = header;
  const path = u32(header, 4);
  const text = `flags=${flags},ttl=${ttl},mdtype=${mdType},np=${np},spi=${hex0x(path >>> 8)},si=${path & 0xff}`;
  if (mdType !== 1) return metadata.length === 0 ? text : `${text},md2=0x${hexBytes(metadata, '')}`;
  return `${text},${[0, 4, 8, 12].map((at, i) => `c${i + 1}=${hex0x(u32(metadata, at))}`).join(',')}`;
}

/** The reserved word always, without its mask. */
function ndExtText(value: Uint8Array, mask: Uint8Array): string {
  const type = new HeaderText(false).number('nd_options_type', value[4]!, mask[4]!, 8).parts.map((text) => `,${text}`);
  return `nd_ext(nd_reserved=${hex0x(u32(value, 0))}${type.join('')})`;
}

function formatTag(tpid: number, tci: number): string {
  const parts = [`vid=${tci & 0xfff}`, `pcp=${tci >> 13}`];
  if (tpid !== 0x8100) parts.unshift(`tpid=0x${tpid.toString(16).padStart(4, '0')}`);
  if ((tci & VLAN_CFI) === 0) parts.push('cfi=0');
  return parts.join(',');
}

function formatSet(header: SetHeader, value: Uint8Array, mask: Uint8Array): string {
  const values = new DataView(value.buffer, value.byteOffset, value.length);
  if (header === 'skb_priority') return `set(skb_priority(${hex(values.getUint32(0))}))`;
  if (header === 'pkt_mark') return `set(skb_mark(${hexMasked(values.getUint32(0), u32(mask, 0))}))`;
  if (header === 'mpls') return `set(mpls(${mplsText(values.getUint32(0))}))`;
  if (header === 'nd_ext') return `set(${ndExtText(value, mask)})`;
  if (header === 'nsh') return `set(${formatNsh(value, mask, MD_TYPE_1)})`;
  return `set(${SETS[header](value, mask).wrap(header).join('')})`;
}

type Printer = (value: Uint8Array, mask: Uint8Array) => HeaderText;

const u16 = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
const u32 = (bytes: Uint8Array, at: number) => u16(bytes, at) * 0x10000 + u16(bytes, at + 2);

const ports: Printer = (v, m) =>
  new HeaderText(false).number('src', u16(v, 0), u16(m, 0), 16).number('dst', u16(v, 2), u16(m, 2), 16);
const icmp: Printer = (v, m) => new HeaderText(false).number('type', v[0]!, m[0]!, 8).number('code', v[1]!, m[1]!, 8);

const part =
  (from: number, to: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.subarray(from, to);

/** Adds the bytes [from, to) as field `name`. */
function address(text: HeaderText, name: string, v: Uint8Array, m: Uint8Array, from: number, to: number): HeaderText {
  const cut = part(from, to);
  return text.bytes(name, cut(v), cut(m));
}

const SETS: Readonly<Record<Exclude<SetHeader, 'skb_priority' | 'pkt_mark' | 'mpls' | 'nsh' | 'nd_ext'>, Printer>> = {
  eth: (v, m) => address(address(new HeaderText(false), 'src', v, m, 6, 12), 'dst', v, m, 0, 6),
  ipv4: (v, m) =>
    address(address(new HeaderText(false), 'src', v, m, 0, 4), 'dst', v, m, 4, 8)
      .number('tos', v[9]!, m[9]!, 8, 16)
      .number('ttl', v[10]!, m[10]!, 8),
  ipv6: (v, m) =>
    address(address(new HeaderText(false), 'src', v, m, 0, 16), 'dst', v, m, 16, 32)
      .number('label', u32(v, 32), u32(m, 32), 20, 16)
      .number('tclass', v[37]!, m[37]!, 8, 16)
      .number('hlimit', v[38]!, m[38]!, 8),
  tcp: ports,
  udp: ports,
  sctp: ports,
  icmp,
  icmpv6: icmp,
  arp: (v, m) => {
    const text = address(address(new HeaderText(false), 'sip', v, m, 0, 4), 'tip', v, m, 4, 8);
    // The opcode is 16 bits wide, of which a flow holds the low eight.
    text.number('op', u16(v, 8), m[9] === 0xff ? 0xffff : u16(m, 8), 16);
    return address(address(text, 'sha', v, m, 10, 16), 'tha', v, m, 16, 22);
  },
  nd: (v, m) =>
    address(address(address(new HeaderText(false), 'target', v, m, 0, 16), 'sll', v, m, 16, 22), 'tll', v, m, 22, 28),
};
