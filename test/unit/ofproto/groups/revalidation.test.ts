// What a changed group or meter makes of the megaflows that were made with it, and that others are left alone.
import { describe, expect, it } from 'vitest';
import { KEY_DP_HASH, KEY_RECIRC_ID } from '../../../../ofproto/model/flow.ts';
import type { GroupCommand } from '../../../../ofproto/model/groups.ts';
import { parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import { parseMeterMod } from '../../../../ofproto/text/parse-meter.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

const UDP = 'in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,udp_src=1,udp_dst=2';
const TCP = 'in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tcp_src=1,tcp_dst=2';

class GroupFixture extends SwitchFixture {
  group(text: string, command: GroupCommand = 'add'): void {
    this.br0.resources.groupMod(parseGroupMod(text, command));
  }

  /** Datapath actions of all megaflows, once they are right. */
  async settled(): Promise<string[]> {
    await this.br0.barrier();
    return this.megaflows().map((text) => text.replace(/.*actions:/, ''));
  }

  /** How many megaflows `change` has translated again. */
  async translations(change: () => void): Promise<number> {
    await this.br0.barrier();
    const { snapshot } = this.br0;
    const { table } = snapshot;
    let count = 0;
    Object.assign(snapshot, {
      table: (id: number) => {
        if (id === 0) count++;
        return table(id);
      },
    });
    change();
    await this.br0.barrier();
    Object.assign(snapshot, { table });
    return count;
  }
}

/** Megaflows of UDP, which goes to group 1, and of TCP, which does not. */
function fixtureWith(action: string, ...groups: string[]): GroupFixture {
  const fixture = new GroupFixture();
  for (const group of groups) fixture.group(group);
  fixture.flowMod(`udp,actions=${action}`);
  fixture.flowMod('tcp,actions=output:4');
  for (const packet of [UDP, TCP]) fixture.dpif.miss(fixture.key(packet));
  return fixture;
}

describe('a changed group', () => {
  it.each([
    ['named by a rule', 'group:1', ['group_id=1,type=indirect,bucket=output:2'], 'group_id=1,type=indirect,bucket='],
    [
      'in an action set',
      'write_actions(group:1)',
      ['group_id=1,type=indirect,bucket=output:2'],
      'group_id=1,type=indirect,bucket=',
    ],
    [
      'that another group sends to',
      'group:1',
      ['group_id=2,type=indirect,bucket=output:2', 'group_id=1,type=all,bucket=group:2'],
      'group_id=2,type=indirect,bucket=',
    ],
  ])('%s: its megaflows alone are translated again', async (_, action, groups, changed) => {
    const fixture = fixtureWith(action, ...groups);
    expect(await fixture.settled()).toEqual(['2', '4']);
    expect(await fixture.translations(() => fixture.group(`${changed}output:3`, 'modify'))).toBe(1);
    expect(await fixture.settled()).toEqual(['3', '4']);
  });

  it('that a bucket of another watches', async () => {
    const fixture = fixtureWith(
      'group:1',
      'group_id=2,type=ff,bucket=watch_port:2,output:2',
      'group_id=1,type=ff,bucket=watch_group:2,output:2,bucket=watch_port:3,output:3',
    );
    expect(await fixture.settled()).toEqual(['2', '4']);
    const change = () => fixture.group('group_id=2,type=ff', 'modify');
    expect(await fixture.translations(change)).toBe(1);
    expect(await fixture.settled()).toEqual(['3', '4']);
  });

  it('with packets that come back to it', async () => {
    const fixture = fixtureWith('group:1', 'group_id=1,type=select,bucket=output:2');
    const [first] = await fixture.settled();
    const again = fixture.key(UDP);
    const view = new DataView(again.buffer);
    view.setUint32(KEY_RECIRC_ID, Number(/recirc\((0x[0-9a-f]+)\)/.exec(first!)?.[1]));
    view.setUint32(KEY_DP_HASH, 7);
    fixture.dpif.miss(again);
    expect((await fixture.settled()).at(-1)).toBe('2');
    fixture.group('group_id=1,type=select,bucket=output:3', 'modify');
    expect((await fixture.settled()).at(-1)).toBe('3');
  });

  it('that is as it was, since the transaction did not last', async () => {
    const fixture = fixtureWith('group:1', 'group_id=1,type=indirect,bucket=output:2');
    const change = () =>
      fixture.br0.atomically(() => {
        fixture.group('group_id=1', 'delete');
        throw new Error('taken back');
      });
    expect(change).toThrow('taken back');
    expect(await fixture.settled()).toEqual(['2', '4']);
  });
});

describe('a changed meter', () => {
  it('keeps its number in the datapath: no megaflow is translated again', async () => {
    const fixture = new GroupFixture();
    fixture.br0.resources.meterMod(parseMeterMod('meter=1,pktps,bands=type=drop,rate=10', 'add'));
    fixture.flowMod('udp,actions=meter:1,output:2');
    fixture.dpif.miss(fixture.key(UDP));
    const before = await fixture.settled();
    const change = () =>
      fixture.br0.resources.meterMod(parseMeterMod('meter=1,pktps,bands=type=drop,rate=20', 'modify'));
    expect(await fixture.translations(change)).toBe(0);
    expect(await fixture.settled()).toEqual(before);
  });
});
