// Flows from ovs-ofctl's syntax (ovs-ofctl(8), "Flow Syntax"): what add-flow, mod-flows, del-flows and dump-flows take,
// and the microflows of ofproto/trace.

import { UserError } from '../../lib/errors.ts';
import { OFPP } from '../model/actions.ts';
import { type Field, fieldByName, matchField } from '../model/fields.ts';
import {
  emptyMatch,
  type Flow,
  KEY_IN_PORT,
  KEY_VLAN0_TCI,
  KEY_VLAN0_TPID,
  type Match,
  VLAN_CFI,
} from '../model/flow.ts';
import {
  type FlowMod,
  type FlowModCommand,
  type FlowModFlags,
  type FlowStatsRequest,
  newFlowMod,
} from '../model/flow-mod.ts';
import { prerequisitesMet } from '../model/prerequisites.ts';
import { isExact, parseFieldValue } from './field-values.ts';
import { type KeyValue, keyValues, parseU32, parseU64, parseUint } from './lexer.ts';
import { parseActions } from './parse-actions.ts';
import { parseMatchItem, parseMatchText } from './parse-match.ts';
import { type Names, parseTable, portFromText } from './ports.ts';
import { verifyActions } from './verify-actions.ts';

export { parseActions, parseMatchText };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Draft extends Omit<Mutable<FlowMod>, 'flags'> {
  flags: Mutable<FlowModFlags>;
}

/** Keys that are printed by dump-flows and mean nothing on input. */
const IGNORED: ReadonlySet<string> = new Set([
  'allow_hidden_fields',
  'duration',
  'n_packets',
  'n_bytes',
  'idle_age',
  'hard_age',
]);

const FLAGS: Readonly<Record<string, keyof FlowModFlags>> = {
  send_flow_rem: 'sendFlowRem',
  check_overlap: 'checkOverlap',
  reset_counts: 'resetCounts',
  no_packet_counts: 'noPktCounts',
  no_byte_counts: 'noBytCounts',
};

const COMMAND_WORDS: Readonly<Record<string, FlowModCommand>> = {
  add: 'add',
  modify: 'modify',
  modify_strict: 'modify_strict',
  delete: 'delete',
  delete_strict: 'delete_strict',
};

function draftOf(command: FlowModCommand): Draft {
  const mod = newFlowMod(command);
  return { ...mod, flags: { ...mod.flags } };
}

/**
 * Parses one flow. With `command` undefined the text may begin with one (`delete_strict ...`), else it is an add.
 * Throws UserError in ovs-ofctl's words.
 */
export function parseFlow(text: string, command?: FlowModCommand, names: Names = {}): FlowMod {
  const word = /^\s*([a-z_]+)(?=[\s,]|$)/.exec(text);
  const given = command === undefined && word ? COMMAND_WORDS[word[1]!] : undefined;
  const source = given ? text.slice(word![0].length).replace(/^\s*,?/, '') : text;
  const draft = draftOf(command ?? given ?? 'add');
  const takesActions = !draft.command.startsWith('delete');
  const { fields, actions } = splitActions(source, takesActions);
  for (const item of keyValues(fields))
    applyItem(draft, item.key, item.value, item.hasValue, names) || applyMatch(draft, item, names);
  if (actions !== undefined) {
    draft.actions = parseActions(actions, names);
    verifyActions(draft.actions);
  }
  return finish(draft);
}

/** The part before `actions=`, and what follows it; a delete has no actions. */
function splitActions(text: string, takesActions: boolean): { fields: string; actions: string | undefined } {
  if (!takesActions) return { fields: text, actions: undefined };
  const start = /action/.exec(text);
  const mark = start ? /^actions?\s*=/.exec(text.slice(start.index)) : null;
  if (!start || !mark) throw new UserError('must specify an action');
  return { fields: text.slice(0, start.index), actions: text.slice(start.index + mark[0].length) };
}

/** Everything in a flow that is no match field. */
function applyItem(draft: Draft, key: string, value: string, hasValue: boolean, names: Names): boolean {
  const flag = Object.hasOwn(FLAGS, key) ? FLAGS[key] : undefined;
  if (flag) {
    draft.flags[flag] = true;
    return true;
  }
  if (IGNORED.has(key)) return true;
  const apply = Object.hasOwn(SETTINGS, key) ? SETTINGS[key] : undefined;
  if (!apply) return false;
  if (!hasValue || value === '') throw new UserError(`field ${key} missing value`);
  return apply(draft, value, names);
}

type Setting = (draft: Draft, value: string, names: Names) => boolean;

const SETTINGS: Readonly<Record<string, Setting>> = {
  table: (draft, value, names) => set(draft, 'tableId', parseTable(value, names)),
  priority: (draft, value) => set(draft, 'priority', parseUint(value, 16, 'priority')),
  idle_timeout: (draft, value) => set(draft, 'idleTimeout', parseUint(value, 16, 'idle_timeout')),
  hard_timeout: (draft, value) => set(draft, 'hardTimeout', parseUint(value, 16, 'hard_timeout')),
  importance: (draft, value) => set(draft, 'importance', parseUint(value, 16, 'importance')),
  cookie: (draft, value) => applyCookie(draft, value),
  out_port: (draft, value, names) => {
    if (!selectsFlows(draft.command)) return false;
    const port = portFromText(value, names);
    if (port === undefined) throw new UserError(`${value} is not a valid OpenFlow port`);
    return set(draft, 'outPort', port);
  },
  out_group: (draft, value) => selectsFlows(draft.command) && set(draft, 'outGroup', parseU32(value)),
};

const selectsFlows = (command: FlowModCommand): boolean => command === 'delete' || command === 'delete_strict';

function set<K extends keyof Draft>(draft: Draft, key: K, value: Draft[K]): true {
  draft[key] = value;
  return true;
}

/** `COOKIE` names the new cookie of adds and modifies; `COOKIE/MASK` selects the flows to change. */
function applyCookie(draft: Draft, text: string): true {
  const [value, mask] = text.split('/');
  if (mask !== undefined) {
    if (draft.command === 'add') throw new UserError('flow additions cannot use a cookie mask');
    draft.cookieMask = mask === '-1' ? 0xffffffffffffffffn : parseU64(mask);
    draft.cookie = parseU64(value!) & draft.cookieMask;
    return true;
  }
  const cookie = parseU64(value!);
  if (selectsFlows(draft.command)) {
    draft.cookie = cookie;
    draft.cookieMask = 0xffffffffffffffffn;
  } else {
    draft.newCookie = cookie;
  }
  return true;
}

function applyMatch(draft: Draft, item: { key: string; value: string; hasValue: boolean }, names: Names): void {
  if (parseMatchItem(draft.match, { ...item, parens: false }, names)) return;
  throw new UserError(item.hasValue ? `unknown keyword ${item.key}` : `field ${item.key} missing value`);
}

function finish(draft: Draft): FlowMod {
  // A new flow's cookie; old switches also change it on modify.
  if (draft.command === 'add') {
    draft.newCookie ??= 0n;
    draft.cookie = draft.newCookie;
  }
  return draft;
}

/** Parses the flows that dump-flows and dump-aggregate select. Throws UserError. */
export function parseFlowStatsRequest(text: string, names: Names = {}): FlowStatsRequest {
  const mod = parseFlow(text, 'delete', names);
  const { tableId, match, cookie, cookieMask, outPort, outGroup } = mod;
  return { tableId, match, cookie, cookieMask, outPort, outGroup };
}

/**
 * Parses the microflow that ofproto/trace follows: `in_port=1,tcp,nw_src=10.0.0.1,tp_dst=80`. Masks are refused,
 * and fields before what makes them meaningful; as in Open vSwitch tp_src and tp_dst are TCP's.
 * Throws UserError.
 */
export function parseTraceFlow(text: string, names: Names = {}): Flow {
  try {
    return exactFlow(text, names);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`Bad openflow flow syntax: ${text}: ${error.message}`) : error;
  }
}

function exactFlow(text: string, names: Names): Flow {
  const match: Match = emptyMatch();
  // Without a port the packet came in by none.
  match.flow.setU32(KEY_IN_PORT, OFPP.ANY);
  for (const item of keyValues(text)) exactItem(match, item, names);
  const { flow } = match;
  // A match leaves the TPID open; a packet has one.
  if (flow.u16(KEY_VLAN0_TCI) & VLAN_CFI) flow.setU16(KEY_VLAN0_TPID, 0x8100);
  return flow;
}

/** A packet has its fields in an order in which each makes sense, with a value and without a mask. */
function exactItem(match: Match, item: KeyValue, names: Names): void {
  const { key, value } = item;
  const known = fieldByName(key);
  if (!known) {
    if (key === 'eth' || !parseMatchItem(match, item, names)) throw new UserError(`unknown field ${key}`);
    return;
  }
  if (!prerequisitesMet(match.flow, known)) throw new UserError(`prerequisites not met for setting ${key}`);
  const wanted = exactValue(known, key, value, names);
  matchField(match, known, wanted.value, wanted.mask);
}

function exactValue(known: Field, key: string, text: string, names: Names): ReturnType<typeof parseFieldValue> {
  const bad = (why: string) => new UserError(`bad value for ${key} (${why})`);
  const wildcards = () => bad(`${text}: wildcards not allowed here`);
  if (text === '*') throw wildcards();
  try {
    const parsed = parseFieldValue(known, text, names);
    // An empty list of flags says nothing, and is taken for none.
    if (isExact(known, parsed.mask) || text.trim() === '') return parsed;
  } catch (error) {
    throw error instanceof UserError ? bad(error.message) : error;
  }
  throw wildcards();
}
