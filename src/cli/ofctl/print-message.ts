// OpenFlow messages as text, as ovs-ofctl prints them: replies, what monitor and snoop show, and the message that an
// error quotes.

import { OFPP } from '../../../ofproto/model/actions.ts';
import { bigintOf } from '../../../ofproto/model/fields.ts';
import type { Continuation, ContinuedActions, FlowMod, FlowRemoved } from '../../../ofproto/model/flow-mod.ts';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import {
  type FeaturesReply,
  type FlowUpdate,
  OFP_NO_BUFFER,
  OFP12_VERSION,
  OFP13_VERSION,
  type OfMessage,
} from '../../../ofproto/model/messages.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { formatDuration, formatFlow, formatFlowFlags } from '../../../ofproto/text/format-flow.ts';
import { formatMatch, OFP_DEFAULT_PRIORITY } from '../../../ofproto/text/format-match.ts';
import { hex, hexBytes } from '../../../ofproto/text/lexer.ts';
import { formatPort, formatTable, type Names } from '../../../ofproto/text/ports.ts';
import { decodeMessage } from '../../../ofproto/wire/index.ts';
import { hexDump } from './hex-dump.ts';
import { formatPacket } from './packet-text.ts';
import {
  formatQueueConfig,
  formatQueueStats,
  formatQueueWanted,
  formatTableDesc,
  formatTableMod,
  formatTlvMod,
  formatTlvReply,
} from './print-config.ts';
import { formatGroupMessage } from './print-groups.ts';
import { formatMeterMessage } from './print-meters.ts';
import { formatPortDesc, formatPortDescs, formatPortStats } from './print-ports.ts';
import { formatTableFeatures, formatTableStats } from './print-tables.ts';
import { messageTitle } from './titles.ts';

/** The message with its title line and a newline at the end. */
export function formatMessage(message: OfMessage, version: number, names: Names = {}): string {
  const body = formatBody(message, version, names);
  return `${messageTitle(message, version)} (xid=0x${message.xid.toString(16)}):${body.startsWith('\n') ? '' : ' '}${body}`.replace(
    /: *\n?$/,
    ':\n',
  );
}

function formatBody(message: OfMessage, version: number, names: Names): string {
  switch (message.type) {
    case 'hello':
      return `\n version bitmap: ${message.versions.map((v) => `0x${v.toString(16).padStart(2, '0')}`).join(', ')}\n`;
    case 'error':
      return `${message.code}\n${formatErrorData(message.data, names)}`;
    case 'echo_request':
    case 'echo_reply':
      return `${message.data.length} bytes of payload\n`;
    case 'features_reply':
      return formatFeatures(message, version);
    case 'get_config_reply':
    case 'set_config':
      return `frags=${message.frag}${message.invalidTtlToController ? ' invalid_ttl_to_controller' : ''} miss_send_len=${message.missSendLen}\n`;
    case 'packet_in':
      return formatPacketIn(message, names);
    case 'packet_out': {
      const { inPort, actions, packet } = message.out;
      const data = message.bufferId === OFP_NO_BUFFER ? `data_len=${packet.length}\n${formatPacket(packet)}` : '';
      return `in_port=${formatPort(inPort, names)} actions=${formatActions(actions, names)} ${data}\n`;
    }
    case 'flow_mod':
      return `${formatFlowMod(version < OFP12_VERSION ? withoutResetCounts(message.mod) : message.mod, names)}\n`;
    case 'flow_removed':
      return `${formatRemoved(message.removed, version, names)}\n`;
    case 'port_status':
      return `${{ add: 'ADD', delete: 'DEL', modify: 'MOD' }[message.reason]}:${formatPortDesc(message.port)}`;
    case 'flow_stats_reply':
      return `\n${message.flows.map((flow) => `${formatFlow(flow, { ages: true, names })}\n`).join('')}`;
    case 'aggregate_reply':
      return `packet_count=${message.packets} byte_count=${message.bytes} flow_count=${message.flows}\n`;
    default:
      return formatRest(message, version, names);
  }
}

function bundleText(bundleId: number, flags: number, control?: string): string {
  const flagNames = [...(flags & 1 ? ['atomic'] : []), ...(flags & 2 ? ['ordered'] : [])].join(' ') || '0';
  return `bundle_id=${bundleId.toString(16)}${control ? ` type=${control.toUpperCase()}` : ''} flags=${flagNames}`;
}

function formatRest(message: OfMessage, version: number, names: Names): string {
  switch (message.type) {
    case 'desc_reply': {
      const { manufacturer, hardware, software, serialNumber, datapath } = message.desc;
      return (
        `\nManufacturer: ${manufacturer}\nHardware: ${hardware}\nSoftware: ${software}\n` +
        `Serial Num: ${serialNumber}\nDP Description: ${datapath}\n`
      );
    }
    case 'table_stats_reply':
      return `\n${formatTableStats(message.tables, version)}`;
    case 'table_features_reply':
      return `\n${formatTableFeatures(message.tables, version)}`;
    case 'port_stats_reply':
      return `${message.ports.length} ports\n${message.ports.map((port) => formatPortStats(port, names)).join('')}`;
    case 'port_desc_reply':
      return `\n${formatPortDescs(message.ports)}`;
    case 'queue_stats_reply':
      return formatQueueStats(message.queues, names);
    case 'queue_config_reply':
      return formatQueueConfig(message, version, names);
    case 'queue_stats_request':
    case 'queue_config_request':
      return formatQueueWanted(message, names);
    case 'port_stats_request':
      return `port_no=${formatPort(message.ofPort, names)}\n`;
    case 'table_desc_reply':
      return `\n${message.tables.map(({ tableId, config }) => formatTableDesc(tableId, config, names)).join('\n')}`;
    case 'bundle_control':
      return `\n ${bundleText(message.bundleId, message.flags, message.control)}\n`;
    case 'bundle_add':
      return `\n ${bundleText(message.bundleId, message.flags)}\n${formatMessage(decodeMessage(message.bytes), version, names)}`;
    case 'request_forward': {
      const request = decodeMessage(message.bytes);
      const body = formatBody(request, version, names);
      return `reason=${request.type}${body.startsWith('\n') ? '' : ' '}${body}`;
    }
    case 'table_status':
      return `reason=${message.reason.toUpperCase()}\ntable_desc:-\n${formatTableDesc(message.table.tableId, message.table.config, names)}`;
    case 'table_mod':
      return formatTableMod(message, version, names);
    case 'tlv_table_mod':
      return formatTlvMod(message);
    case 'tlv_table_reply':
      return formatTlvReply(message);
    case 'ct_flush_zone':
      return `zone_id=${message.zone}\n`;
    case 'group_mod':
    case 'group_desc_request':
    case 'group_desc_reply':
    case 'group_stats_reply':
    case 'group_features_reply':
      return formatGroupMessage(message, version, names);
    case 'meter_mod':
    case 'meter_config_request':
    case 'meter_config_reply':
    case 'meter_stats_request':
    case 'meter_stats_reply':
    case 'meter_features_reply':
      return formatMeterMessage(message);
    case 'flow_monitor_reply':
      return `\n${message.updates.map((update) => `${formatUpdate(update, names)}\n`).join('')}`;
    case 'role_request':
    case 'role_reply': {
      const role = { nochange: 'nochange', equal: 'equal', master: 'primary', slave: 'secondary' }[message.role];
      const generation = message.generationId === 0xffffffffffffffffn ? '' : ` generation_id=${message.generationId}`;
      return `role=${role}${generation}\n`;
    }
    case 'set_flow_format':
      return `format=${message.format === 'nxm' ? 'nxm' : 'openflow10'}\n`;
    case 'set_packet_in_format':
      return `format=${message.format}\n`;
    case 'flow_mod_table_id':
      return `${message.enabled ? 'enable' : 'disable'}\n`;
    case 'set_controller_id':
      return `id=${message.controllerId}\n`;
    default:
      return '\n';
  }
}

/** OFPAT_* of 1.0 by bit, in the words of `actions=`. */
const ACTIONS10 = [
  'output',
  'set_vlan_vid',
  'set_vlan_pcp',
  'strip_vlan',
  'mod_dl_src',
  'mod_dl_dst',
  'mod_nw_src',
  'mod_nw_dst',
  'mod_nw_tos',
  'mod_tp_src',
  'mod_tp_dst',
  'enqueue',
];
const ACTIONS10_ORDER = [0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

function formatFeatures(message: FeaturesReply, version: number): string {
  const auxiliary = message.auxiliaryId === 0 ? '' : `, auxiliary_id:${message.auxiliaryId}`;
  const capabilities = message.capabilities.map((name) => name.toUpperCase()).join(' ');
  let out = `dpid:${message.datapathId.toString(16).padStart(16, '0')}\n`;
  out += `n_tables:${message.nTables}, n_buffers:${message.nBuffers}${auxiliary}\ncapabilities: ${capabilities || '0'}\n`;
  if (version >= OFP13_VERSION) return out;
  if (version > 1) return out + formatPortDescs(message.ports);
  const actions = ACTIONS10_ORDER.filter((bit) => message.actions & (1 << bit)).map((bit) => ACTIONS10[bit]);
  return `${out}actions: ${actions.join(' ')}\n${formatPortDescs(message.ports)}`;
}

function formatPacketIn(message: Extract<OfMessage, { type: 'packet_in' }>, names: Names): string {
  const { tableId, cookie, totalLen, packet, metadata, reason, userdata, continuation } = message.packetIn;
  let out = tableId === 0 || tableId === 255 ? '' : `table_id=${formatTable(tableId, names)} `;
  if (cookie !== 0xffffffffffffffffn) out += `cookie=0x${cookie.toString(16)} `;
  const fields = formatMatch(metadata, OFP_DEFAULT_PRIORITY, names);
  out += `total_len=${totalLen} ${fields === '' ? '' : `${fields} `}(via ${reason}) data_len=${packet.length} `;
  out += message.bufferId === OFP_NO_BUFFER ? '(unbuffered)' : `buffer=0x${hex8(message.bufferId)}`;
  if (userdata?.length) out += `\n userdata=${hexBytes(userdata, '.')}`;
  if (continuation) out += formatContinuation(continuation, names);
  return `${out}\n${formatPacket(packet)}\n`;
}

/** The parts of a continuation, a line each. */
function formatContinuation(continuation: Continuation, names: Names): string {
  const { stack, mirrors, conntracked, actions, actionSet, odpPort } = continuation;
  const uuid = hexBytes(continuation.bridge, '').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  const lines = [`bridge=${uuid}`];
  if (stack.length > 0) lines.push(`stack=(top) ${stack.map((value) => hex(bigintOf(value))).join(' ')} (bottom)`);
  if (mirrors !== 0) lines.push(`mirrors=0x${mirrors.toString(16)}`);
  if (conntracked) lines.push('conntracked=true');
  const piece = ({ tableId, cookie, actions: list }: ContinuedActions) =>
    `unroll_xlate(table=${formatTable(tableId, names)}, cookie=${cookie}),${formatActions(list, names)}`;
  if (actions.length > 0) lines.push(`actions=${actions.map(piece).join(',')}`);
  if (actionSet.length > 0) lines.push(`action_set=${formatActions(actionSet, names)}`);
  if (odpPort !== undefined) lines.push(`odp_port=${odpPort}`);
  return lines.map((line) => `\n continuation.${line}`).join('');
}

const hex8 = (value: number) => value.toString(16).padStart(8, '0');

/** Every add of 1.0 and 1.1 resets the counters, which is not worth saying. */
export function withoutResetCounts(mod: FlowMod): FlowMod {
  return { ...mod, flags: { ...mod.flags, resetCounts: false } };
}

const COMMANDS = { add: 'ADD', modify: 'MOD', modify_strict: 'MOD_STRICT', delete: 'DEL', delete_strict: 'DEL_STRICT' };

/** A flow-mod in one line, without what stands before the colon. `explicitTable`: table 255 is shown too. */
export function formatFlowMod(mod: FlowMod, names: Names = {}, explicitTable = false): string {
  const parts: string[] = [COMMANDS[mod.command]];
  const defaultTable = mod.tableId === 255 || (mod.tableId === 0 && !explicitTable);
  if (!defaultTable || (explicitTable && mod.tableId !== 0)) parts.push(`table:${formatTable(mod.tableId, names)}`);
  const match = formatMatch(mod.match, mod.priority, names);
  if (match !== '') parts.push(match);
  const newCookie = mod.newCookie ?? 0n;
  if (newCookie !== 0n) parts.push(`cookie:0x${newCookie.toString(16)}`);
  if (mod.cookieMask !== 0n) parts.push(`cookie:0x${mod.cookie.toString(16)}/0x${mod.cookieMask.toString(16)}`);
  if (mod.idleTimeout) parts.push(`idle:${mod.idleTimeout}`);
  if (mod.hardTimeout) parts.push(`hard:${mod.hardTimeout}`);
  if (mod.importance) parts.push(`importance:${mod.importance}`);
  if (mod.bufferId !== OFP_NO_BUFFER) parts.push(`buf:0x${mod.bufferId.toString(16)}`);
  if (mod.outPort !== OFPP.ANY) parts.push(`out_port:${formatPort(mod.outPort, names)}`);
  const flags = formatFlowFlags(mod.flags).trim();
  if (flags !== '') parts.push(flags);
  return `${parts.join(' ')} actions=${formatActions(mod.actions, names)}`;
}

function formatRemoved(removed: FlowRemoved, version: number, names: Names): string {
  const parts: string[] = [];
  const match = formatMatch(removed.match, removed.priority, names);
  if (match !== '') parts.push(match);
  parts.push(`reason=${removed.reason.replace('_timeout', '')}`);
  if (removed.tableId !== 255) parts.push(`table_id=${formatTable(removed.tableId, names)}`);
  if (removed.cookie !== 0n) parts.push(`cookie:0x${removed.cookie.toString(16)}`);
  parts.push(`duration${formatDuration(removed.durationMs)}`, `idle${removed.idleTimeout}`);
  if (version > 1) parts.push(`hard${removed.hardTimeout}`);
  parts.push(`pkts${removed.packets}`, `bytes${removed.bytes}`);
  return parts.join(' ');
}

/** Reasons of a deletion in flow updates (OFPRR_*). */
const UPDATE_REASONS = ['idle', 'hard', 'delete', 'group_delete', 'meter_delete', 'eviction'];

function formatUpdate(update: FlowUpdate, names: Names): string {
  if (update.event === 'abbrev') return ` event=ABBREV xid=0x${update.xid.toString(16)}`;
  const parts = [` event=${update.event.toUpperCase()}`];
  if (update.event === 'paused' || update.event === 'resumed') return parts.join('');
  if (update.event === 'deleted') parts.push(`reason=${UPDATE_REASONS[update.reason] ?? update.reason}`);
  parts.push(`table=${formatTable(update.tableId, names)}`);
  if (update.idleTimeout) parts.push(`idle_timeout=${update.idleTimeout}`);
  if (update.hardTimeout) parts.push(`hard_timeout=${update.hardTimeout}`);
  parts.push(`cookie=${hex(update.cookie)}`);
  // Priorities are not shown here.
  const match = formatMatch(update.match, OFP_DEFAULT_PRIORITY, names);
  if (match !== '') parts.push(match);
  parts.push(`actions=${formatActions(update.actions, names)}`);
  return parts.join(' ');
}

/** What an error quotes: usually the message that was refused, or its beginning. */
function formatErrorData(data: Uint8Array, names: Names): string {
  if (data.length < 8) return data.length === 0 ? '' : hexDump(data);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const length = view.getUint16(2);
  const cut = data.length < length ? `(***truncated to ${data.length} bytes from ${length}***)\n` : '';
  try {
    const flowModTableId = hasTableInCommand(data);
    return formatMessage(decodeMessage(data, { flowModTableId }), view.getUint8(0), names);
  } catch (error) {
    if (!(error instanceof OfError)) throw error;
    return `${cut}${hexDump(data)}`;
  }
}

/** A 1.0 flow-mod quoted out of its connection: a nonzero high byte of the command can only be a table. */
function hasTableInCommand(data: Uint8Array): boolean {
  const offset = data[1] === 14 ? 56 : data[1] === 4 ? 24 : -1;
  return data[0] === 1 && offset > 0 && (data[offset] ?? 0) !== 0;
}
