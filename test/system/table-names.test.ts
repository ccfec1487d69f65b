// Tables' names as controllers give them, in requests with table features (OpenFlow 1.3 to 1.5) that come in many parts,
// beside Open vSwitch: what is taken, what is refused with which error, and what is shown of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOrType, hex16, hex32, message } from '../support/openflow-bytes.ts';
import { SideBySide } from '../support/side-by-side.ts';

const switches = new SideBySide();
beforeAll(() => switches.start(1));
afterAll(() => switches.stop());

async function same(...args: string[]): Promise<string> {
  const [ours, theirs] = await switches.ofctl(args);
  expect(ours, args.join(' ')).toBe(theirs);
  return ours;
}

describe.each(['OpenFlow13', 'OpenFlow15'])('ovs-ofctl -O %s', (version) => {
  it('mod-table gives a table a name and takes it back', async () => {
    await same('-O', version, 'mod-table', 'br0', '3', 'name:foo');
    expect(await same('-O', version, 'dump-table-features', 'br0')).toContain('table 3 ("foo")');
    await same('-O', version, 'dump-flows', 'br0', 'table=foo');
    await same('-O', version, 'mod-table', 'br0', 'foo', `name:${'x'.repeat(40)}`);
    await same('dump-tables', 'br0');
    await same('-O', version, 'mod-table', 'br0', '3', 'name:');
    expect(await same('dump-tables', 'br0')).toContain('tables 1...253: ditto');
  });
});

interface Entry {
  readonly table?: number;
  readonly command?: number;
  readonly name?: string;
  readonly config?: number;
  readonly maxEntries?: number;
  readonly properties?: string;
}

function entry({ table = 3, command = 1, name = 'n', config = 0, maxEntries = 1_000_000, properties = '' }: Entry) {
  const byte = (value: number) => value.toString(16).padStart(2, '0');
  const text = Buffer.from(name).toString('hex').padEnd(64, '0');
  const size = 64 + properties.replaceAll(' ', '').length / 2;
  const head = `${hex16(size)} ${byte(table)} ${byte(command)} 00000000`;
  return `${head} ${text} ${'ff'.repeat(16)} ${hex32(config)} ${hex32(maxEntries)} ${properties}`;
}

const OFPMP_TABLE_FEATURES = '000c';
const request = (version: number, ...entries: Entry[]) =>
  message(version, 18, `${OFPMP_TABLE_FEATURES} 0000 00000000 ${entries.map(entry).join('')}`);

/** One of each property of OpenFlow 1.3 that a table must have. */
const COMPLETE = [0, 2, 4, 6, 8, 10, 12, 14].map((type) => `${hex16(type)} 0004 00000000`);

const CASES: readonly (readonly [what: string, ...entries: Entry[]])[] = [
  ['modify', {}],
  ['modify back', { name: '' }],
  ['modify two', { table: 5 }, { table: 6 }],
  ['replace one', { command: 0 }],
  ['enable', { command: 2 }],
  ['disable', { command: 3 }],
  ['unknown command', { command: 4 }],
  ['modify and enable', {}, { table: 4, command: 2 }],
  ['a table twice', {}, {}],
  ['another size', { maxEntries: 5 }],
  ['another size, then the table again', { maxEntries: 5 }, {}],
  ['eviction', { config: 4 }],
  ['the internal table', { table: 254 }],
  ['all tables', { table: 255 }],
  ['a good one and a bad one', {}, { table: 255 }],
  ['all properties', { properties: COMPLETE.join('') }],
  ['a property missing', { properties: COMPLETE.slice(1).join('') }],
  ['a property twice', { properties: [...COMPLETE, COMPLETE[0]].join('') }],
  ['an unknown property', { properties: `${COMPLETE.join('')} 0077 0008 00000000` }],
  ['a property past the end', { properties: '0002 0020 00000000' }],
];

describe('requests', () => {
  it.each([4, 5, 6])('of version %i are taken and refused alike', async (version) => {
    for (const [what, ...entries] of CASES) {
      const [ours, theirs] = await switches.exchange(version, [request(version, ...entries)]);
      // The answer's parts are as many as each switch likes.
      const said = (answers: string[]) => [...new Set(answers.map(errorOrType))];
      expect(said(ours), what).toEqual(said(theirs));
      await same('dump-tables', 'br0');
    }
  });
});
