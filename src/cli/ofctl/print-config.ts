// What is configured about queues, tables and tunnel options, as ovs-ofctl prints it.

import {
  OFP14_VERSION,
  type OfMessageOf,
  type QueueStats,
  type TableConfig,
  type TlvMapping,
} from '../../../ofproto/model/messages.ts';
import { formatDuration } from '../../../ofproto/text/format-flow.ts';
import { formatPort, formatTable, type Names } from '../../../ofproto/text/ports.ts';
import { evictionAsked, OFPQ_ALL } from '../../../ofproto/wire/index.ts';

const count = (value: bigint) => (value < 0n ? '?' : String(value));

export function formatQueueStats(queues: readonly QueueStats[], names: Names): string {
  const lines = queues.map(({ ofPort, queueId, txBytes, txPackets, txErrors, durationMs }) => {
    const counts = `bytes=${count(txBytes)}, pkts=${count(txPackets)}, errors=${count(txErrors)}`;
    const duration = durationMs < 0 ? '?' : formatDuration(durationMs);
    return `  port ${formatPort(ofPort, names)} queue ${queueId}: ${counts}, duration=${duration}\n`;
  });
  return `${queues.length} queues\n${lines.join('')}`;
}

/** What a request names: every queue is not worth saying in a configuration request. */
export function formatQueueWanted({ type, ofPort, queueId }: QueueRequest, names: Names): string {
  const all = type === 'queue_stats_request' ? ' queue=ALL' : '';
  return `port=${formatPort(ofPort, names)}${queueId === OFPQ_ALL ? all : ` queue=${queueId}`}\n`;
}

type QueueRequest = OfMessageOf<'queue_stats_request'> | OfMessageOf<'queue_config_request'>;

/** Queues by port; from 1.4 on each port has a line of its own. */
export function formatQueueConfig(reply: OfMessageOf<'queue_config_reply'>, version: number, names: Names): string {
  let out = '';
  let port = version < OFP14_VERSION ? reply.ofPort : undefined;
  if (port !== undefined) out += `port=${formatPort(port, names)}\n`;
  const queues = [...reply.queues].sort((a, b) => a.ofPort - b.ofPort || a.queueId - b.queueId);
  for (const queue of queues) {
    if (version >= OFP14_VERSION && queue.ofPort !== port) out += `port=${formatPort(queue.ofPort, names)}\n`;
    if (version >= OFP14_VERSION) port = queue.ofPort;
    out += `queue ${queue.queueId}:${rate('min_rate', queue.minRate)}${rate('max_rate', queue.maxRate)}\n`;
  }
  return out === '' ? '\n' : out;
}

const rate = (name: string, tenths: number | undefined): string =>
  tenths === undefined ? '' : ` ${name}:${Math.floor(tenths / 10)}.${tenths % 10}%`;

const EVICTION_FLAGS = ['OTHER', 'IMPORTANCE', 'LIFETIME'] as const;

/** One table of a description, three lines. */
export function formatTableDesc(tableId: number, config: TableConfig, names: Names): string {
  const flags = EVICTION_FLAGS.filter((_, bit) => (config.evictionFlags ?? 0) & (1 << bit));
  const eviction = `   eviction=${onOff(config.eviction)} eviction_flags=${flags.join('|') || '0'}\n`;
  const { vacancy } = config;
  const levels =
    config.vacancyEvents && vacancy
      ? ` vacancy_down=${vacancy.down}% vacancy_up=${vacancy.up}% vacancy=${vacancy.now}%`
      : '';
  return `  table ${formatTable(tableId, names)}:\n${eviction}   vacancy=${onOff(config.vacancyEvents)}${levels}\n`;
}

const onOff = (value: boolean | undefined): string => (value ? 'on' : 'off');

export function formatTableMod({ tableId, config }: OfMessageOf<'table_mod'>, version: number, names: Names): string {
  const { miss, vacancyEvents, vacancy } = config;
  const eviction = evictionAsked(config);
  const parts = [tableId === 255 ? 'table_id: ALL_TABLES' : `table_id=${formatTable(tableId, names)}`];
  if (miss) parts.push(`flow_miss_config=${miss}`);
  if (version >= OFP14_VERSION) {
    parts.push(`eviction=${eviction === undefined ? '***error***' : onOff(eviction)}`);
    const thresholds = vacancyEvents ? ` vacancy:${vacancy?.down ?? 0},${vacancy?.up ?? 0}` : '';
    parts.push(`vacancy=${onOff(vacancyEvents)}${thresholds}`);
  }
  return `${parts.join(', ')}\n`;
}

/** The table of mappings, with its heading. */
export function formatTlvMappings(mappings: readonly TlvMapping[]): string {
  const heading = '\n mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------\n';
  const lines = mappings.map(({ optionClass, optionType, optionLength, index }) => {
    const columns = [hex(optionClass).padStart(6), hex(optionType).padStart(4), String(optionLength).padStart(6)];
    return ` ${columns.join('  ')}  tun_metadata${index}\n`;
  });
  return heading + lines.join('');
}

const hex = (value: number): string => `0x${value.toString(16)}`;

export function formatTlvReply({ maxOptionSpace, maxFields, mappings }: OfMessageOf<'tlv_table_reply'>): string {
  const allocated = mappings.reduce((sum, { optionLength }) => sum + optionLength, 0);
  const limits = `\n max option space=${maxOptionSpace} max fields=${maxFields}\n allocated option space=${allocated}\n`;
  return `${limits}${formatTlvMappings(mappings)}`;
}

const TLV_COMMANDS = { add: 'ADD', delete: 'DEL', clear: 'CLEAR' } as const;

export function formatTlvMod({ command, mappings }: OfMessageOf<'tlv_table_mod'>): string {
  const table = command === 'clear' ? '\n' : formatTlvMappings(mappings).replace('\n mapping', ' mapping');
  return `\n ${TLV_COMMANDS[command]}${table}`;
}
