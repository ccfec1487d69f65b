// Bundles beside Open vSwitch: the raw requests and every answer to them, and the real ovs-ofctl's commands that use them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ofMessage, SideBySide } from '../support/side-by-side.ts';

const switches = new SideBySide();
const dir = mkdtempSync(join(tmpdir(), 'weft-bundles-'));

beforeAll(() => switches.start());
afterAll(async () => {
  await switches.stop();
  rmSync(dir, { recursive: true, force: true });
});

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** The messages of one version: 1.3 has them as ONF's extension. */
function messagesOf(version: 4 | 5 | 6) {
  const onf = (type: number, subtype: number, body: string, xid?: number) =>
    version === 4
      ? ofMessage(version, 4, `4f4e4600 ${hex(subtype, 8)} ${body}`, xid)
      : ofMessage(version, type, body, xid);
  const control = (kind: number) => (id: number, flags: number, xid?: number) =>
    onf(33, 2300, `${hex(id, 8)} ${hex(kind, 4)} ${hex(flags, 4)}`, xid);
  const flow = (xid: number, how: { table?: number; flags?: number; match?: string; instructions?: string } = {}) =>
    ofMessage(
      version,
      14,
      `${'00'.repeat(16)} ${hex(how.table ?? 0, 2)} 00 0000 0000 0001 ffffffff ffffffff ffffffff ${hex(how.flags ?? 0, 4)} 0000
       ${how.match ?? '0001000400000000'} ${how.instructions ?? ''}`.replaceAll(/\s/g, ''),
      xid,
    );
  const portMod = (xid: number, port: number) =>
    ofMessage(
      version,
      16,
      `${hex(port, 8)} 00000000 000000000000 0000 00000000 00000000 ${version === 4 ? '00000000 00000000' : '0000 0008 00000000'}`,
      xid,
    );
  return {
    open: control(0),
    close: control(2),
    commit: control(4),
    discard: control(6),
    reply: control(1),
    add: (id: number, flags: number, message: string) =>
      onf(34, 2301, `${hex(id, 8)} 0000 ${hex(flags, 4)} ${message}`, Number.parseInt(message.slice(8, 16), 16)),
    addAs: (xid: number, id: number, flags: number, message: string) =>
      onf(34, 2301, `${hex(id, 8)} 0000 ${hex(flags, 4)} ${message}`, xid),
    flow,
    portMod,
  };
}

type Messages = ReturnType<typeof messagesOf>;

/** In OXM: in_port=1, which every match of everything overlaps. */
const IN_PORT_1 = '0001 000c 80000004 00000001 00000000';
const GOTO_1 = '0001 0008 01 000000';

const CASES: readonly (readonly [what: string, messages: (m: Messages) => string[]])[] = [
  ['opens one twice', (m) => [m.open(1, 3), m.open(1, 3), m.commit(1, 3)]],
  ['names one that is not there', (m) => [m.close(9, 3), m.discard(9, 3), m.commit(9, 3)]],
  ['says what only a switch may say', (m) => [m.reply(9, 3)]],
  ['closes with other flags', (m) => [m.open(2, 1), m.close(2, 3), m.close(2, 1)]],
  ['closes twice', (m) => [m.open(3, 1), m.close(3, 1), m.close(3, 1), m.close(3, 1)]],
  ['adds to a closed one', (m) => [m.open(4, 1), m.close(4, 1), m.add(4, 1, m.flow(0x21)), m.commit(4, 1)]],
  ['commits with other flags', (m) => [m.open(5, 1), m.commit(5, 2), m.commit(5, 1)]],
  ['adds with another xid', (m) => [m.open(6, 1), m.addAs(0x11, 6, 1, m.flow(0x12)), m.commit(6, 1)]],
  ['adds with other flags', (m) => [m.open(7, 1), m.add(7, 3, m.flow(0x21)), m.commit(7, 1)]],
  ['adds what cannot be bundled', (m) => [m.open(8, 1), m.add(8, 1, ofMessage(4, 20)), m.add(8, 1, ofMessage(4, 2))]],
  [
    'adds half a message',
    (m) => [m.addAs(0x11, 9, 2, '040e'), m.addAs(0x11, 9, 2, '040e00c800000011 00000000 00000000')],
  ],
  ['adds without opening', (m) => [m.add(10, 3, m.flow(0x31, { table: 3 })), m.commit(10, 3)]],
  [
    'adds a message that is wrong by itself',
    (m) => [m.add(11, 3, m.flow(0x23, { table: 2, instructions: GOTO_1 })), m.commit(11, 3)],
  ],
  [
    'has a message that fails',
    (m) => [
      m.open(12, 3),
      m.add(12, 3, m.flow(0x21, { table: 1 })),
      m.add(12, 3, m.flow(0x24, { table: 1, flags: 2, match: IN_PORT_1 })),
      m.commit(12, 3, 0x77),
    ],
  ],
  ['is atomic and has a port-mod', (m) => [m.add(13, 3, m.portMod(0x41, 1)), m.commit(13, 3)]],
  [
    'has a port-mod that fails',
    (m) => [m.add(14, 2, m.flow(0x43, { table: 5 })), m.add(14, 2, m.portMod(0x41, 99)), m.commit(14, 2)],
  ],
  ['is discarded', (m) => [m.open(15, 3), m.add(15, 3, m.flow(0x21, { table: 9 })), m.discard(15, 3), m.commit(15, 3)]],
];

describe.each([4, 5, 6] as const)('a bundle of version %i', (version) => {
  it.each(CASES)('%s', async (_, messages) => {
    const m = messagesOf(version);
    const wanted = messages(m).map((text) => text.replaceAll(' ', ''));
    const [ours, theirs] = await switches.exchange(version, wanted);
    expect(ours).toEqual(theirs);
  });

  it('leaves the same flows as with Open vSwitch', async () => {
    const [ours, theirs] = await switches.ofctl(['-O', 'OpenFlow13', '--no-stats', 'dump-flows', 'br0']);
    expect(ours).toBe(theirs);
  });
});

describe('ovs-ofctl --bundle', () => {
  async function same(args: readonly string[], input = ''): Promise<void> {
    const [ours, theirs] = await switches.ofctl(args, input);
    expect(ours, args.join(' ')).toBe(theirs);
  }
  const dump = () => same(['-O', 'OpenFlow13', 'dump-flows', 'br0']);

  it('adds, changes and deletes flows as one', async () => {
    await same(['del-flows', 'br0']);
    const lines = ['table=1,priority=5,tcp actions=output:1', 'modify table=1,tcp actions=drop', 'table=2 actions=2'];
    await same(['-O', 'OpenFlow13', '--bundle', 'add-flows', 'br0', '-'], [...lines, 'delete table=2'].join('\n'));
    await dump();
    await same(['-O', 'OpenFlow13', '--bundle', 'add-flow', 'br0', 'table=4,ip actions=1']);
    await same(['-O', 'OpenFlow13', '--bundle', '--strict', 'del-flows', 'br0', 'table=4,ip']);
    await dump();
  });

  it('replaces flows', async () => {
    const file = join(dir, 'flows');
    writeFileSync(file, 'table=1,priority=5,tcp actions=output:2\ntable=6,udp actions=1\n');
    await same(['-O', 'OpenFlow13', '--bundle', 'replace-flows', 'br0', file]);
    await dump();
  });

  it('undoes everything when one flow is refused', async () => {
    const lines = ['table=1,priority=5,tcp,in_port=1 actions=1', 'modify actions=drop', 'delete table=6'];
    const overlap = 'table=1,priority=5,check_overlap,in_port=1 actions=2';
    await same(['-O', 'OpenFlow13', '--bundle', 'add-flows', 'br0', '-'], [...lines, overlap].join('\n'));
    await dump();
  });

  it('sends packets out on the tables as they are at that point', async () => {
    const lines = ['flow add table=0,priority=9,in_port=2 actions=output:1', 'flow delete table=6'];
    await same(['-O', 'OpenFlow13', 'bundle', 'br0', '-'], lines.join('\n'));
    await dump();
  });
});
