// The learn action as Open vSwitch prints it.

import type { LearnFlowModSpec, LearnSpec, Subfield } from '../model/actions.ts';
import { bigintOf, bytesOf, exactMask } from '../model/fields.ts';
import { NX_LEARN_F_DELETE_LEARNED, NX_LEARN_F_SEND_FLOW_REM } from '../model/nicira.ts';
import { formatFieldValue } from './field-values.ts';
import { OFP_DEFAULT_PRIORITY } from './format-match.ts';
import { hex } from './lexer.ts';
import { formatTable, type Names } from './ports.ts';
import { formatSubfield } from './subfields.ts';

/** `learn(table=1,...)`. */
export function formatLearn(spec: LearnSpec, names: Names): string {
  const parts = [`table=${formatTable(spec.tableId, names)}`];
  if (spec.idleTimeout) parts.push(`idle_timeout=${spec.idleTimeout}`);
  if (spec.hardTimeout) parts.push(`hard_timeout=${spec.hardTimeout}`);
  if (spec.finIdleTimeout) parts.push(`fin_idle_timeout=${spec.finIdleTimeout}`);
  if (spec.finHardTimeout) parts.push(`fin_hard_timeout=${spec.finHardTimeout}`);
  if (spec.priority !== OFP_DEFAULT_PRIORITY) parts.push(`priority=${spec.priority}`);
  if (spec.flags & NX_LEARN_F_SEND_FLOW_REM) parts.push('send_flow_rem');
  if (spec.flags & NX_LEARN_F_DELETE_LEARNED) parts.push('delete_learned');
  if (spec.cookie !== 0n) parts.push(`cookie=${hex(spec.cookie)}`);
  if (spec.limit) parts.push(`limit=${spec.limit}`);
  if (spec.resultDst) parts.push(`result_dst=${formatSubfield(spec.resultDst)}`);
  for (const item of spec.specs) parts.push(formatSpec(item, names));
  return `learn(${parts.join(',')})`;
}

function formatSpec({ kind, bits, src, dst }: LearnFlowModSpec, names: Names): string {
  if (src instanceof Uint8Array) return formatImmediate(kind, bits, src, dst!, names);
  if (kind === 'output') return `output:${formatSubfield(src)}`;
  if (kind === 'load') return `load:${formatSubfield(src)}->${formatSubfield(dst!)}`;
  const same = dst!.field === src.field && dst!.ofs === src.ofs;
  return same ? formatSubfield(dst!) : `${formatSubfield(dst!)}=${formatSubfield(src)}`;
}

function formatImmediate(kind: string, bits: number, src: Uint8Array, dst: Subfield, names: Names): string {
  const value = bigintOf(src) & ((1n << BigInt(bits)) - 1n);
  if (kind === 'load') return `load:${hex(value)}->${formatSubfield(dst)}`;
  const f = dst.field;
  if (dst.ofs !== 0 || dst.bits !== f.bits) return `${formatSubfield(dst)}=${hex(value)}`;
  return `${f.name}=${formatFieldValue(f, bytesOf(value, f.size), exactMask(f), names)}`;
}
