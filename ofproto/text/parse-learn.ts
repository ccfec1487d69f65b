// The learn action from ovs-ofctl's syntax: `learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])`.

import { UserError } from '../../lib/errors.ts';
import type { LearnFlowModSpec, LearnSpec, Subfield } from '../model/actions.ts';
import { bigintOf, bytesOf, fieldByName } from '../model/fields.ts';
import { NX_LEARN_F_DELETE_LEARNED, NX_LEARN_F_SEND_FLOW_REM, NX_LEARN_F_WRITE_RESULT } from '../model/nicira.ts';
import { parseFieldValue } from './field-values.ts';
import { OFP_DEFAULT_PRIORITY } from './format-match.ts';
import { type KeyValue, keyValues, parseInteger, parseU64 } from './lexer.ts';
import { type Names, parseTable } from './ports.ts';
import { parseSubfield, splitArrow } from './subfields.ts';

type Draft = { -readonly [K in keyof LearnSpec]: LearnSpec[K] } & { specs: LearnFlowModSpec[]; readonly text: string };

/** As atoi(3) would take it: what does not fit is cut off. */
const lowBits = (text: string, bits: number): number => Number(BigInt.asUintN(bits, parseInteger(text) ?? 0n));

const OPTIONS: Readonly<Record<string, (draft: Draft, value: string, names: Names) => void>> = {
  table: (draft, value, names) => {
    draft.tableId = parseTable(value, names);
    if (draft.tableId === 255) throw new UserError(`${draft.text}: table id 255 not valid for \`learn' action`);
  },
  priority: (draft, value) => {
    draft.priority = lowBits(value, 16);
  },
  idle_timeout: (draft, value) => {
    draft.idleTimeout = lowBits(value, 16);
  },
  hard_timeout: (draft, value) => {
    draft.hardTimeout = lowBits(value, 16);
  },
  fin_idle_timeout: (draft, value) => {
    draft.finIdleTimeout = lowBits(value, 16);
  },
  fin_hard_timeout: (draft, value) => {
    draft.finHardTimeout = lowBits(value, 16);
  },
  cookie: (draft, value) => {
    draft.cookie = parseU64(value);
  },
  limit: (draft, value) => {
    draft.limit = lowBits(value, 32);
  },
  send_flow_rem: (draft) => {
    draft.flags |= NX_LEARN_F_SEND_FLOW_REM;
  },
  delete_learned: (draft) => {
    draft.flags |= NX_LEARN_F_DELETE_LEARNED;
  },
  result_dst: (draft, value) => {
    draft.resultDst = parseSubfield(value);
    if (!draft.resultDst.field.writable) throw new UserError(`${value} is read-only`);
    draft.flags |= NX_LEARN_F_WRITE_RESULT;
    if (draft.resultDst.bits !== 1) throw new UserError("result_dst in 'learn' action must be a single bit");
  },
};

/** Parses the text between learn's parentheses. Throws UserError. */
export function parseLearn(text: string, names: Names): LearnSpec {
  const draft: Draft = {
    idleTimeout: 0,
    hardTimeout: 0,
    priority: OFP_DEFAULT_PRIORITY,
    cookie: 0n,
    flags: 0,
    tableId: 1,
    finIdleTimeout: 0,
    finHardTimeout: 0,
    limit: 0,
    specs: [],
    text,
  };
  for (const item of keyValues(text)) {
    const option = Object.hasOwn(OPTIONS, item.key) ? OPTIONS[item.key] : undefined;
    if (option) option(draft, item.value, names);
    else draft.specs.push(known(text, parseSpec(text, item, names)));
  }
  const { text: _, ...spec } = draft;
  return spec;
}

/** learn has no room for the headers of experimenters' fields. */
function known(text: string, spec: LearnFlowModSpec): LearnFlowModSpec {
  for (const sub of [spec.dst, spec.src]) {
    if (!sub || sub instanceof Uint8Array || sub.field.experimenter === 0) continue;
    throw new UserError(`${text}: experimenter OXM field '${sub.field.name}' not supported`);
  }
  return spec;
}

function parseSpec(text: string, item: KeyValue, names: Names): LearnFlowModSpec {
  if (item.key === 'load') return parseLoadSpec(item.value);
  if (item.key === 'output') {
    const src = parseSubfield(item.value);
    return { kind: 'output', bits: src.bits, src };
  }
  const f = fieldByName(item.key);
  const dst = f ? { field: f, ofs: 0, bits: f.bits } : bracketed(item.key);
  if (!dst) throw new UserError(`${text}: unknown keyword ${item.key}`);
  const src = item.hasValue ? matchSource(text, item, dst, f !== undefined, names) : dst;
  return { kind: 'match', bits: dst.bits, src, dst };
}

/** A subfield with brackets, undefined when the text has none. */
function bracketed(text: string): Subfield | undefined {
  return text.includes('[') ? parseSubfield(text) : undefined;
}

/** What a learned flow's match takes its value from: a field of the packet, or an immediate. */
function matchSource(
  text: string,
  { key, value }: KeyValue,
  dst: Subfield,
  whole: boolean,
  names: Names,
): Subfield | Uint8Array {
  const field = trySubfield(value);
  if (typeof field !== 'string') {
    if (field.bits === dst.bits) return field;
    throw new UserError(`${text}: bit widths of ${key} (${field.bits}) and ${value} (${dst.bits}) differ`);
  }
  const number = parseInteger(value);
  if (!whole && number !== undefined && number < 1n << BigInt(dst.bits)) return immediate(number, dst.bits);
  try {
    const parsed = parseFieldValue(dst.field, value, names);
    return immediate(bigintOf(parsed.value) >> BigInt(dst.ofs), dst.bits);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${text}: ${key} value ${value} cannot be parsed as a subfield (${field}) or an immediate value (${error.message})`,
    );
  }
}

/** The subfield, or why it is none. */
function trySubfield(text: string): Subfield | string {
  try {
    return parseSubfield(text);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const immediate = (value: bigint, bits: number): Uint8Array => bytesOf(value, Math.ceil(bits / 8));

function parseLoadSpec(text: string): LearnFlowModSpec {
  const parts = splitArrow(text);
  if (!parts) throw new UserError(`load: missing \`->' in \`${text}'`);
  const dst = parseSubfield(parts[1]);
  const number = parseInteger(parts[0]);
  if (number !== undefined) {
    if (number >= 1n << BigInt(dst.bits)) {
      throw new UserError(`${text}: value 0x${number.toString(16)} does not fit into ${dst.bits} bits`);
    }
    return { kind: 'load', bits: dst.bits, src: immediate(number, dst.bits), dst };
  }
  const src = parseSubfield(parts[0]);
  if (src.bits !== dst.bits) {
    throw new UserError(`${text}: source field is ${src.bits} bits wide but destination is ${dst.bits} bits wide`);
  }
  return { kind: 'load', bits: dst.bits, src, dst };
}
