// One datapath flow as a line of dpctl/dump-flows.

import type { DpFlow, FlowOffload } from '../../datapath/dpif.ts';
import { formatDpActions } from './format-actions.ts';
import { formatDpKey, type KeyTextOptions } from './format-key.ts';

export interface DpFlowTextOptions extends KeyTextOptions {
  readonly nowMs: number;
  /** Undefined while hardware offload is off. */
  readonly offloadOf?: (flow: DpFlow) => FlowOffload | undefined;
  /** The whole key of the packet that a flow was made for: what it had under a partial mask is shown. */
  readonly packetKey?: (flow: DpFlow) => Uint8Array | undefined;
}

/** In the order in which Open vSwitch prints them. */
const TCP_FLAG_LETTERS = [
  [0x02, 'S'],
  [0x01, 'F'],
  [0x08, 'P'],
  [0x04, 'R'],
  [0x20, 'U'],
  [0x10, '.'],
  [0x40, 'E'],
  [0x80, 'C'],
  [0x100, 'N'],
] as const;

/** `KEY, packets:N, bytes:N, used:1.234s, flags:S., actions:A`; with `verbose` also the flow's id and every field. */
export function formatDpFlow(flow: DpFlow, options: DpFlowTextOptions): string {
  const { packets, bytes, usedMs, tcpFlags } = flow.stats();
  const used = usedMs === undefined ? 'never' : `${(Math.max(0, options.nowMs - usedMs) / 1000).toFixed(3)}s`;
  const offload = options.offloadOf?.(flow);
  const parts = [
    formatDpKey(options.packetKey?.(flow) ?? flow.key, flow.mask, options),
    `packets:${packets}`,
    `bytes:${bytes}`,
    `used:${used}`,
    ...(tcpFlags === 0 ? [] : [`flags:${flagLetters(tcpFlags)}`]),
    ...(options.verbose ? layer(offload) : []),
    `actions:${formatDpActions(flow.actions, options)}`,
    // Where Open vSwitch has its own remarks on a flow, which scripts pass over.
    ...(options.verbose && offload?.reason !== undefined ? [`dp-extra-info:offload(${offload.reason})`] : []),
  ];
  if (options.verbose) parts.unshift(`ufid:${flow.ufid}`);
  return parts.join(', ');
}

/** Which layer forwards the flow: Open vSwitch calls cards `dpdk`. */
function layer(offload: FlowOffload | undefined): string[] {
  if (!offload) return ['dp:ovs'];
  return [`offloaded:${offload.offloaded}`, offload.offloaded === 'yes' ? 'dp:dpdk' : 'dp:ovs'];
}

function flagLetters(flags: number): string {
  return TCP_FLAG_LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('');
}
