// Random transactions on a few tables of Open_vSwitch: mostly sound, some wrong in every way that a client can be.
// All uuids come from small pools, so that two servers that are given the same list can be compared to the letter.
import type { Json, JsonObject } from '../../src/json-rpc/json.ts';

/** A small seeded generator (mulberry32): the same list for the same seed, everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const POOL = 6;
const TABLES = ['Open_vSwitch', 'Bridge', 'Port', 'Interface', 'Mirror', 'QoS', 'Queue', 'Flow_Sample_Collector_Set'];

function uuidOf(table: string, index: number): string {
  const tag = (TABLES.indexOf(table) + 1).toString(16).padStart(4, '0');
  return `${index.toString(16).padStart(8, '0')}-${tag}-4000-8000-000000000000`;
}

type Make = (g: TransactionGenerator) => Json;

const some =
  (make: Make, max = 3): Make =>
  (g) => ['set', [...new Map(g.times(max, () => make(g)).map((item) => [JSON.stringify(item), item])).values()]];
const name: Make = (g) => g.pick([...'abcdefghijklmnopqrst', '']);
const flag: Make = (g) => g.pick([true, false]);
const integer =
  (low: number, high: number): Make =>
  (g) =>
    low + g.below(high - low + 1);
const ref =
  (table: string): Make =>
  (g) =>
    g.chance(0.02) ? ['named-uuid', g.pick(['x', 'y'])] : ['uuid', g.uuid(table)];
const optional =
  (make: Make): Make =>
  (g) =>
    g.chance(0.3) ? ['set', []] : make(g);
const mapOf =
  (key: Make, value: Make): Make =>
  (g) => [
    'map',
    [...new Map(g.times(3, () => key(g)).map((item) => [JSON.stringify(item), item])).values()].map((k) => [
      k,
      value(g),
    ]),
  ];
const ids = mapOf(
  (g) => g.pick(['k', 'l', 'm']),
  (g) => g.pick(['1', '2', 'true', 'ü"']),
);

const COLUMNS: Readonly<Record<string, Readonly<Record<string, Make>>>> = {
  Open_vSwitch: {
    bridges: some(ref('Bridge'), 4),
    next_cfg: integer(-3, 9),
    external_ids: ids,
    ovs_version: optional(name),
    statistics: ids,
    manager_options: () => ['set', []],
  },
  Bridge: {
    name,
    ports: some(ref('Port'), 4),
    mirrors: some(ref('Mirror')),
    flood_vlans: some(integer(0, 12)),
    fail_mode: optional((g) => g.pick(['secure', 'standalone'])),
    protocols: some((g) => g.pick(['OpenFlow10', 'OpenFlow13'])),
    stp_enable: flag,
    status: ids,
  },
  Port: {
    name,
    interfaces: (g) =>
      g.chance(0.3) ? ref('Interface')(g) : ['set', unique([ref('Interface')(g), ref('Interface')(g)])],
    tag: optional(integer(0, 4095)),
    trunks: some(integer(0, 12)),
    qos: optional(ref('QoS')),
    bond_updelay: integer(-5, 5),
  },
  Interface: {
    name,
    type: name,
    options: ids,
    ofport_request: optional(integer(1, 65279)),
    statistics: mapOf(name, integer(0, 99)),
    ingress_policing_rate: integer(0, 5),
  },
  Mirror: {
    name,
    select_src_port: some(ref('Port')),
    output_port: optional(ref('Port')),
    snaplen: optional(integer(14, 99)),
  },
  QoS: { type: name, queues: mapOf(integer(0, 4), ref('Queue')), external_ids: ids },
  Queue: { dscp: optional(integer(0, 63)), external_ids: ids },
  Flow_Sample_Collector_Set: { id: integer(0, 4), bridge: ref('Bridge'), external_ids: ids },
};

const JUNK: readonly Json[] = [
  1,
  -1,
  70000,
  1.5,
  'x',
  true,
  null,
  {},
  [],
  ['set', []],
  ['set', ['a', 'a']],
  ['set', 1],
];
const JUNK_MORE: readonly Json[] = [
  [
    'map',
    [
      ['k', '1'],
      ['k', '2'],
    ],
  ],
  ['uuid', 'x'],
  ['named-uuid', 'x'],
  ['map', [['k']]],
  ['set', [1, 2]],
];

const NUMBERS = ['next_cfg', 'tag', 'bond_updelay', 'ofport_request', 'ingress_policing_rate', 'snaplen', 'dscp', 'id'];
/** Columns whose default refers to no row. */
const REQUIRED = ['interfaces', 'bridge', 'name'];
const KINDS = [
  'insert',
  'insert',
  'insert',
  'update',
  'update',
  'mutate',
  'mutate',
  'mutate',
  'delete',
  'select',
  'wait',
  'comment',
];

export class TransactionGenerator {
  /** Rows that the database has, by table; the caller keeps it true, so that most references lead somewhere. */
  alive: Readonly<Record<string, readonly string[]>> = {};
  #inserted: Record<string, string[]> = {};
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = random(seed);
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  times<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max + 1) }, make);
  }

  /** Usually a row that is there or that this transaction has inserted. */
  uuid(table: string): string {
    const there = [...(this.alive[table] ?? []), ...(this.#inserted[table] ?? [])];
    return there.length > 0 && this.chance(0.95) ? this.pick(there) : uuidOf(table, this.below(POOL));
  }

  #freshUuid(table: string): string {
    const taken = new Set([...(this.alive[table] ?? []), ...(this.#inserted[table] ?? [])]);
    const free = Array.from({ length: POOL }, (_, i) => uuidOf(table, i)).filter((uuid) => !taken.has(uuid));
    const uuid = free.length > 0 && this.chance(0.97) ? this.pick(free) : uuidOf(table, this.below(POOL));
    this.#inserted[table] = [...(this.#inserted[table] ?? []), uuid];
    return uuid;
  }

  /** One to six operations. */
  transaction(): Json[] {
    this.#inserted = {};
    const operations = [this.#operation(), ...this.times(5, () => this.#operation())];
    // A row's references are chosen among those that were inserted before it, so leaves come first.
    // Most rows only live while a root leads to them.
    if (this.chance(0.7)) operations.push(this.#adopt());
    return operations;
  }

  #adopt(): JsonObject {
    const bridges = this.times(POOL, () => ['uuid', this.uuid('Bridge')]);
    return {
      op: 'mutate',
      table: 'Open_vSwitch',
      where: [],
      mutations: [['bridges', 'insert', ['set', unique(bridges)]]],
    };
  }

  #operation(): JsonObject {
    const table = this.chance(0.03) ? 'Open_vSwitch' : this.pick(TABLES.slice(1));
    const where = this.#where(table);
    switch (this.chance(0.03) ? 'odd' : this.pick(KINDS)) {
      case 'insert':
        return this.#insert(table);
      case 'update':
        return { op: 'update', table, where, row: this.#row(table, 0.3, ['name']) };
      case 'mutate':
        return {
          op: 'mutate',
          table,
          where,
          mutations: [this.#mutation(table), ...this.times(1, () => this.#mutation(table))],
        };
      case 'delete':
        return { op: 'delete', table, where };
      case 'wait':
        return this.#wait(table, where);
      case 'select':
        return { op: 'select', table, where, columns: this.#columns(table) };
      case 'comment':
        return { op: 'comment', comment: 'c' };
      default:
        return this.#odd(table, where);
    }
  }

  #insert(table: string): JsonObject {
    const named = this.chance(0.05) ? { 'uuid-name': this.pick(['x', 'y']) } : {};
    const row = this.#row(table, 0.6, [], REQUIRED);
    return { op: 'insert', table, uuid: this.#freshUuid(table), row, ...named };
  }

  #odd(table: string, where: Json): JsonObject {
    return this.pick<() => JsonObject>([
      () => ({ op: 'abort' }),
      () => ({ op: 'assert', lock: this.pick(['held', 'free', '1']) }),
      () => ({ op: 'commit', durable: this.pick([true, false]) }),
      () => ({ op: 'select', table, where: 1 }),
      () => ({ op: 'nope' }),
      () => ({ op: 'select', table, where, extra: 1 }),
      () => ({ op: 'delete', table: 'Nope', where }),
      () => ({ op: 'update', table, where, row: { name: 'z', nope: 1 } }),
      () => ({ op: 'update', table, where, row: { _uuid: ['uuid', this.uuid(table)] } }),
      () => ({ op: 'comment', comment: 1 }),
    ])();
  }

  #value(table: string, column: string): Json {
    if (this.chance(0.01)) return this.pick([...JUNK, ...JUNK_MORE]);
    return COLUMNS[table]![column]!(this);
  }

  #row(table: string, share: number, without: readonly string[], required: readonly string[] = []): JsonObject {
    const row: Record<string, Json> = {};
    for (const [column, make] of Object.entries(COLUMNS[table]!)) {
      const wanted = without.includes(column) ? 0.02 : required.includes(column) ? 0.95 : share;
      if (this.chance(wanted)) row[column] = make(this);
    }
    // At most one wrong value in a row: of several, which one a server complains about is its own choice.
    if (this.chance(0.02)) row[this.pick(Object.keys(COLUMNS[table]!))] = this.pick([...JUNK, ...JUNK_MORE]);
    return row;
  }

  #columns(table: string): Json[] {
    const all = Object.keys(COLUMNS[table]!);
    return unique([this.pick(all), this.pick(all), ...(this.chance(0.5) ? ['_uuid'] : [])]);
  }

  #where(table: string): Json[] {
    if (this.chance(0.4)) return [['_uuid', '==', ['uuid', this.uuid(table)]]];
    return this.times(2, () => this.#clause(table));
  }

  #clause(table: string): Json {
    if (this.chance(0.03)) return this.pick<Json>([true, false, 1, ['nope', '==', 1], ['_uuid', '==', 1]]);
    const column = this.pick(Object.keys(COLUMNS[table]!));
    return [column, this.#operator(column), this.#value(table, column)];
  }

  /** Ordering only for numbers, but for a few. */
  #operator(column: string): string {
    if (this.chance(0.01)) return '~';
    const ordering = NUMBERS.includes(column) || this.chance(0.02);
    return this.pick(['==', '!=', 'includes', 'excludes', ...(ordering ? ['<', '<=', '>', '>='] : [])]);
  }

  #mutation(table: string): Json {
    const column = this.pick(
      Object.keys(COLUMNS[table]!).filter(
        (each) => this.chance(0.05) || !['name', 'type', 'fail_mode', 'stp_enable'].includes(each),
      ),
    );
    if (NUMBERS.includes(column) || this.chance(0.03))
      return [column, this.pick(['+=', '-=', '*=', '/=', '%=']), this.pick([0, 1, 2, -1, 7])];
    return [column, this.chance(0.01) ? '~' : this.pick(['insert', 'delete']), this.#value(table, column)];
  }

  #wait(table: string, where: Json): JsonObject {
    const columns = this.#columns(table).filter((column) => column !== '_uuid');
    const rows = this.times(2, () =>
      Object.fromEntries(columns.map((column) => [String(column), this.#value(table, String(column))])),
    );
    return { op: 'wait', table, where, columns, until: this.chance(0.1) ? '==' : '!=', rows, timeout: 0 };
  }
}

function unique<T extends Json>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}
