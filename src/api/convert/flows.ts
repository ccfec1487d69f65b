// Flow mods, flow filters and flow statistics of the typed API, to and from ofproto's model.

import { UserError } from '../../../lib/errors.ts';
import {
  type FlowMod,
  type FlowModCommand,
  type FlowStatsEntry,
  type FlowStatsRequest,
  newFlowMod,
} from '../../../ofproto/model/flow-mod.ts';
import { normalizeMatch } from '../../../ofproto/model/normalize.ts';
import { formatFlow } from '../../../ofproto/text/format-flow.ts';
import { parseFlow, parseFlowStatsRequest } from '../../../ofproto/text/parse-flow.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import type {
  DumpFlowsRequest,
  FlowFilterMessage,
  FlowMessage,
  FlowModMessage,
  FlowStatsMessage,
} from '../messages.ts';
import { actionMessages, actionsOf } from './actions.ts';
import { matchMessage, matchOf } from './match.ts';
import { shortText, uint } from './values.ts';

const COMMANDS: Readonly<Record<string, FlowModCommand | undefined>> = {
  FLOW_COMMAND_ADD: 'add',
  FLOW_COMMAND_MODIFY: 'modify',
  FLOW_COMMAND_MODIFY_STRICT: 'modify_strict',
  FLOW_COMMAND_DELETE: 'delete',
  FLOW_COMMAND_DELETE_STRICT: 'delete_strict',
};
const UNSPECIFIED = 'FLOW_COMMAND_UNSPECIFIED';

/** Throws UserError for what cannot be understood, OfError for what OpenFlow refuses. */
export function flowModOf({ command: name, flowText, flow }: FlowModMessage, names: Names): FlowMod {
  const command = COMMANDS[name];
  if (!command && name !== UNSPECIFIED) throw new UserError(`${name} is not a known command`);
  if (flow) return typedFlowMod(command ?? 'add', flow, names);
  if (flowText === undefined) throw new UserError('a flow mod has no flow');
  const mod = parseFlow(shortText(flowText), command, names);
  normalizeMatch(mod.match);
  return mod;
}

function typedFlowMod(command: FlowModCommand, flow: FlowMessage, names: Names): FlowMod {
  const all = newFlowMod(command);
  return {
    ...all,
    ...selection(flow, names),
    ...cookies(command, flow),
    priority: uint(flow.priority ?? all.priority, 16, 'priority'),
    idleTimeout: uint(flow.idleTimeout, 16, 'idle_timeout'),
    hardTimeout: uint(flow.hardTimeout, 16, 'hard_timeout'),
    importance: uint(flow.importance, 16, 'importance'),
    flags: flow.flags ?? all.flags,
    actions: actionsOf(flow.actions, names),
  };
}

/** A cookie is a new flow's, or selects flows (OpenFlow 1.3.5, 6.4). */
function cookies(command: FlowModCommand, flow: FlowMessage): Pick<FlowMod, 'cookie' | 'cookieMask' | 'newCookie'> {
  const cookie = BigInt(flow.cookie);
  const cookieMask = BigInt(flow.cookieMask);
  if (command === 'add') return { cookie, cookieMask: 0n, newCookie: cookie };
  return { cookie: cookie & cookieMask, cookieMask };
}

function selection(filter: FlowFilterMessage | FlowMessage, names: Names): FlowStatsRequest {
  const all = newFlowMod('delete');
  const cookieMask = BigInt(filter.cookieMask);
  return {
    tableId: uint(filter.tableId ?? all.tableId, 8, 'table_id'),
    match: matchOf(filter.match, names),
    cookie: BigInt(filter.cookie) & cookieMask,
    cookieMask,
    outPort: filter.outPort ?? all.outPort,
    outGroup: filter.outGroup ?? all.outGroup,
  };
}

/** Throws UserError, OfError. */
export function flowFilterOf({ filterText, filter }: DumpFlowsRequest, names: Names): FlowStatsRequest {
  if (filter) return selection(filter, names);
  const request = parseFlowStatsRequest(shortText(filterText ?? ''), names);
  normalizeMatch(request.match);
  return request;
}

/** A flow in the forms that a FlowForm asks for. */
export function flowStatsMessage(flow: FlowStatsEntry, form: string | number): FlowStatsMessage {
  return {
    tableId: flow.tableId,
    priority: flow.priority,
    cookie: String(flow.cookie),
    idleTimeout: flow.idleTimeout,
    hardTimeout: flow.hardTimeout,
    importance: flow.importance,
    flags: flow.flags,
    packetCount: String(flow.packets),
    byteCount: String(flow.bytes),
    durationMs: milliseconds(flow.durationMs),
    idleAgeMs: milliseconds(flow.idleAgeMs),
    hardAgeMs: milliseconds(flow.hardAgeMs),
    ...(form === 'FLOW_FORM_TEXT' ? {} : { match: matchMessage(flow.match), actions: actionMessages(flow.actions) }),
    ...(form === 'FLOW_FORM_TYPED' ? {} : { text: formatFlow(flow, { stats: false }).trim() }),
  };
}

const milliseconds = (ms: number): number => Math.max(0, Math.floor(ms));
