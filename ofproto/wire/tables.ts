// Table statistics, and the configuration of tables: table-mod, and table descriptions of 1.4+.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  OFP10_VERSION,
  OFP11_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  type TableConfig,
  type TableDesc,
  type TableMiss,
  type TableStatsEntry,
  type Vacancy,
  type VacancyEvent,
} from '../model/messages.ts';
import { always, type Codec, codec, emptyCodec, entry, listCodec, since } from './codec.ts';
import { decodeProperties, encodeProperty, PROP_EXPERIMENTER } from './properties.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V12 = OFP12_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;

/** OFPTC_TABLE_MISS_* of 1.1 and 1.2 by number. */
const MISSES: readonly TableMiss[] = ['controller', 'continue', 'drop'];

const GOTO_TABLE_BIT = 1 << 1;

/** Bits of 1.1's match fields, instructions and actions that are supported, in the order of the structure. */
function encodeTable11(w: Writer, { canGoto, miss }: TableStatsEntry): void {
  w.u32(0x0000fbff).u32(0x0000fbff);
  w.u32(canGoto ? 0x3e : 0x3e & ~GOTO_TABLE_BIT)
    .u32(0x01ffe7ff)
    .u32(0x01ffe7ff);
  // Open vSwitch says the default as 0 here, which moves the others up by one.
  w.u32(miss === 'default' ? 0 : MISSES.indexOf(miss) + 1);
}

/** The same for 1.2, with OXM fields in 64 bits: match, wildcards, actions, set-fields, metadata, instructions. */
function encodeTable12(w: Writer, { canGoto, miss }: TableStatsEntry): void {
  w.u64(0x101ffffffffdn).u64(0x101ffffffffdn).u32(0x03ff8001).u32(0x03ff8001);
  w.u64(0xffffffbddn).u64(0xffffffbddn).u64(0xffffffffffffffffn).u64(0xffffffffffffffffn);
  w.u32(canGoto ? 0x3e : 0x3e & ~GOTO_TABLE_BIT).u32(Math.max(0, MISSES.indexOf(miss as TableMiss)));
}

function encodeTable(w: Writer, table: TableStatsEntry, version: number): void {
  w.u8(table.tableId);
  w.zeros(version === V11 || version === V12 ? 7 : 3);
  if (version < V13) w.text(table.name, 32);
  if (version === V10) w.u32(table.wildcards);
  if (version === V11) encodeTable11(w, table);
  if (version === V12) encodeTable12(w, table);
  if (version < V13) w.u32(table.maxEntries);
  w.u32(table.activeCount).u64(table.lookupCount).u64(table.matchedCount);
}

/** Bytes between the name and the number of entries. */
const FEATURE_BYTES: Readonly<Record<number, number>> = { [V11]: 24, [V12]: 64 };

function decodeTable(r: Reader, version: number): TableStatsEntry {
  const tableId = r.u8();
  r.skip(version === V11 || version === V12 ? 7 : 3);
  const name = version < V13 ? r.text(32) : '';
  const wildcards = version === V10 ? r.u32() : 0;
  const features = decodeTableFeatures(r, version);
  const maxEntries = version < V13 ? r.u32() : 0;
  const counts = { activeCount: r.u32(), lookupCount: r.u64(), matchedCount: r.u64() };
  return { tableId, name, wildcards, maxEntries, ...features, ...counts };
}

function decodeTableFeatures(r: Reader, version: number): Pick<TableStatsEntry, 'canGoto' | 'miss'> {
  const bytes = r.sub(FEATURE_BYTES[version] ?? 0);
  if (bytes.remaining === 0) return { canGoto: true, miss: 'default' };
  bytes.skip(version === V11 ? 8 : 56);
  const canGoto = (bytes.u32() & GOTO_TABLE_BIT) !== 0;
  if (version === V11) bytes.skip(8);
  const number = bytes.u32() - (version === V11 ? 1 : 0);
  return { canGoto, miss: MISSES[number] ?? 'default' };
}

const OFPTC_EVICTION = 1 << 2;
const OFPTC_VACANCY_EVENTS = 1 << 3;
const OFPTMPT_EVICTION = 2;
const OFPTMPT_VACANCY = 3;

/** What a table-mod says: up to 1.2 what happens to a miss, from 1.4 on eviction and vacancy events. */
function decodeMod(r: Reader, version: number): { tableId: number; config: TableConfig } {
  const tableId = r.u8();
  r.skip(3);
  const bits = r.u32();
  if (version < V13) return { tableId, config: { miss: MISSES[bits & 3] ?? 'controller' } };
  if (version < V14) return { tableId, config: {} };
  const config = { eviction: (bits & OFPTC_EVICTION) !== 0, vacancyEvents: (bits & OFPTC_VACANCY_EVENTS) !== 0 };
  return { tableId, config: { ...config, ...decodeModProperties(r, true) } };
}

/**
 * Whether a table-mod wants eviction; undefined: as it is. Open vSwitch takes the flags of an eviction property for the
 * setting itself: 1 is on, 2 off, others change nothing.
 */
export function evictionAsked({ eviction, evictionFlags }: TableConfig): boolean | undefined {
  if (evictionFlags === undefined) return eviction;
  return evictionFlags === 1 ? true : evictionFlags === 2 ? false : undefined;
}

function decodeModProperties(r: Reader, strict: boolean): Pick<TableConfig, 'evictionFlags' | 'vacancy'> {
  const found: { evictionFlags?: number; vacancy?: Vacancy } = {};
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type !== OFPTMPT_EVICTION && type !== OFPTMPT_VACANCY) {
      // Open vSwitch answers with this, not with one of the codes for properties.
      if (strict || type === PROP_EXPERIMENTER) throw new OfError('OFPBRC_BAD_TYPE');
      continue;
    }
    if (value.remaining !== 4) throw new OfError('OFPBPC_BAD_LEN');
    if (type === OFPTMPT_EVICTION) found.evictionFlags = value.u32();
    else found.vacancy = decodeVacancy(value, strict);
  }
  return found;
}

function decodeVacancy(r: Reader, strict: boolean): Vacancy {
  const vacancy = { down: r.u8(), up: r.u8(), now: r.u8() };
  r.rest();
  if (strict && (vacancy.up < vacancy.down || vacancy.up > 100 || vacancy.down > 100 || vacancy.now !== 0)) {
    throw new OfError('OFPBPC_BAD_VALUE');
  }
  return vacancy;
}

function configBits(config: TableConfig, version: number): number {
  if (version < V13) return Math.max(0, MISSES.indexOf(config.miss as TableMiss));
  if (version < V14) return 0;
  return (config.eviction ? OFPTC_EVICTION : 0) | (config.vacancyEvents ? OFPTC_VACANCY_EVENTS : 0);
}

function encodeMod(w: Writer, body: { tableId: number; config: TableConfig }, version: number): void {
  w.u8(body.tableId).zeros(3).u32(configBits(body.config, version));
  if (version >= V14) encodeModProperties(w, body.config);
}

function encodeModProperties(w: Writer, { evictionFlags, vacancy }: TableConfig): void {
  if (evictionFlags !== undefined) encodeProperty(w, OFPTMPT_EVICTION, (p) => p.u32(evictionFlags));
  if (vacancy) encodeProperty(w, OFPTMPT_VACANCY, (p) => p.u8(vacancy.down).u8(vacancy.up).u8(vacancy.now).zeros(1));
}

/** length u16 | table u8 | pad 1 | config u32 | properties */
function decodeDesc(list: Reader): TableDesc {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const bits = r.u32();
  const config = { eviction: (bits & OFPTC_EVICTION) !== 0, vacancyEvents: (bits & OFPTC_VACANCY_EVENTS) !== 0 };
  return { tableId, config: { ...config, ...decodeModProperties(r, false) } };
}

function encodeDesc(w: Writer, { tableId, config }: TableDesc): void {
  const start = w.size;
  w.u16(0).u8(tableId).zeros(1).u32(configBits(config, V14));
  encodeModProperties(w, config);
  w.patch16(start, w.size - start);
}

/** OFPTR_*: the first reason's number is 3. */
const TABLE_REASONS: readonly VacancyEvent[] = ['vacancy_down', 'vacancy_up'];
const OFPTR_VACANCY_DOWN = 3;

/** reason u8 | pad 7 | the table's description */
function decodeStatus(r: Reader): { reason: VacancyEvent; table: TableDesc } {
  const reason = TABLE_REASONS[r.u8() - OFPTR_VACANCY_DOWN];
  if (!reason) throw new OfError('OFPBPC_BAD_VALUE');
  r.skip(7);
  return { reason, table: decodeDesc(r) };
}

export const TABLE_CODECS: readonly Codec[] = [
  codec('table_mod', since(V11, 'm17'), (r, { version }) => decodeMod(r, version), encodeMod),
  emptyCodec('table_stats_request', always('q3')),
  listCodec({
    of: 'table_stats_reply',
    ids: always('r3'),
    decodeItem: decodeTable,
    encodeItem: encodeTable,
    items: (body) => body.tables,
    body: (tables, more) => ({ tables, more }),
  }),
  codec('table_status', since(V14, 'm31'), decodeStatus, (w, { reason, table }) => {
    w.u8(OFPTR_VACANCY_DOWN + TABLE_REASONS.indexOf(reason)).zeros(7);
    encodeDesc(w, table);
  }),
  emptyCodec('table_desc_request', since(V14, 'q14')),
  listCodec({
    of: 'table_desc_reply',
    ids: since(V14, 'r14'),
    decodeItem: decodeDesc,
    encodeItem: encodeDesc,
    items: (body) => body.tables,
    body: (tables, more) => ({ tables, more }),
  }),
];
