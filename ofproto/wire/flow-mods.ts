// Flow-mod and flow-removed messages: OpenFlow 1.0, Nicira's NXM forms on it, and OpenFlow 1.3.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import { KEY_VLAN0_TCI, type Match, VLAN_CFI } from '../model/flow.ts';
import {
  type FlowMod,
  type FlowModCommand,
  type FlowModFlags,
  type FlowRemoved,
  type FlowRemovedReason,
  OfError,
} from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP13_VERSION } from '../model/messages.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { type Codec, codec, type DecodeContext } from './codec.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { decodeMatch10, encodeMatch10 } from './match10.ts';
import { type CookieMatch, decodeMatch13, decodeOxm, encodeMatch13, encodeOxm } from './oxm.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;
const ANY_TABLE = 255;
const ALL_ONES = 0xffffffffffffffffn;

const COMMANDS: readonly FlowModCommand[] = ['add', 'modify', 'modify_strict', 'delete', 'delete_strict'];

function commandOf(number: number): FlowModCommand {
  const command = COMMANDS[number];
  if (!command) throw new OfError('OFPFMFC_BAD_COMMAND');
  return command;
}

const OFPFF_SEND_FLOW_REM = 1 << 0;
const OFPFF_CHECK_OVERLAP = 1 << 1;
/** In 1.0 this bit asks for an emergency flow, which nobody has. */
const OFPFF_RESET_COUNTS = 1 << 2;
const OFPFF_NO_PKT_COUNTS = 1 << 3;
const OFPFF_NO_BYT_COUNTS = 1 << 4;

/** The flags of a message. Throws OfError OFPFMFC_BAD_FLAGS for bits that mean nothing. */
export function decodeFlowFlags(bits: number, version: number): FlowModFlags {
  const of10 = version === V10;
  if (bits & ~(of10 ? 3 : 0x1f)) throw new OfError('OFPFMFC_BAD_FLAGS');
  return {
    sendFlowRem: (bits & OFPFF_SEND_FLOW_REM) !== 0,
    checkOverlap: (bits & OFPFF_CHECK_OVERLAP) !== 0,
    resetCounts: (bits & OFPFF_RESET_COUNTS) !== 0,
    noPktCounts: (bits & OFPFF_NO_PKT_COUNTS) !== 0,
    noBytCounts: (bits & OFPFF_NO_BYT_COUNTS) !== 0,
  };
}

export function encodeFlowFlags(flags: FlowModFlags, version: number): number {
  const of10 = (flags.sendFlowRem ? OFPFF_SEND_FLOW_REM : 0) | (flags.checkOverlap ? OFPFF_CHECK_OVERLAP : 0);
  if (version === V10) return of10;
  return (
    of10 |
    (flags.resetCounts ? OFPFF_RESET_COUNTS : 0) |
    (flags.noPktCounts ? OFPFF_NO_PKT_COUNTS : 0) |
    (flags.noBytCounts ? OFPFF_NO_BYT_COUNTS : 0)
  );
}

/** What a match says about VLAN tags when actions are written: see encodeActions(). */
export const matchHasVlan = (match: Match): boolean => (match.flow.u16(KEY_VLAN0_TCI) & VLAN_CFI) !== 0;

/** A 1.0 command word with NXT_FLOW_MOD_TABLE_ID: table in the high byte. */
function splitCommand(word: number, { flowModTableId }: DecodeContext): { command: FlowModCommand; tableId: number } {
  if (!flowModTableId) return { command: commandOf(word), tableId: ANY_TABLE };
  return { command: commandOf(word & 0xff), tableId: word >> 8 };
}

/** The command word for a table; 255 means that no table was asked for, which needs no extension. */
function joinCommand({ command, tableId }: FlowMod, withTable: boolean): number {
  const number = COMMANDS.indexOf(command);
  return withTable ? (tableId << 8) | number : number;
}

/**
 * What 1.0 leaves out. A cookie is the new flow's, or replaces that of modified flows; an add of 1.0 zeroes the
 * counters of the flow it replaces.
 */
function mod10(
  command: FlowModCommand,
  newCookie: bigint | undefined,
  selects: CookieMatch,
  flags: FlowModFlags,
): Pick<FlowMod, 'cookie' | 'cookieMask' | 'newCookie' | 'outGroup' | 'importance' | 'flags'> {
  const adds = command === 'add';
  const given = newCookie ?? (adds ? 0n : undefined);
  return {
    cookie: adds ? (given ?? 0n) : selects.cookie,
    cookieMask: adds ? 0n : selects.cookieMask,
    ...(given !== undefined && { newCookie: given }),
    outGroup: OFPP.ANY,
    importance: 0,
    flags: adds ? { ...flags, resetCounts: true } : flags,
  };
}

/** idle u16 | hard u16 | priority u16 | buffer u32 | out_port u16 | flags u16, shared by both forms on 1.0. */
function decodeTail10(r: Reader, command: FlowModCommand) {
  const times = { idleTimeout: r.u16(), hardTimeout: r.u16(), priority: r.u16(), bufferId: r.u32() };
  const port = portFrom16(r.u16());
  const outPort = command.startsWith('delete') ? port : OFPP.ANY;
  return { ...times, outPort, flags: decodeFlowFlags(r.u16(), V10) };
}

function encodeTail10(w: Writer, mod: FlowMod): void {
  w.u16(mod.idleTimeout).u16(mod.hardTimeout).u16(mod.priority).u32(mod.bufferId);
  w.u16(portTo16(mod.outPort)).u16(encodeFlowFlags(mod.flags, V10));
}

function decodeMod10(r: Reader, context: DecodeContext): FlowMod {
  const match = decodeMatch10(r);
  const cookie = r.u64();
  const { command, tableId } = splitCommand(r.u16(), context);
  const tail = decodeTail10(r, command);
  const actions = decodeActions(r, V10);
  const selects = { cookie: 0n, cookieMask: 0n };
  return { command, tableId, match, ...tail, ...mod10(command, cookie, selects, tail.flags), actions };
}

/** `withTable` of the encoders: a table was named, so the sender has switched NXT_FLOW_MOD_TABLE_ID on. */
function encodeMod10(w: Writer, mod: FlowMod, withTable: boolean): void {
  encodeMatch10(w, mod.match);
  w.u64(mod.newCookie ?? 0n).u16(joinCommand(mod, withTable));
  encodeTail10(w, mod);
  encodeActions(w, mod.actions, V10, matchHasVlan(mod.match));
}

function decodeNxMod(r: Reader, context: DecodeContext): FlowMod {
  const cookie = r.u64();
  const { command, tableId } = splitCommand(r.u16(), context);
  const tail = decodeTail10(r, command);
  const matchLen = r.u16();
  r.skip(6);
  const { match, ...selects } = decodeNxMatch(r, matchLen);
  const actions = decodeActions(r, V10);
  const newCookie = cookie === ALL_ONES ? undefined : cookie;
  return { command, tableId, match, ...tail, ...mod10(command, newCookie, selects, tail.flags), actions };
}

function encodeNxMod(w: Writer, mod: FlowMod, withTable: boolean): void {
  w.u64(mod.newCookie ?? ALL_ONES).u16(joinCommand(mod, withTable));
  encodeTail10(w, mod);
  const lengthAt = w.size;
  w.u16(0).zeros(6);
  const start = w.size;
  encodeOxm(w, mod.match, V10, mod.command === 'add' ? undefined : mod);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
  encodeActions(w, mod.actions, V10, matchHasVlan(mod.match));
}

/** An nx_match of `length` bytes, padded to 8. */
export function decodeNxMatch(r: Reader, length: number): { match: Match } & CookieMatch {
  const padded = (length + 7) & ~7;
  if (padded > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  const bytes = r.take(length);
  r.skip(padded - length);
  return decodeOxm(bytes, { cookie: true });
}

function decodeMod13(r: Reader): FlowMod {
  const given = { cookie: r.u64(), cookieMask: r.u64() };
  const tableId = r.u8();
  const command = commandOf(r.u8());
  const times = { idleTimeout: r.u16(), hardTimeout: r.u16(), priority: r.u16(), bufferId: r.u32() };
  const out = { outPort: r.u32(), outGroup: r.u32() };
  const flags = decodeFlowFlags(r.u16(), V13);
  r.skip(2);
  const adds = command === 'add';
  if (adds && given.cookieMask !== 0n) given.cookieMask = 0n;
  if (tableId === ANY_TABLE && !command.startsWith('delete')) throw new OfError('OFPFMFC_BAD_TABLE_ID');
  const selected = command.startsWith('delete') ? out : { outPort: OFPP.ANY, outGroup: OFPP.ANY };
  const match = decodeMatch13(r);
  const actions = decodeInstructions(r, V13);
  return {
    command,
    tableId,
    match,
    ...given,
    cookie: adds ? given.cookie : given.cookie & given.cookieMask,
    ...(adds && { newCookie: given.cookie }),
    ...times,
    ...selected,
    importance: 0,
    flags,
    actions,
  };
}

function encodeMod13(w: Writer, mod: FlowMod): void {
  const adds = mod.command === 'add';
  const anyTable = mod.tableId === ANY_TABLE && !mod.command.startsWith('delete');
  w.u64(adds ? (mod.newCookie ?? mod.cookie) : mod.cookie).u64(adds ? 0n : mod.cookieMask);
  w.u8(anyTable ? 0 : mod.tableId).u8(COMMANDS.indexOf(mod.command));
  w.u16(mod.idleTimeout).u16(mod.hardTimeout).u16(mod.priority).u32(mod.bufferId);
  w.u32(mod.outPort).u32(mod.outGroup).u16(encodeFlowFlags(mod.flags, V13)).zeros(2);
  encodeMatch13(w, mod.match, V13);
  encodeInstructions(w, mod.actions, V13, matchHasVlan(mod.match));
}

const REMOVED_REASONS: readonly FlowRemovedReason[] = [
  'idle_timeout',
  'hard_timeout',
  'delete',
  'group_delete',
  'eviction',
];

function reasonOf(number: number): FlowRemovedReason {
  return REMOVED_REASONS[number] ?? 'delete';
}

const durationOf = (r: Reader): number => r.u32() * 1000 + r.u32() / 1e6;

/** Seconds and nanoseconds. */
export function encodeDuration(w: Writer, ms: number): void {
  w.u32(Math.floor(ms / 1000)).u32(Math.floor((ms % 1000) * 1e6));
}
export { durationOf as decodeDuration };

/** Members of FlowRemoved that no version transmits. */
const UNSAID = {
  importance: 0,
  flags: decodeFlowFlags(0, V10),
  actions: [],
  idleAgeMs: -1,
  hardAgeMs: -1,
} as const;

function decodeRemoved10(r: Reader): FlowRemoved {
  const match = decodeMatch10(r);
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()) };
  r.skip(1);
  const durationMs = durationOf(r);
  const idleTimeout = r.u16();
  r.skip(2);
  const counts = { packets: r.u64(), bytes: r.u64() };
  return { ...UNSAID, match, ...head, durationMs, idleTimeout, hardTimeout: 0, tableId: ANY_TABLE, ...counts };
}

function encodeRemoved10(w: Writer, body: FlowRemoved): void {
  encodeMatch10(w, body.match);
  w.u64(body.cookie).u16(body.priority).u8(reasonNumber(body, V10)).zeros(1);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout).zeros(2).u64(body.packets).u64(body.bytes);
}

/** 1.0 knows the first three reasons only. */
function reasonNumber({ reason }: FlowRemoved, version: number): number {
  const number = REMOVED_REASONS.indexOf(reason);
  return version === V10 && number > 2 ? 2 : number;
}

/** NXT_FLOW_REMOVED has the table plus one, 0 for unknown. */
function decodeNxRemoved(r: Reader): FlowRemoved {
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()), tableId: (r.u8() - 1) & 0xff };
  const durationMs = durationOf(r);
  const idleTimeout = r.u16();
  const matchLen = r.u16();
  const counts = { packets: r.u64(), bytes: r.u64() };
  const { match } = decodeNxMatch(r, matchLen);
  return { ...UNSAID, match, ...head, durationMs, idleTimeout, hardTimeout: 0, ...counts };
}

function encodeNxRemoved(w: Writer, body: FlowRemoved): void {
  w.u64(body.cookie)
    .u16(body.priority)
    .u8(reasonNumber(body, V10))
    .u8((body.tableId + 1) & 0xff);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout);
  const lengthAt = w.size;
  w.u16(0).u64(body.packets).u64(body.bytes);
  const start = w.size;
  encodeOxm(w, body.match, V10);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeRemoved13(r: Reader): FlowRemoved {
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()), tableId: r.u8() };
  const durationMs = durationOf(r);
  const rest = { idleTimeout: r.u16(), hardTimeout: r.u16(), packets: r.u64(), bytes: r.u64() };
  return { ...UNSAID, ...head, durationMs, ...rest, match: decodeMatch13(r) };
}

function encodeRemoved13(w: Writer, body: FlowRemoved): void {
  w.u64(body.cookie).u16(body.priority).u8(reasonNumber(body, V13)).u8(body.tableId);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout).u16(body.hardTimeout).u64(body.packets).u64(body.bytes);
  encodeMatch13(w, body.match, V13);
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
    { [V10]: 'n13' },
    (r, context) => ({ format: 'nxm', mod: decodeNxMod(r, context) }),
    (w, body) => encodeNxMod(w, body.mod, body.tableInCommand ?? false),
    (body) => body.format === 'nxm',
  ),
  codec(
    'flow_mod',
    { [V13]: 'm14' },
    (r) => ({ format: 'standard', mod: decodeMod13(r) }),
    (w, body) => encodeMod13(w, body.mod),
  ),
  codec(
    'flow_removed',
    { [V10]: 'm11' },
    (r) => ({ format: 'standard', removed: decodeRemoved10(r) }),
    (w, body) => encodeRemoved10(w, body.removed),
    (body) => body.format === 'standard',
  ),
  codec(
    'flow_removed',
    { [V10]: 'n14' },
    (r) => ({ format: 'nxm', removed: decodeNxRemoved(r) }),
    (w, body) => encodeNxRemoved(w, body.removed),
    (body) => body.format === 'nxm',
  ),
  codec(
    'flow_removed',
    { [V13]: 'm11' },
    (r) => ({ format: 'standard', removed: decodeRemoved13(r) }),
    (w, body) => encodeRemoved13(w, body.removed),
  ),
];
