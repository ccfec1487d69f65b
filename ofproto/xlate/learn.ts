// learn: makes a flow-mod out of a template and the packet (ovs-actions(7), "learn").

import type { LearnFlowModSpec, LearnSpec, OfAction } from '../model/actions.ts';
import {
  bigintOf,
  bytesOf,
  exactMask,
  getField,
  getSubfield,
  matchField,
  unwildcardSubfield,
} from '../model/fields.ts';
import { emptyMatch, type Match } from '../model/flow.ts';
import { type FlowMod, newFlowMod } from '../model/flow-mod.ts';
import { NX_LEARN_F_SEND_FLOW_REM } from '../model/nicira.ts';
import { prerequisitesMet, unwildcardPrerequisites } from '../model/prerequisites.ts';
import type { XlateContext } from './context.ts';

const ALL_BUFFERS = 0xffff;

/** Adds to the translation's side effects the flow that `spec` makes of the packet as it is now. */
export function xlateLearn(ctx: XlateContext, spec: LearnSpec): void {
  for (const { src } of spec.specs) {
    if (src instanceof Uint8Array) continue;
    unwildcardPrerequisites(ctx.wc, src.field);
    unwildcardSubfield(ctx.wc, src);
  }
  if (!spec.specs.every(({ src }) => src instanceof Uint8Array || prerequisitesMet(ctx.flow, src.field))) return;
  ctx.learned.push(flowModOf(ctx, spec));
}

function flowModOf(ctx: XlateContext, spec: LearnSpec): FlowMod {
  const match = emptyMatch();
  const actions: OfAction[] = [];
  for (const item of spec.specs) {
    const value = valueFor(ctx, item);
    if (item.kind === 'match') addMatch(match, item, value);
    else actions.push(item.kind === 'load' ? loadOf(item, value) : outputOf(value));
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
  return { type: 'set_field', field: item.dst!.field, ...shifted(item, value), asLoad: true };
}

function outputOf(value: bigint): OfAction {
  return { type: 'output', port: Number(value & 0xffffffffn), maxLen: ALL_BUFFERS };
}
