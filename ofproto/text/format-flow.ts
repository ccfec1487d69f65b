// Flow entries as ovs-ofctl dump-flows prints them, one line each.

import type { FlowModFlags, FlowStatsEntry } from '../model/flow-mod.ts';
import { formatActions } from './format-actions.ts';
import { formatMatch } from './format-match.ts';
import { formatTable, type Names } from './ports.ts';

export interface FlowFormatOptions {
  /** Print duration, packet and byte counts; without them cookie 0 and table 0 are left out too. Default true. */
  readonly stats?: boolean;
  /** Print idle_age and hard_age, which a negative age leaves out. Default false. */
  readonly ages?: boolean;
  readonly names?: Names;
}

/** ` cookie=0x0, duration=1.340s, table=0, ... priority=5,ip actions=output:2`, without the newline. */
export function formatFlow(flow: FlowStatsEntry, options: FlowFormatOptions = {}): string {
  const { stats = true, ages = false, names = {} } = options;
  const hexCookie = `0x${flow.cookie.toString(16)}`;
  let out = ' ';
  if (stats || flow.cookie !== 0n) out += `cookie=${hexCookie}, `;
  if (stats) out += `duration=${formatDuration(flow.durationMs)}, `;
  if (stats || flow.tableId !== 0 || names.tables?.has(flow.tableId)) {
    out += `table=${formatTable(flow.tableId, names)}, `;
  }
  if (stats) out += `n_packets=${flow.packets}, n_bytes=${flow.bytes}, `;
  if (flow.idleTimeout) out += `idle_timeout=${flow.idleTimeout}, `;
  if (flow.hardTimeout) out += `hard_timeout=${flow.hardTimeout}, `;
  out += formatFlowFlags(flow.flags);
  if (flow.importance) out += `importance=${flow.importance}, `;
  if (stats && ages && flow.idleAgeMs >= 0) out += `idle_age=${Math.floor(flow.idleAgeMs / 1000)}, `;
  if (stats && ages && showHardAge(flow)) out += `hard_age=${Math.floor(flow.hardAgeMs / 1000)}, `;
  const match = formatMatch(flow.match, flow.priority, names);
  if (match !== '') out += `${match} `;
  return `${out}actions=${formatActions(flow.actions, names)}`;
}

/** The time since the last change is only worth printing when it is not the flow's age. */
function showHardAge(flow: FlowStatsEntry): boolean {
  return flow.hardAgeMs >= 0 && Math.floor(flow.hardAgeMs / 1000) !== Math.floor(flow.durationMs / 1000);
}

/** Seconds with three decimals, `1.340s`; whole seconds as `5s`. */
export function formatDuration(ms: number): string {
  const whole = Math.floor(ms / 1000);
  const rest = Math.floor(ms % 1000);
  return rest === 0 ? `${whole}s` : `${whole}.${String(rest).padStart(3, '0')}s`;
}

/** `send_flow_rem reset_counts `: names with a space after each. */
export function formatFlowFlags(flags: FlowModFlags): string {
  const names = [
    flags.sendFlowRem && 'send_flow_rem',
    flags.checkOverlap && 'check_overlap',
    flags.resetCounts && 'reset_counts',
    flags.noPktCounts && 'no_packet_counts',
    flags.noBytCounts && 'no_byte_counts',
  ];
  return names.map((name) => (name ? `${name} ` : '')).join('');
}
