// Access to match fields: look-up by name and by NXM/OXM header, and reading and writing their values in a Flow.
// Values are big-endian byte strings of the field's own size, or numbers and bigints where the caller computes.

import { assert, must } from '../../lib/assert.ts';
import type { Subfield } from './actions.ts';
import type { Field } from './field.ts';
import { FIELD_ROWS, type FieldRow } from './field-table.ts';
import type { Flow, Match } from './flow.ts';
import { KEY_VLAN0_TCI, markPresent, VLAN_CFI } from './flow.ts';

export type { Field, FieldFormat, MaskRule, Prerequisite } from './field.ts';

/** Class (upper 16 bits of a header) by the prefix of a code point's name; the longest prefix wins. */
const CLASSES: readonly (readonly [prefix: string, oxmClass: number])[] = [
  ['ERICOXM_OF_', 0x1000],
  ['OXM_OF_PKT_REG', 0x8001],
  ['OXM_OF_', 0x8000],
  ['NXM_OF_', 0x0000],
  ['NXM_NX_', 0x0001],
  ['NXOXM_NSH_', 0xffff],
  ['NXOXM_ET_', 0xffff],
];

/** Experimenter of a code point in class 0xffff, by the prefix of its name. */
const EXPERIMENTERS: readonly (readonly [prefix: string, experimenter: number])[] = [
  ['NXOXM_NSH_', 0x005ad650],
  ['NXOXM_ET_', 0x00002320],
];
const experimenterOf = (name: string): number => EXPERIMENTERS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 0;

function header(
  codePoint: readonly [name: string, number: number, ...rest: number[]] | undefined,
  size: number,
): number {
  if (!codePoint) return 0;
  const [name, number] = codePoint;
  const oxmClass = must(CLASSES.find(([prefix]) => name.startsWith(prefix)))[1];
  return ((oxmClass << 16) | (number << 9) | size) >>> 0;
}

/** A field from its row; also for tunnel metadata, whose numbers follow those of FIELDS. */
export function fieldOf(row: FieldRow, index: number): Field {
  const bits = row.bits ?? row.size * 8;
  const valid = row.valid ?? (1n << BigInt(bits)) - 1n;
  return {
    index,
    name: row.name,
    aliases: row.aliases ?? [],
    size: row.size,
    bits,
    valid,
    validNumber: row.size <= 4 ? Number(valid) : 0,
    range: row.range,
    offset: row.offset,
    width: row.width ?? row.size,
    shift: row.shift ?? 0,
    maskedWhole: row.maskedWhole,
    mask: row.mask ?? 'arbitrary',
    format: row.format ?? 'decimal',
    prerequisite: row.needs ?? 'none',
    writable: !row.readOnly,
    nxm: header(row.nxm, row.size),
    experimenter: experimenterOf(row.nxm?.[0] ?? ''),
    oxm: header(row.oxm, row.size),
    nxmName: row.nxm?.[0] ?? '',
    oxmName: row.oxm?.[0] ?? '',
    oxmVersion: row.oxm?.[2] ?? 0,
    onfExtension: row.onf ?? 0,
    tlvSlot: row.tlvSlot ?? -1,
  };
}

/** All fields, prerequisites before what needs them. */
export const FIELDS: readonly Field[] = FIELD_ROWS.map(fieldOf);

const byName = new Map<string, Field>();
/** The has-mask bit and the length, which do not identify a field. */
const LENGTH_BITS = 9;
const byHeader = new Map<number, Field>();
for (const field of FIELDS) {
  for (const name of [field.name, ...field.aliases, field.nxmName, field.oxmName]) {
    if (name !== '' && !byName.has(name)) byName.set(name, field);
  }
  if (field.nxm !== 0 && field.experimenter === 0) byHeader.set(field.nxm >>> LENGTH_BITS, field);
  if (field.oxm !== 0) byHeader.set(field.oxm >>> LENGTH_BITS, field);
}

/** The field of that name or alias; NXM_ and OXM_ names too. */
export function fieldByName(name: string): Field | undefined {
  return byName.get(name);
}

/** The field with that name, which must exist: for names written in weft's own source. */
export function field(name: string): Field {
  return must(byName.get(name), `no field ${name}`);
}

/** The field with that 32-bit NXM or OXM header; its has-mask bit and length are not looked at. */
export function fieldByHeader(nxmOrOxm: number): Field | undefined {
  return byHeader.get(nxmOrOxm >>> LENGTH_BITS);
}

const ONF_EXPERIMENTER = 0x4f4e4600;

/** The field that an experimenter's class (0xffff and a 32-bit identifier) calls `type`. */
export function fieldByExperimenter(experimenter: number, type: number): Field | undefined {
  if (experimenter === ONF_EXPERIMENTER) return type === 0 ? undefined : FIELDS.find((f) => f.onfExtension === type);
  return experimenter === 0
    ? undefined
    : FIELDS.find((f) => f.experimenter === experimenter && ((f.nxm >>> 9) & 0x7f) === type);
}

/** OpenFlow 1.0's 16-bit port number as a 32-bit one, and back: reserved ones are the top of each range. */
export function portFrom16(port: number): number {
  return port >= 0xff00 ? (port | 0xffff0000) >>> 0 : port;
}

/** 0xffff (none) for a port that 16 bits cannot say. */
export function portTo16(port: number): number {
  if (port >= 0xffffff00) return port & 0xffff;
  return port < 0xff00 ? port : 0xffff;
}

/** Bytes of a bigint, big-endian, truncated to `size`. */
export function bytesOf(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let i = size - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function bigintOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function readNumber(flow: Flow, offset: number, width: number): number {
  if (width === 4) return flow.u32(offset);
  if (width === 2) return flow.u16(offset);
  assert(width === 1, 'field is wider than a number');
  return flow.u8(offset);
}

function writeNumber(flow: Flow, offset: number, width: number, value: number): void {
  if (width === 4) flow.setU32(offset, value >>> 0);
  else if (width === 2) flow.setU16(offset, value);
  else flow.setU8(offset, value);
}

/** The value of a field of at most 4 bytes. */
export function getFieldNumber(flow: Flow, f: Field): number {
  const stored = readNumber(flow, f.offset, f.width);
  if (f.width > f.size) return portTo16(stored);
  return ((stored >>> f.shift) & f.validNumber) >>> 0;
}

/** Replaces the value of a field of at most 4 bytes, as an action does: writing a VLAN field makes a tag present. */
export function setFieldNumber(flow: Flow, f: Field, value: number): void {
  if (f.offset === KEY_VLAN0_TCI && setVlan(flow, f, value)) return;
  if (f.width > f.size) {
    writeNumber(flow, f.offset, f.width, portFrom16(value));
    return;
  }
  const mask = (Number(f.valid) << f.shift) >>> 0;
  const kept = readNumber(flow, f.offset, f.width) & ~mask;
  writeNumber(flow, f.offset, f.width, (kept | ((value << f.shift) & mask)) >>> 0);
}

const impliesTag = (f: Field): boolean => f.name === 'dl_vlan' || f.name === 'dl_vlan_pcp' || f.name === 'vlan_pcp';

/** dl_vlan, dl_vlan_pcp and vlan_pcp: values without a "present" bit, which they imply. */
function setVlan(flow: Flow, f: Field, value: number): boolean {
  const tci = flow.u16(KEY_VLAN0_TCI);
  if (f.name === 'dl_vlan') {
    flow.setU16(KEY_VLAN0_TCI, value === OFP_VLAN_NONE ? 0 : (tci & 0xe000) | VLAN_CFI | (value & 0xfff));
  } else if (impliesTag(f)) {
    flow.setU16(KEY_VLAN0_TCI, ((value & 7) << 13) | VLAN_CFI | (tci & 0xfff));
  } else {
    return false;
  }
  return true;
}

/** OpenFlow 1.0's dl_vlan for packets without a tag. */
export const OFP_VLAN_NONE = 0xffff;

/** The value of any field as a number of arbitrary size. */
export function getFieldBigint(flow: Flow, f: Field): bigint {
  if (f.size <= 4) return BigInt(getFieldNumber(flow, f));
  if (f.size === 8) return flow.u64(f.offset);
  return bigintOf(flow.bytes.subarray(f.offset, f.offset + f.size));
}

export function setFieldBigint(flow: Flow, f: Field, value: bigint): void {
  if (f.tlvSlot >= 0) markPresent(flow, f.tlvSlot);
  if (f.size <= 4) setFieldNumber(flow, f, Number(value & 0xffffffffn));
  else flow.bytes.set(bytesOf(value, f.size), f.offset);
}

/** The value of a field: a fresh array of `field.size` bytes. */
export function getField(flow: Flow, f: Field): Uint8Array {
  if (f.size > 4) return flow.bytes.slice(f.offset, f.offset + f.size);
  return bytesOf(BigInt(getFieldNumber(flow, f)), f.size);
}

export function setField(flow: Flow, f: Field, value: Uint8Array): void {
  assert(value.length === f.size, `${f.name} takes ${f.size} bytes`);
  if (f.tlvSlot >= 0) markPresent(flow, f.tlvSlot);
  if (f.size > 4) flow.bytes.set(value, f.offset);
  else setFieldNumber(flow, f, Number(bigintOf(value)));
}

/** Writes only the bits of `mask`, keeping the others: the action set_field with a mask. */
export function setFieldMasked(flow: Flow, f: Field, value: Uint8Array, mask: Uint8Array): void {
  const old = getField(flow, f);
  for (let i = 0; i < f.size; i++) old[i] = (old[i]! & ~mask[i]!) | (value[i]! & mask[i]!);
  setField(flow, f, old);
}

const exactMasks = FIELDS.map((f) => bytesOf(f.valid, f.size));

/** All ones in the bits that the field has, `field.size` bytes; shared, not to be written to. */
export const exactMask = (f: Field): Uint8Array => exactMasks[f.index] ?? bytesOf(f.valid, f.size);

/** Whether the field can have the value; of longer arrays the first `field.size` bytes are taken. */
export function isValidValue(f: Field, value: Uint8Array): boolean {
  const exact = exactMask(f);
  if (f.range && !isWithin(f.range, numberOf(value.subarray(0, f.size)))) return false;
  for (let i = 0; i < f.size; i++) if ((value[i]! & ~exact[i]!) !== 0) return false;
  return true;
}

export const isWithin = ([min, max]: readonly [number, number], value: number): boolean => min <= value && value <= max;

/** Whether matchNumber() can take the field: its value is a number that lies in a Flow as it does on the wire. */
export function isPlainNumber(f: Field): boolean {
  return f.size <= 4 && f.width === f.size && f.tlvSlot < 0 && !impliesTag(f);
}

/** matchField for plain numbers, with nothing allocated: flow-mods come by the hundred thousand. */
export function matchNumber(match: Match, f: Field, value: number, mask: number): void {
  const all = (f.validNumber << f.shift) >>> 0;
  const bits = ((mask << f.shift) & all) >>> 0;
  const { offset, width } = f;
  const wanted = (value << f.shift) & bits;
  writeNumber(match.flow, offset, width, ((readNumber(match.flow, offset, width) & ~all) | wanted) >>> 0);
  writeNumber(match.mask, offset, width, ((readNumber(match.mask, offset, width) & ~all) | bits) >>> 0);
  if (f.maskedWhole && bits === all) match.mask.bytes.fill(0xff, f.maskedWhole[0], f.maskedWhole[1]);
}

/** The number that at most 4 bytes are, big-endian. */
export function numberOf(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) value = (value << 8) | byte;
  return value >>> 0;
}

/** Marks the bits of `mask` (default: the whole field) as significant in a mask Flow: un-wildcards them. */
export function unwildcardField(maskFlow: Flow, f: Field, mask: Uint8Array = exactMask(f)): void {
  if (f.size > 4) {
    for (let i = 0; i < f.size; i++) maskFlow.bytes[f.offset + i]! |= mask[i]!;
    return;
  }
  const all = 2 ** (8 * f.width) - 1;
  const bits = f.width > f.size ? all : Number((bigintOf(mask) & f.valid) << BigInt(f.shift)) & all;
  const read = readNumber(maskFlow, f.offset, f.width) | bits;
  // As in Open vSwitch, who reads or writes a field by itself leaves of its mask only what is the field's own.
  if (f.maskedWhole) maskFlow.bytes.fill(0, f.maskedWhole[0], f.maskedWhole[1]);
  writeNumber(maskFlow, f.offset, f.width, (f.maskedWhole ? read & f.validNumber : read) >>> 0);
}

/** Restricts a match: the field's masked bits must equal `value`. What the match said about those bits before is replaced. */
export function matchField(match: Match, f: Field, value: Uint8Array, mask: Uint8Array = exactMask(f)): void {
  if (impliesTag(f)) {
    matchVlan(match, f, Number(bigintOf(value)));
    return;
  }
  if (isPlainNumber(f)) {
    matchNumber(match, f, numberOf(value), numberOf(mask));
    return;
  }
  if (f.size > 4 || f.tlvSlot >= 0) {
    matchBytes(match, f, value, mask);
    return;
  }
  const exact = exactMask(f);
  const bits = mask.map((byte, i) => byte & exact[i]!);
  clearField(match.flow, f);
  clearField(match.mask, f);
  setRaw(
    match.flow,
    f,
    value.map((byte, i) => byte & bits[i]!),
  );
  unwildcardField(match.mask, f, bits);
}

/** matchField for what no number holds; of longer arrays the first `field.size` bytes are taken. */
export function matchBytes({ flow, mask: maskFlow }: Match, f: Field, value: Uint8Array, mask: Uint8Array): void {
  const exact = exactMask(f);
  if (f.tlvSlot >= 0) {
    markPresent(flow, f.tlvSlot);
    markPresent(maskFlow, f.tlvSlot);
  }
  for (let i = 0; i < f.size; i++) {
    const bits = mask[i]! & exact[i]!;
    flow.bytes[f.offset + i] = value[i]! & bits;
    maskFlow.bytes[f.offset + i] = bits;
  }
}

/** matchField with a number, exactly. */
export function matchFieldNumber(match: Match, f: Field, value: number | bigint): void {
  if (typeof value === 'number' && impliesTag(f)) matchVlan(match, f, value);
  else if (typeof value === 'number' && isPlainNumber(f)) matchNumber(match, f, value, f.validNumber);
  else matchField(match, f, bytesOf(BigInt(value), f.size));
}

function matchVlan(match: Match, f: Field, value: number): void {
  const { flow, mask } = match;
  if (value === OFP_VLAN_NONE && f.name === 'dl_vlan') {
    flow.setU16(KEY_VLAN0_TCI, 0);
    mask.setU16(KEY_VLAN0_TCI, 0xffff);
    return;
  }
  const bits = VLAN_CFI | (f.name === 'dl_vlan' ? 0x0fff : 0xe000);
  const wanted = f.name === 'dl_vlan' ? value & 0xfff : (value & 7) << 13;
  flow.setU16(KEY_VLAN0_TCI, (flow.u16(KEY_VLAN0_TCI) & ~bits) | VLAN_CFI | wanted);
  mask.setU16(KEY_VLAN0_TCI, mask.u16(KEY_VLAN0_TCI) | bits);
}

/** Like setField, but for matches: no VLAN tag is implied. */
function setRaw(flow: Flow, f: Field, value: Uint8Array): void {
  if (f.size > 4) {
    flow.bytes.set(value, f.offset);
    return;
  }
  const number = Number(bigintOf(value));
  const bits = f.width > f.size ? portFrom16(number) : (number << f.shift) >>> 0;
  writeNumber(flow, f.offset, f.width, (readNumber(flow, f.offset, f.width) | bits) >>> 0);
}

function clearField(flow: Flow, f: Field): void {
  if (f.size > 4) {
    flow.bytes.fill(0, f.offset, f.offset + f.size);
    return;
  }
  const bits = f.width === f.size ? Number(f.valid) << f.shift : -1;
  writeNumber(flow, f.offset, f.width, (readNumber(flow, f.offset, f.width) & ~bits) >>> 0);
}

/** Whether a mask has any bit of the field: fieldMask() with nothing allocated, for loops over all fields. */
export function isMatched(maskFlow: Flow, f: Field): boolean {
  if (f.width > f.size) return readNumber(maskFlow, f.offset, f.width) !== 0;
  if (f.size <= 4) return ((readNumber(maskFlow, f.offset, f.width) >>> f.shift) & f.validNumber) !== 0;
  for (let offset = f.offset; offset < f.offset + f.size; offset++) if (maskFlow.bytes[offset] !== 0) return true;
  return false;
}

/** The field's bits in a mask Flow, `field.size` bytes: all zero when the match says nothing about it. */
export function fieldMask(maskFlow: Flow, f: Field): Uint8Array {
  if (f.width === f.size) return getField(maskFlow, f);
  return readNumber(maskFlow, f.offset, f.width) === 0 ? new Uint8Array(f.size) : exactMask(f);
}

const onesBelow = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
/** Open vSwitch 3.1 has matches and writes of this field, but reads nothing of it. */
export const readsAsZero = (f: Field): boolean => f.name === 'nd_options_type';

/** What actions read. */
const readFieldBigint = (flow: Flow, f: Field): bigint => (readsAsZero(f) ? 0n : getFieldBigint(flow, f));

/** The bits of a subfield, right-aligned. */
export function getSubfield(flow: Flow, sub: Subfield): bigint {
  return (readFieldBigint(flow, sub.field) >> BigInt(sub.ofs)) & onesBelow(sub.bits);
}

/** Writes the low `sub.bits` bits of `value` into the subfield. */
export function setSubfield(flow: Flow, sub: Subfield, value: bigint): void {
  const mask = onesBelow(sub.bits) << BigInt(sub.ofs);
  const kept = readFieldBigint(flow, sub.field) & ~mask;
  setFieldBigint(flow, sub.field, kept | ((value << BigInt(sub.ofs)) & mask));
}

/** The bits of a subfield as a mask of the whole field, `field.size` bytes. */
export function subfieldMask(sub: Subfield): Uint8Array {
  return bytesOf(onesBelow(sub.bits) << BigInt(sub.ofs), sub.field.size);
}

/** Un-wildcards the bits that a subfield names. */
export function unwildcardSubfield(maskFlow: Flow, sub: Subfield): void {
  unwildcardField(maskFlow, sub.field, subfieldMask(sub));
}
