// Actions as Open vSwitch prints them (ovs-actions(7)); what parseActions() reads back.

import { OFPP, type OfAction } from '../model/actions.ts';
import { bigintOf, type Field } from '../model/fields.ts';
import { isAllOnes, maskRange } from '../model/full-mask.ts';
import { PACKET_IN_REASONS } from '../model/nicira.ts';
import { formatEther, formatIpv4 } from './addresses.ts';
import { formatFieldValue } from './field-values.ts';
import { formatLearn } from './format-learn.ts';
import { formatNxAction, type NxAction } from './format-nx.ts';
import { hex, hexBytes } from './lexer.ts';
import { formatPort, formatTable, type Names } from './ports.ts';
import { formatSubfield, headerName } from './subfields.ts';

const TABLE_CURRENT = 255;

/** `output:1,resubmit(,2)`; `drop` for none. */
export function formatActions(actions: readonly OfAction[], names: Names = {}): string {
  return actions.length === 0 ? 'drop' : actions.map((action) => formatAction(action, names)).join(',');
}

const nested = (actions: readonly OfAction[], names: Names) =>
  actions.length === 0 ? 'drop' : formatActions(actions, names);

function formatAction(a: OfAction, names: Names): string {
  switch (a.type) {
    case 'output':
      return formatOutput(a.port, a.maxLen, names);
    case 'output_reg':
      return `output:${formatSubfield(a.src)}`;
    case 'output_trunc':
      return `output(port=${formatPort(a.port, names)},max_len=${a.maxLen})`;
    case 'controller':
      return formatController(a);
    case 'enqueue':
      return `enqueue:${formatPort(a.port, names)}:${a.queue}`;
    case 'set_queue':
      return `set_queue:${a.queue}`;
    case 'group':
      return `group:${a.groupId}`;
    case 'push_vlan':
      return `push_vlan:0x${a.ethertype.toString(16).padStart(4, '0')}`;
    case 'pop_vlan':
      return a.strip ? 'strip_vlan' : 'pop_vlan';
    case 'set_vlan_vid':
      return `${a.pushIfNeeded ? 'mod' : 'set'}_vlan_vid:${a.vid}`;
    case 'set_vlan_pcp':
      return `${a.pushIfNeeded ? 'mod' : 'set'}_vlan_pcp:${a.pcp}`;
    case 'set_eth_src':
    case 'set_eth_dst':
      return `mod_dl_${a.type.slice(-3)}:${formatEther(a.mac)}`;
    case 'set_ip_src':
    case 'set_ip_dst':
      return `mod_nw_${a.type.slice(-3)}:${formatIpv4(Uint8Array.of(a.ip >>> 24, a.ip >>> 16, a.ip >>> 8, a.ip))}`;
    case 'set_ip_dscp':
      return `mod_nw_tos:${a.dscp}`;
    case 'set_ip_ecn':
      return `mod_nw_ecn:${a.ecn}`;
    case 'set_ip_ttl':
      return `mod_nw_ttl:${a.ttl}`;
    case 'set_l4_src_port':
      return `mod_tp_src:${a.port}`;
    case 'set_l4_dst_port':
      return `mod_tp_dst:${a.port}`;
    case 'set_field':
      return a.form === 'reg_load'
        ? formatLoad(a.field, a.value, a.mask)
        : formatSetField(a.field, a.value, a.mask, names);
    case 'reg_move':
      return `move:${formatSubfield(a.src)}->${formatSubfield(a.dst)}`;
    case 'stack_push':
      return `push:${formatSubfield(a.subfield)}`;
    case 'stack_pop':
      return `pop:${formatSubfield(a.subfield)}`;
    default:
      return formatOther(a, names);
  }
}

/** Actions without a simple value. */
function formatOther(a: Exclude<OfAction, { type: 'output' | 'controller' | 'set_field' }>, names: Names): string {
  switch (a.type) {
    case 'pop_queue':
    case 'exit':
    case 'clear_actions':
      return a.type;
    case 'dec_ttl':
      return a.controllerIds.length === 0 ? 'dec_ttl' : `dec_ttl(${a.controllerIds.join(',')})`;
    case 'set_tunnel':
      return `set_tunnel${a.wide || a.tunId > 0xffffffffn ? '64' : ''}:${hex(a.tunId)}`;
    case 'resubmit':
      return formatResubmit(a.inPort, a.tableId, a.withCtOrig, names);
    case 'learn':
      return formatLearn(a.spec, names);
    case 'conjunction':
      return `conjunction(${a.id},${a.clause + 1}/${a.nClauses})`;
    case 'multipath':
      return `multipath(${a.fields},${a.basis},${a.algorithm},${a.maxLink + 1},${a.arg},${formatSubfield(a.dst)})`;
    case 'bundle': {
      const ports = a.slaves.map((port) => formatPort(port, names)).join(',');
      const head = `${a.fields},${a.basis},${a.algorithm},ofport`;
      return a.dst
        ? `bundle_load(${head},${formatSubfield(a.dst)},members:${ports})`
        : `bundle(${head},members:${ports})`;
    }
    case 'note':
      return `note:${hexBytes(a.data, '.')}`;
    case 'clone':
      return `clone(${nested(a.actions, names)})`;
    case 'fin_timeout':
      return `fin_timeout(${timeouts(a.idleTimeout, a.hardTimeout)})`;
    case 'sample':
      return formatSample(a, names);
    case 'meter':
      return `meter:${a.meterId}`;
    case 'write_actions':
      return `write_actions(${nested(a.actions, names)})`;
    case 'write_metadata': {
      const exact = a.mask === 0xffffffffffffffffn;
      return `write_metadata:${hex(a.metadata)}${exact ? '' : `/${hex(a.mask)}`}`;
    }
    case 'goto_table':
      return `goto_table:${formatTable(a.tableId, names)}`;
    case 'output_reg':
    case 'output_trunc':
    case 'enqueue':
    case 'set_queue':
    case 'group':
    case 'push_vlan':
    case 'pop_vlan':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
    case 'set_eth_src':
    case 'set_eth_dst':
    case 'set_ip_src':
    case 'set_ip_dst':
    case 'set_ip_dscp':
    case 'set_ip_ecn':
    case 'set_ip_ttl':
    case 'set_l4_src_port':
    case 'set_l4_dst_port':
    case 'reg_move':
    case 'stack_push':
    case 'stack_pop':
      return formatAction(a, names);
    default:
      return formatNxAction(a satisfies NxAction, names, formatActions);
  }
}

function formatSample(a: Extract<OfAction, { type: 'sample' }>, names: Names): string {
  const parts = [
    `probability=${a.probability}`,
    `collector_set_id=${a.collectorSetId}`,
    `obs_domain_id=${a.obsDomainId}`,
    `obs_point_id=${a.obsPointId}`,
    ...(a.samplingPort === undefined ? [] : [`sampling_port=${formatPort(a.samplingPort, names)}`]),
    ...(a.direction ? [a.direction] : []),
  ];
  return `sample(${parts.join(',')})`;
}

function formatOutput(port: number, maxLen: number, names: Names): string {
  if (port === OFPP.CONTROLLER) return `CONTROLLER:${maxLen}`;
  // Plain ports say what they are; reserved ones are words.
  return port < OFPP.MAX ? `output:${formatPort(port, names)}` : formatPort(port, names);
}

function formatController(a: Extract<OfAction, { type: 'controller' }>): string {
  const options: string[] = [];
  if (a.reason !== 1) options.push(`reason=${PACKET_IN_REASONS[a.reason] ?? ''}`);
  const plain = options.length === 0 && a.controllerId === 0 && !a.userdata?.length && !a.pause && !a.meterId;
  if (plain) return `CONTROLLER:${a.maxLen}`;
  if (a.maxLen !== 0xffff) options.push(`max_len=${a.maxLen}`);
  if (a.controllerId !== 0) options.push(`id=${a.controllerId}`);
  if (a.userdata?.length) options.push(`userdata=${hexBytes(a.userdata, '.')}`);
  if (a.pause) options.push('pause');
  if (a.meterId) options.push(`meter_id=${a.meterId}`);
  return `controller(${options.join(',')})`;
}

function formatResubmit(inPort: number, tableId: number, withCt: boolean, names: Names): string {
  const port = inPort === OFPP.IN_PORT ? '' : formatPort(inPort, names);
  if (tableId === TABLE_CURRENT && !withCt) return `resubmit:${formatPort(inPort, names)}`;
  return `resubmit(${port},${tableId === TABLE_CURRENT ? '' : formatTable(tableId, names)}${withCt ? ',ct' : ''})`;
}

function timeouts(idle: number, hard: number): string {
  const parts = [...(idle ? [`idle_timeout=${idle}`] : []), ...(hard ? [`hard_timeout=${hard}`] : [])];
  return parts.join(',');
}

function formatSetField(f: Field, value: Uint8Array, mask: Uint8Array, names: Names): string {
  const text = formatFieldValue(f, value, mask, names);
  // Of numbers a mask is shown that has just the bits of the field.
  const bits = isNumber(f) && !isAllOnes(mask) && !text.includes('/') ? `/${hex(bigintOf(mask))}` : '';
  return `set_field:${text}${bits}->${f.name}`;
}

const isNumber = ({ format }: Field): boolean => format === 'decimal' || format === 'hexadecimal';

function formatLoad(f: Field, value: Uint8Array, mask: Uint8Array): string {
  if (isAllOnes(mask) || bigintOf(mask) === f.valid) return `load:${hex(bigintOf(value))}->${headerName(f)}[]`;
  const { ofs, bits } = maskRange(bigintOf(mask));
  return `load:${hex(bigintOf(value) >> BigInt(ofs))}->${formatSubfield({ field: f, ofs, bits })}`;
}
