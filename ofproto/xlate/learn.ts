// learn: makes a flow-mod out of a template and the packet (ovs-actions(7), "learn").

import { type LearnFlowModSpec, type LearnSpec, OFPP, type OfAction } from '../model/actions.ts';
import {
  bigintOf,
  bytesOf,
  exactMask,
  getField,
  getSubfield,
  matchField,
  portFrom16,
  unwildcardSubfield,
} from '../model/fields.ts';
import { emptyMatch, type Match } from '../model/flow.ts';
import { type FlowMod, newFlowMod } from '../model/flow-mod.ts';
import { NX_LEARN_F_SEND_FLOW_REM } from '../model/nicira.ts';
import { prerequisitesMet, unwildcardPrerequisites } from '../model/prerequisites.ts';
import { formatActions } from '../text/format-actions.ts';
import { formatFlowMod } from '../text/format-flow-mod.ts';
import { formatMatch } from '../text/format-match.ts';
import type { XlateContext } from './context.ts';
import { writeSubfield } from './field-actions.ts';

/** Adds to the translation's side effects the flow that `spec` makes of the packet as it is now. */
export function xlateLearn(ctx: XlateContext, spec: LearnSpec): void {
  for (const { src } of spec.specs) {
    if (src instanceof Uint8Array) continue;
    unwildcardPrerequisites(ctx.wc, src.field);
    unwildcardSubfield(ctx.wc, src);
  }
  if (!spec.specs.every(({ src }) => src instanceof Uint8Array || prerequisitesMet(ctx.flow, src.field))) return;
  const mod = flowModOf(ctx, spec);
  const isFull = spec.limit !== 0 && isAtLimit(ctx, mod, spec.limit);
  if (!isFull) ctx.learned.push(mod);
  if (ctx.report.suppressesEffects) return;
  ctx.report.add('detail', () => formatFlowMod(mod));
  if (spec.resultDst) writeSubfield(ctx, spec.resultDst, isFull ? 0n : 1n);
  if (isFull) ctx.report.add('detail', () => 'Limit exceeded, learn failed');
}

/** Whether a flow more than `limit` with its cookie would be in the table (learn's limit). */
function isAtLimit(ctx: XlateContext, mod: FlowMod, limit: number): boolean {
  const table = ctx.bridge.table(mod.tableId);
  if (!table) return false;
  const just = learnedJustNow(ctx, mod.tableId);
  // To learn the same again is always allowed; to learn something else in a flow's place is not.
  const same = just.get(placeOf(mod)) ?? table.findExact(mod.match, mod.priority);
  if (same?.cookie === mod.cookie && formatActions(same.actions) === formatActions(mod.actions)) return false;
  let count = 0;
  for (const rule of table.classifier.rules()) if (rule.cookie === mod.cookie) count++;
  for (const { match, priority, cookie } of just.values()) {
    if (table.findExact(match, priority)?.cookie === mod.cookie) count--;
    if (cookie === mod.cookie) count++;
  }
  return count >= limit;
}

/** What this translation has learned for a table so far, by its place there. */
function learnedJustNow(ctx: XlateContext, tableId: number): Map<string, FlowMod> {
  return new Map(ctx.learned.filter((mod) => mod.tableId === tableId).map((mod) => [placeOf(mod), mod]));
}

const placeOf = ({ match, priority }: FlowMod): string => `${priority} ${formatMatch(match)}`;

function flowModOf(ctx: XlateContext, spec: LearnSpec): FlowMod {
  const match = emptyMatch();
  const actions: OfAction[] = [];
  if (spec.finIdleTimeout || spec.finHardTimeout) {
    actions.push({ type: 'fin_timeout', idleTimeout: spec.finIdleTimeout, hardTimeout: spec.finHardTimeout });
  }
  for (const item of spec.specs) {
    const value = valueFor(ctx, item);
    if (item.kind === 'match') addMatch(match, item, value);
    else if (item.kind === 'load') actions.push(loadOf(item, value));
    else actions.push(...outputsOf(value));
  }
  const learned = newFlowMod('add');
  return {
    ...learned,
    tableId: spec.tableId,
    priority: spec.priority,
    match,
    cookie: spec.cookie,
    idleTimeout: spec.idleTimeout,
    hardTimeout: spec.hardTimeout,
    flags: { ...learned.flags, sendFlowRem: (spec.flags & NX_LEARN_F_SEND_FLOW_REM) !== 0 },
    actions,
  };
}

function valueFor(ctx: XlateContext, { src, bits }: LearnFlowModSpec): bigint {
  const value = src instanceof Uint8Array ? bigintOf(src) : getSubfield(ctx.flow, src);
  return value & ((1n << BigInt(bits)) - 1n);
}

function shifted(item: LearnFlowModSpec, value: bigint): { value: Uint8Array; mask: Uint8Array } {
  const { field: f, ofs } = item.dst!;
  const ones = (1n << BigInt(item.bits)) - 1n;
  return { value: bytesOf(value << BigInt(ofs), f.size), mask: bytesOf(ones << BigInt(ofs), f.size) };
}

function addMatch(match: Match, item: LearnFlowModSpec, value: bigint): void {
  const { field: f } = item.dst!;
  const piece = shifted(item, value);
  // Several specs may match parts of one field.
  const mask = getField(match.mask, f).map((byte, i) => byte | piece.mask[i]!);
  const bits = getField(match.flow, f).map((byte, i) => (byte & ~piece.mask[i]!) | piece.value[i]!);
  matchField(match, f, bits, item.bits === f.bits ? exactMask(f) : mask);
}

function loadOf(item: LearnFlowModSpec, value: bigint): OfAction {
  return { type: 'set_field', field: item.dst!.field, ...shifted(item, value), form: 'reg_load' };
}

/** None for what is no port that can be output to. */
function outputsOf(value: bigint): OfAction[] {
  const port = value <= 0xffffn ? portFrom16(Number(value)) : OFPP.ANY;
  return port < OFPP.MAX || LEARNABLE_PORTS.has(port) ? [{ type: 'output', port, maxLen: 0 }] : [];
}

const LEARNABLE_PORTS: ReadonlySet<number> = new Set([OFPP.IN_PORT, OFPP.FLOOD, OFPP.LOCAL, OFPP.ALL]);
