// Table statistics and features as ovs-ofctl prints them: a table that is like the one before it is "ditto".

import {
  type ActionFeatures,
  OFP14_VERSION,
  type TableFeatureSet,
  type TableFeatures,
  type TableStatsEntry,
} from '../../../ofproto/model/messages.ts';

const tableTitle = (id: number, name: string) => `  table ${id}${name === '' ? '' : ` ("${name}")`}:`;
const hex64 = (value: bigint) => `0x${value.toString(16)}`;

/** Runs of tables that print nothing new. */
class Dittos {
  #first = -1;
  #last = -1;

  add(id: number): void {
    if (this.#first < 0) this.#first = id;
    this.#last = id;
  }

  /** The line for the run so far. */
  flush(): string {
    if (this.#first < 0) return '';
    const [first, last] = [this.#first, this.#last];
    this.#first = -1;
    return first === last ? `  table ${first}: ditto\n` : `  tables ${first}...${last}: ditto\n`;
  }
}

/** What `of(table)` prints, or ditto, for each table; a blank line after each but a last ditto. */
function withDittos<T extends { readonly tableId: number }>(
  tables: readonly T[],
  same: (a: T, b: T) => boolean,
  print: (table: T, previous: T | undefined) => string,
): string {
  const dittos = new Dittos();
  const blocks: string[] = [];
  let previous: T | undefined;
  for (const table of tables) {
    if (previous && same(previous, table)) {
      dittos.add(table.tableId);
    } else {
      const run = dittos.flush();
      blocks.push(run === '' ? '' : `${run}\n`, `${print(table, previous)}\n`);
    }
    previous = table;
  }
  const run = dittos.flush();
  return run === '' ? blocks.join('').replace(/\n$/, '') : blocks.join('') + run;
}

/** OFPFW_* bits as ovs-ofctl names them, in its order. */
const WILDCARDS10: readonly (readonly [bit: number, name: string])[] = [
  [1 << 0, 'in_port'],
  [1 << 2, 'eth_src'],
  [1 << 3, 'eth_dst'],
  [1 << 4, 'eth_type'],
  [1 << 1, 'vlan_vid'],
  [1 << 20, 'vlan_pcp'],
  [0x3f << 8, 'ip_src'],
  [0x3f << 14, 'ip_dst'],
  [1 << 5, 'nw_proto'],
  [1 << 21, 'nw_tos'],
  [1 << 6, 'tcp_src'],
  [1 << 7, 'tcp_dst'],
];

export function formatTableStats(tables: readonly TableStatsEntry[], version: number): string {
  const sameFeatures = (a: TableStatsEntry, b: TableStatsEntry) =>
    a.wildcards === b.wildcards && a.maxEntries === b.maxEntries;
  const same = (a: TableStatsEntry, b: TableStatsEntry) =>
    sameFeatures(a, b) &&
    a.activeCount === b.activeCount &&
    a.lookupCount === b.lookupCount &&
    a.matchedCount === b.matchedCount;
  return withDittos(tables, same, (table, previous) => {
    let out = `${tableTitle(table.tableId, table.name)}\n`;
    out += `    active=${table.activeCount}, lookup=${table.lookupCount}, matched=${table.matchedCount}\n`;
    if (version !== 1) return out;
    if (previous && sameFeatures(previous, table)) return `${out}    (same features)\n`;
    const fields = WILDCARDS10.filter(([bits]) => table.wildcards & bits).map(([, name]) => name);
    return `${out}    max_entries=${table.maxEntries}\n    matching:\n      exact match or wildcard: ${braced(fields)}\n`;
  });
}

/** Instructions and actions by number, as they are called in features. */
const INSTRUCTIONS: Readonly<Record<number, string>> = {
  1: 'goto_table',
  2: 'write_metadata',
  3: 'write_actions',
  4: 'apply_actions',
  5: 'clear_actions',
  6: 'meter',
};
const INSTRUCTION_ORDER = [6, 4, 5, 3, 2, 1];
const ACTIONS: readonly (readonly [number: number, name: string])[] = [
  [0, 'output'],
  [22, 'group'],
  [25, 'set_field'],
  [18, 'strip_vlan'],
  [17, 'push_vlan'],
  [23, 'mod_nw_ttl'],
  [24, 'dec_ttl'],
  [15, 'set_mpls_ttl'],
  [16, 'dec_mpls_ttl'],
  [19, 'push_mpls'],
  [20, 'pop_mpls'],
  [21, 'set_queue'],
];

export function formatTableFeatures(tables: readonly TableFeatures[], version: number): string {
  const text = (value: unknown) =>
    JSON.stringify(value, (key, item: unknown) =>
      key === 'tableId' ? undefined : typeof item === 'bigint' ? String(item) : item,
    );
  // Every table can go to the later ones only: that alone does not make it different.
  const comparable = ({ nonmiss, miss, ...rest }: TableFeatures) => {
    const open = (set: TableFeatureSet) => ({ ...set, nextTables: set.nextTables.length > 0 });
    return text({ ...rest, nonmiss: open(nonmiss), miss: open(miss) });
  };
  const same = (a: TableFeatures, b: TableFeatures) => comparable(a) === comparable(b);
  return withDittos(tables, same, (table, previous) => printFeatures(table, previous, version));
}

function printFeatures(table: TableFeatures, previous: TableFeatures | undefined, version: number): string {
  const lines = [
    tableTitle(table.tableId, table.name),
    `    metadata: match=${hex64(table.metadataMatch)} write=${hex64(table.metadataWrite)}`,
    ...(version >= OFP14_VERSION ? capabilityLines(table.config) : []),
    `    max_entries=${table.maxEntries}`,
    ...instructionLines(table.nonmiss, previous?.nonmiss),
  ];
  lines.push(...matchLines(table, previous));
  return `${lines.join('\n')}\n`;
}

/** OFPTC_* bits of 1.4 that a table may be configured with. */
function capabilityLines(config: number): string[] {
  const supported = (bit: number) => `${config & bit ? '' : 'not '}supported`;
  return [`    eviction: ${supported(OFPTC_EVICTION)}`, `    vacancy events: ${supported(OFPTC_VACANCY_EVENTS)}`];
}

const OFPTC_EVICTION = 1 << 2;
const OFPTC_VACANCY_EVENTS = 1 << 3;

function instructionLines(set: TableFeatureSet, previous: TableFeatureSet | undefined): string[] {
  // Every table can go to the later ones only: that alone makes no other instructions.
  const without = (one: TableFeatureSet) => JSON.stringify({ ...one, nextTables: one.nextTables.length > 0 });
  if (previous && without(previous) === without(set)) return ['    (same instructions)'];
  const lines = ['    instructions (table miss and others):'];
  if (set.nextTables.length > 0) lines.push(`      next tables: ${ranges(set.nextTables)}`);
  const names = INSTRUCTION_ORDER.filter((id) => set.instructions.includes(id)).map((id) => INSTRUCTIONS[id]);
  lines.push(`      instructions: ${names.join(' ')}`);
  const sameActions = previous && JSON.stringify(previous.apply) === JSON.stringify(set.apply);
  if (sameActions) return [...lines, '      (same actions)'];
  return [...lines, '      Write-Actions and Apply-Actions features:', ...actionLines(set.apply)];
}

function actionLines({ actions, setFields }: ActionFeatures): string[] {
  const names = ACTIONS.filter(([id]) => actions.includes(id)).map(([, name]) => name);
  return [`        actions: ${names.join(' ')}`, `        supported on Set-Field: ${braced(setFields)}`];
}

function matchLines(table: TableFeatures, previous: TableFeatures | undefined): string[] {
  const lists = ({ match, mask, wildcard }: TableFeatures) => JSON.stringify([match, mask, wildcard]);
  if (previous && lists(previous) === lists(table)) return ['    (same matching)'];
  const lines = ['    matching:'];
  const exact = table.match.filter((name) => !table.mask.includes(name));
  if (table.mask.length > 0) lines.push(`      arbitrary mask: ${braced(table.mask)}`);
  if (exact.length > 0) lines.push(`      exact match or wildcard: ${braced(exact)}`);
  return lines;
}

/** `1-3,7` */
function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let end = i;
    while (numbers[end + 1] === numbers[end]! + 1) end++;
    parts.push(end > i ? `${numbers[i]}-${numbers[end]}` : `${numbers[i]}`);
    i = end + 1;
  }
  return parts.join(',');
}

/** Names with shared beginnings folded: `eth_src eth_dst` is `eth_{src,dst}`, `reg0 reg1 reg2` is `reg0...reg2`. */
export function braced(names: readonly string[]): string {
  return fold(names).join(' ');
}

function fold(names: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < names.length; ) {
    const numbered = numberedRun(names, i);
    if (numbered > 1) {
      out.push(`${names[i]}...${names[i + numbered - 1]}`);
      i += numbered;
      continue;
    }
    const prefix = prefixOf(names[i]!);
    let end = i + 1;
    while (prefix !== '' && end < names.length && prefixOf(names[end]!) === prefix) end++;
    const rest = names.slice(i, end).map((name) => name.slice(prefix.length));
    out.push(end - i > 1 ? `${prefix}{${fold(rest).join(',')}}` : names[i]!);
    i = end;
  }
  return out;
}

/** Up to and with the first underscore; empty when there is none. */
function prefixOf(name: string): string {
  return name.slice(0, name.indexOf('_') + 1);
}

/** How many names from `start` on count up: reg0, reg1, ... */
function numberedRun(names: readonly string[], start: number): number {
  const [, stem, number] = /^(.*?)(\d+)$/.exec(names[start]!) ?? [];
  if (stem === undefined || number === undefined) return 1;
  let run = 1;
  while (names[start + run] === `${stem}${Number(number) + run}`) run++;
  return run > 2 ? run : 1;
}
