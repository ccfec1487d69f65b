// The later Nicira actions as Open vSwitch prints them: MPLS and NSH, encap and decap, check_pkt_larger, ct and nat.

import { DECAP_NEXT, type OfAction } from '../model/actions.ts';
import * as N from '../model/nicira.ts';
import { formatIpv4, formatIpv6 } from './addresses.ts';
import { hex, hexBytes } from './lexer.ts';
import { formatTable, type Names } from './ports.ts';
import { formatSubfield } from './subfields.ts';

export type NxAction = Extract<
  OfAction,
  {
    type:
      | 'push_mpls'
      | 'pop_mpls'
      | 'set_mpls_label'
      | 'set_mpls_tc'
      | 'set_mpls_ttl'
      | 'dec_mpls_ttl'
      | 'dec_nsh_ttl'
      | 'encap'
      | 'decap'
      | 'check_pkt_larger'
      | 'delete_field'
      | 'ct'
      | 'nat'
      | 'ct_clear'
      | 'debug_recirc'
      | 'debug_slow';
  }
>;

type FormatList = (actions: readonly OfAction[], names: Names) => string;

const hex4 = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;

export function formatNxAction(a: NxAction, names: Names, formatList: FormatList): string {
  switch (a.type) {
    case 'push_mpls':
    case 'pop_mpls':
      return `${a.type}:${hex4(a.ethertype)}`;
    case 'set_mpls_label':
      return `set_mpls_label(${a.label})`;
    case 'set_mpls_tc':
      return `set_mpls_tc(${a.tc})`;
    case 'set_mpls_ttl':
      return `set_mpls_ttl(${a.ttl})`;
    case 'encap':
      return formatEncap(a);
    case 'decap':
      return formatDecap(a.newPacketType);
    case 'check_pkt_larger':
      return `check_pkt_larger(${a.maxLen})->${formatSubfield(a.dst)}`;
    case 'delete_field':
      return `delete_field:${a.field.name}`;
    case 'ct':
      return formatCt(a, names, formatList);
    case 'nat':
      return formatNat(a);
    default:
      return a.type;
  }
}

const HEADERS: Readonly<Record<number, string>> = {
  [N.PT_ETHERNET]: 'ethernet',
  [N.PT_NSH]: 'nsh',
  [N.PT_MPLS]: 'mpls',
  [N.PT_MPLS_MC]: 'mpls_mc',
};

function formatEncap({ packetType, props }: Extract<NxAction, { type: 'encap' }>): string {
  const texts = props.map(({ type, value }) =>
    type === N.OFPPPT_PROP_NSH_MDTYPE
      ? `md_type=${value[0]}`
      : `tlv(${hex4((value[0]! << 8) | value[1]!)},${value[2]},0x${hexBytes(tlvData(value), '')})`,
  );
  return `encap(${HEADERS[packetType] ?? ''}${texts.length === 0 ? '' : `(${texts.join(',')})`})`;
}

/** On the wire the data is padded; the byte before it says how much there is. */
const tlvData = (value: Uint8Array): Uint8Array => value.subarray(4, 4 + value[3]!);

function formatDecap(packetType: number): string {
  if (packetType === DECAP_NEXT) return 'decap()';
  return `decap(packet_type(ns=${packetType >>> 16},type=${hex(packetType & 0xffff)}))`;
}

const ALGS: Readonly<Record<number, string>> = { 21: 'ftp', 69: 'tftp' };

function formatCt({ spec }: Extract<NxAction, { type: 'ct' }>, names: Names, formatList: FormatList): string {
  const { zone, actions } = spec;
  const nat = actions.filter((action) => action.type === 'nat');
  const exec = actions.filter((action) => action.type !== 'nat');
  const parts = [
    spec.commit && 'commit',
    spec.force && 'force',
    spec.recircTable !== 255 && `table=${formatTable(spec.recircTable, names)}`,
    typeof zone !== 'number' ? `zone=${formatSubfield(zone)}` : zone !== 0 && `zone=${zone}`,
    ...nat.map((action) => formatNat(action)),
    exec.length > 0 && `exec(${formatList(exec, names)})`,
    spec.alg !== 0 && `alg=${ALGS[spec.alg] ?? spec.alg}`,
  ];
  return `ct(${parts.filter((part) => part !== false).join(',')})`;
}

function formatNat({ spec }: Extract<NxAction, { type: 'nat' }>): string {
  const { flags } = spec;
  if (flags === 0) return 'nat';
  const range = formatRange(spec);
  const parts = [
    `${flags & N.NX_NAT_F_SRC ? 'src' : 'dst'}${range === '' ? '' : `=${range}`}`,
    flags & N.NX_NAT_F_PERSISTENT && 'persistent',
    flags & N.NX_NAT_F_PROTO_HASH && 'hash',
    flags & N.NX_NAT_F_PROTO_RANDOM && 'random',
  ];
  return `nat(${parts.filter((part) => part).join(',')})`;
}

function formatRange({ addressMin, addressMax, portMin, portMax }: Extract<NxAction, { type: 'nat' }>['spec']): string {
  const address = (bytes: Uint8Array) => {
    if (bytes.length === 4) return formatIpv4(bytes);
    return portMin === undefined ? formatIpv6(bytes) : `[${formatIpv6(bytes)}]`;
  };
  let text = addressMin ? address(addressMin) : '';
  if (addressMax) text += `-${address(addressMax)}`;
  if (portMin !== undefined) text += `:${portMin}`;
  if (portMax !== undefined) text += `-${portMax}`;
  return text;
}
