// Flow-mod messages: OpenFlow 1.0's, Nicira's NXM form of any version, and the one of 1.1 and later.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import { FLOW_SIZE, Flow, type Match } from '../model/flow.ts';
import { type FlowMod, type FlowModCommand, type FlowModFlags, OfError } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP11_VERSION, OFP12_VERSION, OFP13_VERSION, OFP14_VERSION } from '../model/messages.ts';
import { packMatch } from '../model/minimask.ts';
import { ActionCache } from './action-cache.ts';
import { hintsOf } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { always, type Codec, codec, type DecodeContext, since } from './codec.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { decodeMatch10, encodeMatch10, isExactMatch10 } from './match10.ts';
import { type CookieMatch, decodeMatch, decodeOxm } from './oxm.ts';
import { encodeMatch, encodeOxm } from './oxm-encode.ts';
import { checkPort } from './port-numbers.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V12 = OFP12_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;
const ANY_TABLE = 255;
const ALL_ONES = 0xffffffffffffffffn;

const COMMANDS: readonly FlowModCommand[] = ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'];
const ADD = 0;
const DELETE = 3;
const isDelete = (number: number): boolean => number === DELETE || number === DELETE + 1;

function commandOf(number: number): FlowModCommand {
  const command = COMMANDS[number];
  if (!command) throw new OfError('OFPFMFC_BAD_COMMAND');
  return command;
}

/** In 1.0 this bit asks for an emergency flow, which nobody has. */
const OFPFF10_EMERG = 1 << 2;

/** OFPFF_* bits, and the first version that has each. */
const FLAGS: readonly (readonly [flag: keyof FlowModFlags, bit: number, first: number])[] = [
  ['sendFlowRem', 1 << 0, V10],
  ['checkOverlap', 1 << 1, V10],
  ['resetCounts', 1 << 2, V12],
  ['noPktCounts', 1 << 3, V13],
  ['noBytCounts', 1 << 4, V13],
];

/** Flags that came before, by version and bits: there are few. */
const knownFlags = new Map<number, FlowModFlags>();

/** The flags of a message. Throws OfError OFPFMFC_BAD_FLAGS for bits that mean nothing. */
export function decodeFlowFlags(bits: number, version: number): FlowModFlags {
  const key = (version << 16) | bits;
  const known = knownFlags.get(key);
  if (known) return known;
  const flags = readFlags(bits, version);
  knownFlags.set(key, flags);
  return flags;
}

function readFlags(bits: number, version: number): FlowModFlags {
  if (version === V10 && bits & OFPFF10_EMERG) throw new OfError('OFPFMFC_TABLE_FULL');
  const known = FLAGS.filter(([, , first]) => version >= first);
  if (bits & ~known.reduce((sum, [, bit]) => sum | bit, 0)) throw new OfError('OFPFMFC_BAD_FLAGS');
  const has = (flag: keyof FlowModFlags) => known.some(([name, bit]) => name === flag && (bits & bit) !== 0);
  return {
    sendFlowRem: has('sendFlowRem'),
    checkOverlap: has('checkOverlap'),
    resetCounts: has('resetCounts'),
    noPktCounts: has('noPktCounts'),
    noBytCounts: has('noBytCounts'),
  };
}

export function encodeFlowFlags(flags: FlowModFlags, version: number): number {
  return FLAGS.reduce((bits, [flag, bit, first]) => (flags[flag] && version >= first ? bits | bit : bits), 0);
}

/** A 1.0 command word with NXT_FLOW_MOD_TABLE_ID: table in the high byte. */
function commandIn(word: number, { flowModTableId }: DecodeContext): FlowModCommand {
  return commandOf(flowModTableId ? word & 0xff : word);
}

const tableIn = (word: number, { flowModTableId }: DecodeContext): number => (flowModTableId ? word >> 8 : ANY_TABLE);

/** The command word for a table; 255 means that no table was asked for, which needs no extension. */
function joinCommand({ command, tableId }: FlowMod, withTable: boolean): number {
  const number = COMMANDS.indexOf(command);
  return withTable ? (tableId << 8) | number : number;
}

/**
 * Adds of 1.0 and 1.1 zero the counters of the flow that they replace; later ones say so with OFPFF_RESET_COUNTS.
 */
function impliedFlags(flags: FlowModFlags, command: FlowModCommand, version: number): FlowModFlags {
  if (command !== 'add' || version >= V12) return flags;
  let implied = withReset.get(flags);
  if (!implied) {
    implied = { ...flags, resetCounts: true };
    withReset.set(flags, implied);
  }
  return implied;
}

const withReset = new Map<FlowModFlags, FlowModFlags>();

/** The actions of flow-mods. */
const ACTIONS = new ActionCache(decodeActions);
const INSTRUCTIONS = new ActionCache(decodeInstructions);

/** The match at hand, which flow-mods keep in little: both halves in one piece of memory. */
const memory = new Uint8Array(2 * FLOW_SIZE);
const scratch: Match = { flow: new Flow(memory.subarray(0, FLOW_SIZE)), mask: new Flow(memory.subarray(FLOW_SIZE)) };

function emptied(): Match {
  memory.fill(0);
  return scratch;
}

/** What 1.0's form and Nicira's leave out. A cookie is the new flow's, or replaces that of modified flows. */
function flowMod10(
  head: Pick<FlowMod, 'command' | 'tableId' | 'match'>,
  newCookie: bigint | undefined,
  selects: CookieMatch,
  tail: Tail,
  rest: Pick<FlowMod, 'flags' | 'actions' | 'packed'>,
): FlowMod {
  const adds = head.command === 'add';
  const given = newCookie ?? (adds ? 0n : undefined);
  return {
    command: head.command,
    tableId: head.tableId,
    priority: tail.priority,
    match: head.match,
    cookie: adds ? (given ?? 0n) : selects.cookie,
    cookieMask: adds ? 0n : selects.cookieMask,
    newCookie: given,
    keepCookie: undefined,
    idleTimeout: tail.idleTimeout,
    hardTimeout: tail.hardTimeout,
    importance: 0,
    bufferId: tail.bufferId,
    outPort: tail.outPort,
    outGroup: OFPP.ANY,
    flags: rest.flags,
    actions: rest.actions,
    packed: rest.packed,
    strictActions: undefined,
  };
}

type Tail = Pick<FlowMod, 'idleTimeout' | 'hardTimeout' | 'priority' | 'bufferId' | 'outPort'> & {
  readonly flagBits: number;
};

/** idle u16 | hard u16 | priority u16 | buffer u32 | out_port u16 | flags u16, shared by 1.0's form and Nicira's. */
function decodeTail(r: Reader, deletes: boolean): Tail {
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const priority = r.u16();
  const bufferId = r.u32();
  const port = portFrom16(r.u16());
  return { idleTimeout, hardTimeout, priority, bufferId, outPort: deletes ? port : OFPP.ANY, flagBits: r.u16() };
}

function encodeTail(w: Writer, mod: FlowMod, version: number): void {
  w.u16(mod.idleTimeout).u16(mod.hardTimeout).u16(mod.priority).u32(mod.bufferId);
  w.u16(portTo16(mod.outPort)).u16(encodeFlowFlags(mod.flags, version));
}

const ANY_COOKIE: CookieMatch = { cookie: 0n, cookieMask: 0n };

/** A flow without wildcards has the highest priority, whatever it asks for (OpenFlow 1.0, 3.4). */
const EXACT_PRIORITY = 0xffff;

function decodeMod10(r: Reader, context: DecodeContext): FlowMod {
  const isExact = isExactMatch10(r);
  const match = packMatch(decodeMatch10(r, emptied()));
  const cookie = r.u64();
  const word = r.u16();
  const command = commandIn(word, context);
  const asked = decodeTail(r, command === 'delete' || command === 'delete_strict');
  const tail = isExact ? { ...asked, priority: EXACT_PRIORITY } : asked;
  const { actions, packed } = ACTIONS.take(r, V10);
  const flags = impliedFlags(decodeFlowFlags(tail.flagBits, V10), command, V10);
  const head = { command, tableId: tableIn(word, context), match };
  return flowMod10(head, cookie, ANY_COOKIE, tail, { flags, actions, packed });
}

/** `withTable` of the encoders: a table was named, so the sender has switched NXT_FLOW_MOD_TABLE_ID on. */
function encodeMod10(w: Writer, mod: FlowMod, withTable: boolean): void {
  encodeMatch10(w, mod.match);
  w.u64(mod.newCookie ?? 0n).u16(joinCommand(mod, withTable));
  encodeTail(w, mod, V10);
  encodeActions(w, mod.actions, V10, hintsOf(mod.match));
}

function decodeNxMod(r: Reader, context: DecodeContext): FlowMod {
  const { version } = context;
  const cookie = r.u64();
  const word = r.u16();
  const tail = decodeTail(r, isDelete(context.flowModTableId ? word & 0xff : word));
  const matchLen = r.u16();
  r.skip(6);
  const selects = decodeNxMatch(r, matchLen, emptied());
  const match = packMatch(selects.match);
  const command = commandIn(word, context);
  const { actions, packed } = version === V10 ? ACTIONS.take(r, V10) : INSTRUCTIONS.take(r, version);
  const flags = impliedFlags(decodeFlowFlags(tail.flagBits, version), command, version);
  // All ones leaves a modified flow's cookie as it is, and is a cookie like any other in a new flow.
  const newCookie = cookie === ALL_ONES && command !== 'add' ? undefined : cookie;
  const head = { command, tableId: tableIn(word, context), match };
  return flowMod10(head, newCookie, selects, tail, { flags, actions, packed });
}

function encodeNxMod(w: Writer, mod: FlowMod, version: number, withTable: boolean): void {
  w.u64(mod.newCookie ?? ALL_ONES).u16(joinCommand(mod, withTable));
  encodeTail(w, mod, version);
  const lengthAt = w.size;
  w.u16(0).zeros(6);
  const start = w.size;
  encodeOxm(w, mod.match, V10, mod.command === 'add' ? undefined : mod);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
  if (version === V10) encodeActions(w, mod.actions, V10, hintsOf(mod.match));
  else encodeInstructions(w, mod.actions, version, hintsOf(mod.match));
}

const WITH_COOKIE = { cookie: true };

/** An nx_match of `length` bytes, padded to 8. */
export function decodeNxMatch(r: Reader, length: number, match?: Match): { match: Match } & CookieMatch {
  const padded = (length + 7) & ~7;
  if (padded > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  const body = r.sub(length, 'OFPBMC_BAD_LEN');
  r.skip(padded - length);
  return decodeOxm(body, WITH_COOKIE, match);
}

/**
 * cookie u64 | cookie_mask u64 | table u8 | command u8 | idle u16 | hard u16 | priority u16 | buffer u32 |
 * out_port u32 | out_group u32 | flags u16 | importance u16 (1.4+) | match | instructions
 */
function decodeMod11(r: Reader, { version }: DecodeContext): FlowMod {
  const given = { cookie: r.u64(), cookieMask: r.u64() };
  const tableId = r.u8();
  const number = r.u8();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const priority = r.u16();
  const bufferId = r.u32();
  const outPort = r.u32();
  const outGroup = r.u32();
  const flagBits = r.u16();
  const importance = r.u16();
  const match = packMatch(decodeMatch(r, undefined, emptied()));
  const deletes = isDelete(number);
  // 1.1 has no word for every table.
  if (tableId === ANY_TABLE && (!deletes || version === V11)) throw new OfError('OFPFMFC_BAD_TABLE_ID');
  checkPort(outPort, 'OFPBAC_BAD_OUT_PORT');
  const command = commandOf(number);
  const { actions, packed } = INSTRUCTIONS.take(r, version);
  const flags = impliedFlags(decodeFlowFlags(flagBits, version), command, version);
  const { cookie, cookieMask, newCookie, keepCookie } = cookies11(number, command, given, version);
  return {
    command,
    tableId,
    priority,
    match,
    cookie,
    cookieMask,
    newCookie,
    keepCookie,
    idleTimeout,
    hardTimeout,
    importance: version >= V14 ? importance : 0,
    bufferId,
    outPort: deletes ? outPort : OFPP.ANY,
    outGroup: deletes ? outGroup : OFPP.ANY,
    flags,
    actions,
    packed,
    strictActions: true,
  };
}

/**
 * From 1.1 on a cookie is a new flow's, or selects flows. Only in 1.1 a modify that does not select by cookie adds a
 * flow when there is none (OpenFlow 1.1, 4.6), with this cookie; flows that are there keep theirs.
 */
function cookies11(
  number: number,
  command: FlowModCommand,
  { cookie, cookieMask }: CookieMatch,
  version: number,
): Pick<FlowMod, 'cookie' | 'cookieMask' | 'newCookie' | 'keepCookie'> {
  if (number === ADD) return { cookie, cookieMask: 0n, newCookie: cookie };
  const mayAdd = version === V11 && command.startsWith('modify') && cookieMask === 0n;
  if (mayAdd) return { cookie: 0n, cookieMask: 0n, newCookie: cookie, keepCookie: true };
  return { cookie: cookie & cookieMask, cookieMask };
}

function encodeMod11(w: Writer, mod: FlowMod, version: number): void {
  const adds = mod.command === 'add';
  const mayAdd = version === V11 && mod.command.startsWith('modify') && mod.cookieMask === 0n;
  const anyTable = mod.tableId === ANY_TABLE && (version === V11 || !mod.command.startsWith('delete'));
  w.u64(adds || mayAdd ? (mod.newCookie ?? mod.cookie) : mod.cookie).u64(adds ? 0n : mod.cookieMask);
  w.u8(anyTable ? 0 : mod.tableId).u8(COMMANDS.indexOf(mod.command));
  w.u16(mod.idleTimeout).u16(mod.hardTimeout).u16(mod.priority).u32(mod.bufferId);
  w.u32(mod.outPort).u32(mod.outGroup).u16(encodeFlowFlags(mod.flags, version));
  w.u16(version >= V14 ? mod.importance : 0);
  encodeMatch(w, mod.match, version);
  encodeInstructions(w, mod.actions, version, hintsOf(mod.match));
}

export const FLOW_MOD_CODECS: readonly Codec[] = [
  codec(
    'flow_mod',
    { [V10]: 'm14' },
    (r, context) => ({ format: 'standard', mod: decodeMod10(r, context) }),
    (w, body) => encodeMod10(w, body.mod, body.tableInCommand ?? false),
    (body) => body.format === 'standard',
  ),
  codec(
    'flow_mod',
    always('n13'),
    (r, context) => ({ format: 'nxm', mod: decodeNxMod(r, context) }),
    (w, body, version) => encodeNxMod(w, body.mod, version, body.tableInCommand ?? false),
    (body) => body.format === 'nxm',
  ),
  codec(
    'flow_mod',
    since(V11, 'm14'),
    (r, context) => ({ format: 'standard', mod: decodeMod11(r, context) }),
    (w, body, version) => encodeMod11(w, body.mod, version),
    (body) => body.format === 'standard',
  ),
];
