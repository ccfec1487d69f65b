// Answers longer than a message, beside Open vSwitch: they come in parts, and what no part can hold is left out while the
// connection goes on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex16, message, multipart } from '../support/openflow-bytes.ts';
import { SideBySide } from '../support/side-by-side.ts';

const switches = new SideBySide();
beforeAll(() => switches.start(3));
afterAll(() => switches.stop());

const VERSIONS = ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'];
const list = (count: number, of: (index: number) => string, between = '\n') =>
  Array.from({ length: count }, (_, index) => of(index)).join(between);

/** What is in an answer of many parts, in no order. */
const contents = (text: string) =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('OFPST_') && !line.startsWith('NXST_') && !line.includes('table miss config'))
    .sort();

async function same(words: readonly string[], input = ''): Promise<string> {
  const [ours, theirs] = await switches.ofctl(words, input);
  expect(contents(ours), words.join(' ')).toEqual(contents(theirs));
  return ours;
}

describe('answers of many parts', () => {
  it('tell of groups with many buckets', async () => {
    const buckets = (group: number) =>
      list((group % 60) + 1, (n) => `bucket=weight:${n + 1},actions=mod_dl_dst:00:00:00:00:00:09,output:1`, ',');
    const groups = list(300, (group) => `group_id=${group},type=select,${buckets(group)}`);
    await same(['-O', 'OpenFlow13', 'add-groups', 'br0', '-'], groups);
    for (const version of VERSIONS) {
      const text = await same(['-O', version, 'dump-groups', 'br0']);
      expect(text.match(/group_id=/g)).toHaveLength(300);
      await same(['-O', version, 'dump-group-stats', 'br0']);
    }
    await same(['-O', 'OpenFlow13', 'del-groups', 'br0']);
  });

  it('tell of flows with many actions', async () => {
    const actions = list(1300, (index) => `set_field:${index}->reg${index % 16}`, ',');
    const flows = list(9, (index) => `priority=${index},ip,nw_src=10.0.0.${index},actions=${actions}`);
    await same(['add-flows', 'br0', '-'], flows);
    for (const version of VERSIONS) await same(['-O', version, '--no-stats', 'dump-flows', 'br0']);
    await same(['del-flows', 'br0']);
  });
});

describe('what no message can say', () => {
  const MATCH_ALL_10 = `003fffff${'00'.repeat(36)}`;
  const flowMod = (command: number, actions: string) =>
    message(1, 14, `${MATCH_ALL_10} 0000000000000000 ${hex16(command)} 0000 0000 0001 ffffffff ffff 0000 ${actions}`);
  const ALL_FLOWS_13 = `ff000000 ffffffff ffffffff 00000000 ${'00'.repeat(16)} 00010004 00000000`;

  it.each([4090, 8180])('a flow of %i actions is left out where its entry does not fit', async (count) => {
    const action = count > 5000 ? '0000 0008 0001 0000' : 'ffff 0010 00002320 0001 0001 00000000';
    await switches.exchange(1, [flowMod(0, action.replaceAll(' ', '').repeat(count))]);
    for (const version of [1, 4, 6]) {
      const flows = version === 1 ? multipart(1, 1, `${MATCH_ALL_10} ff00 ffff`) : multipart(version, 1, ALL_FLOWS_13);
      const [ours, theirs] = await switches.exchange(version, [flows]);
      expect(ours.map(({ length }) => length)).toEqual(theirs.map(({ length }) => length));
    }
    await switches.exchange(1, [flowMod(3, '')]);
  });

  it('a group that grew too long is described with the buckets that fit', async () => {
    const buckets = (first: number) => list(1500, (n) => `bucket=bucket_id:${first + n},actions=output:1`, ',');
    await same(['-O', 'OpenFlow15', 'add-group', 'br0', '-'], `group_id=1,type=all,${buckets(0)}`);
    const more = `group_id=1,command_bucket_id=last,${buckets(1500)}`;
    await same(['-O', 'OpenFlow15', 'insert-buckets', 'br0', '-'], more);
    for (const [version, fitting] of [
      ['OpenFlow10', 3000],
      ['OpenFlow13', 2047],
      ['OpenFlow15', 2729],
    ] as const) {
      const text = await switches.weftd.ofctl('-O', version, 'dump-groups', 'br0');
      expect(text.match(/bucket=/g)).toHaveLength(fitting);
    }
    await same(['-O', 'OpenFlow15', 'del-groups', 'br0']);
  });
});
