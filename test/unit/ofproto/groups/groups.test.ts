// Groups through a whole bridge: commands and their errors, what packets do, counters, and what goes with a group.
import { describe, expect, it } from 'vitest';
import { KEY_DP_HASH, KEY_RECIRC_ID } from '../../../../ofproto/model/flow.ts';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';
import { type GroupCommand, OFPG } from '../../../../ofproto/model/groups.ts';
import { formatDpActions } from '../../../../ofproto/odp-text/format-actions.ts';
import { formatGroup, formatGroupStats } from '../../../../ofproto/text/format-group.ts';
import { parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

class GroupFixture extends SwitchFixture {
  group(text: string, command: GroupCommand = 'add'): void {
    this.br0.resources.groupMod(parseGroupMod(text, command));
  }

  groups(): string[] {
    return this.br0.resources.groups(OFPG.ALL).map((group) => formatGroup(group, { withIds: true }));
  }

  groupStats(): string[] {
    return this.br0.resources.groupStats(OFPG.ALL).map(formatGroupStats);
  }

  /** The code that a group-mod is refused with. */
  refusal(text: string, command: GroupCommand = 'add'): string | undefined {
    try {
      this.group(text, command);
    } catch (error) {
      if (error instanceof OfError) return error.code;
      throw error;
    }
    return undefined;
  }

  /** Datapath actions of the packet's translation. */
  actions(key: Uint8Array): string {
    return formatDpActions(this.dpif.miss(key).actions);
  }
}

const UDP = 'in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,udp_src=1,udp_dst=2';

/** The key of a packet that comes back. */
function recirculated(key: Uint8Array, id: number, dpHash: number): Uint8Array {
  const again = key.slice();
  const view = new DataView(again.buffer);
  view.setUint32(KEY_RECIRC_ID, id);
  view.setUint32(KEY_DP_HASH, dpHash);
  return again;
}

const idIn = (actions: string) => Number(/recirc\((0x[0-9a-f]+)\)/.exec(actions)?.[1]);

describe('group commands', () => {
  it('add, modify and delete', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=2,type=all,bucket=output:2');
    expect(fixture.refusal('group_id=2,type=all')).toBe('OFPGMFC_GROUP_EXISTS');
    expect(fixture.refusal('group_id=3,type=all', 'modify')).toBe('OFPGMFC_UNKNOWN_GROUP');
    fixture.group('group_id=2,type=select,bucket=weight=3,output:3', 'modify');
    fixture.group('group_id=1,type=indirect,bucket=output:1', 'add_or_mod');
    expect(fixture.groups()).toEqual([
      'group_id=1,type=indirect,bucket=bucket_id:0,actions=output:1',
      'group_id=2,type=select,bucket=bucket_id:0,weight:3,actions=output:3',
    ]);
    fixture.group('group_id=2', 'delete');
    fixture.group('group_id=2', 'delete');
    expect(fixture.groups()).toHaveLength(1);
    fixture.group('group_id=all', 'delete');
    expect(fixture.groups()).toEqual([]);
  });

  it('insert and remove buckets', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=2,type=all,bucket=output:1');
    fixture.group('group_id=2,command_bucket_id=last,bucket=bucket_id:5,output:4', 'insert_bucket');
    fixture.group('group_id=2,command_bucket_id=first,bucket=bucket_id:6,output:4', 'insert_bucket');
    fixture.group('group_id=2,command_bucket_id=5,bucket=bucket_id:8,output:3', 'insert_bucket');
    const ids = () => fixture.br0.resources.groups(2)[0]!.buckets.map((bucket) => bucket.bucketId);
    expect(ids()).toEqual([6, 0, 5, 8]);
    const insert = (place: string) => fixture.refusal(`group_id=2,command_bucket_id=${place}`, 'insert_bucket');
    expect(insert('77,bucket=bucket_id:9,output:3')).toBe('OFPGMFC_UNKNOWN_BUCKET');
    expect(insert('last,bucket=bucket_id:5,output:3')).toBe('OFPGMFC_BUCKET_EXISTS');
    const remove = (place: string) => fixture.refusal(`group_id=2,command_bucket_id=${place}`, 'remove_bucket');
    expect(remove('55')).toBe('OFPGMFC_UNKNOWN_BUCKET');
    expect([remove('5'), remove('first'), remove('last')]).toEqual([undefined, undefined, undefined]);
    expect(ids()).toEqual([0]);
    expect([remove('all'), remove('first')]).toEqual([undefined, undefined]);
    expect(ids()).toEqual([]);
  });

  it('refuses flows whose group does not exist, and deletes them with it', () => {
    const fixture = new GroupFixture();
    const reasons: string[] = [];
    fixture.br0.subscribe({
      packetIn: () => {},
      portStatus: () => {},
      flowRemoved: ({ reason }) => reasons.push(reason),
    });
    expect(() => fixture.flowMod('actions=group:1')).toThrow('OFPBAC_BAD_OUT_GROUP');
    fixture.group('group_id=1,type=all');
    fixture.flowMod('udp,send_flow_rem,actions=write_actions(group:1)');
    fixture.flowMod('tcp,actions=output:1');
    expect(fixture.stats('out_group=1')).toHaveLength(1);
    expect(fixture.br0.resources.groupStats(1)[0]!.refCount).toBe(1);
    fixture.group('group_id=1', 'delete');
    expect(reasons).toEqual(['group_delete']);
    expect(fixture.stats()).toHaveLength(1);
  });

  it('count every action that names them', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=all');
    fixture.flowMod('udp,actions=group:1,clone(group:1,group:1),write_actions(group:1)');
    fixture.flowMod('tcp,actions=group:1');
    expect(fixture.br0.resources.groupStats(1)[0]!.refCount).toBe(5);
    fixture.flowMod('udp,actions=group:1');
    expect(fixture.br0.resources.groupStats(1)[0]!.refCount).toBe(2);
  });

  it('are undone with the transaction that they are part of', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=all,bucket=output:1');
    fixture.flowMod('actions=group:1');
    const [groups, flows] = [fixture.groups(), fixture.stats().length];
    const change = () =>
      fixture.br0.atomically(() => {
        fixture.group('group_id=2,type=all');
        fixture.group('group_id=1', 'delete');
        fixture.group('group_id=1,type=ff');
        throw new OfError('OFPBFC_MSG_FAILED');
      });
    expect(change).toThrow('OFPBFC_MSG_FAILED');
    expect([fixture.groups(), fixture.stats().length]).toEqual([groups, flows]);
    expect(fixture.br0.resources.groupStats(1)[0]!.refCount).toBe(1);
    expect(fixture.actions(fixture.key(UDP.replace('in_port=1', 'in_port=2')))).toBe('1');
  });
});

describe('a select group by dp_hash', () => {
  it('sends the packet round, and the same packet to the same bucket', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=select,bucket=weight=100,output:2,bucket=weight=50,output:3');
    fixture.flowMod('actions=set_field:7->reg0,group:1,resubmit(,1)');
    fixture.flowMod('table=1,reg0=7,actions=output:4');
    const key = fixture.key(UDP);
    const first = fixture.actions(key);
    expect(first).toMatch(/^hash\(sym_l4\(0\)\),recirc\(0x[0-9a-f]+\)$/);
    const id = idIn(first);
    expect(fixture.actions(recirculated(key, id, 0x10))).toBe('2,4');
    expect(fixture.actions(recirculated(key, id, 0x11))).toBe('3,4');
    expect(fixture.megaflows()).toEqual([
      `recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), actions:${first}`,
      `recirc_id(0x${id.toString(16)}),dp_hash(0x0/0xf),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), actions:2,4`.replace(
        '0x0/',
        '0/',
      ),
      `recirc_id(0x${id.toString(16)}),dp_hash(0x1/0xf),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), actions:3,4`,
    ]);
  });

  it('goes to the next table as a resubmit does: what that table misses no controller sees', () => {
    const fixture = new GroupFixture();
    fixture.br0.setMissToController(true);
    fixture.group('group_id=1,type=select,bucket=output:2,bucket=output:2');
    fixture.flowMod('actions=group:1,goto_table:1');
    const key = fixture.key(UDP);
    const first = fixture.actions(key);
    expect(fixture.actions(recirculated(key, idIn(first), 0x10))).toBe('2');
    fixture.flowMod('table=1,actions=goto_table:2');
    expect(fixture.actions(recirculated(key, idIn(first), 0x10))).toMatch(/^2,userspace\(/);
  });

  it('gives equal states one id, which goes with the megaflow that uses it', async () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=select,bucket=output:2,bucket=output:3');
    fixture.flowMod('actions=group:1');
    const [udp, tcp] = [fixture.key(UDP), fixture.key('in_port=1,tcp')];
    const id = idIn(fixture.actions(udp));
    expect(idIn(fixture.actions(tcp))).toBe(id);
    expect(fixture.actions(recirculated(udp, id, 1))).toBe('3');
    fixture.flowMod('', 'delete');
    await fixture.br0.barrier();
    await fixture.advance(3000);
    expect(fixture.actions(recirculated(udp, id, 1))).toBe('drop');
    expect(fixture.megaflows().filter((flow) => flow.startsWith('recirc_id(0x'))).toEqual([]);
  });

  it('follows changes of the group', async () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=select,bucket=output:2,bucket=output:3');
    fixture.flowMod('actions=group:1');
    const key = fixture.key(UDP);
    const id = idIn(fixture.actions(key));
    fixture.actions(recirculated(key, id, 1));
    fixture.group('group_id=1,type=select,bucket=output:4', 'modify');
    await fixture.br0.barrier();
    expect(fixture.megaflows().map((flow) => flow.split('actions:')[1])).toEqual(['hash(sym_l4(0)),recirc(0x1)', '4']);
  });

  it('passes over buckets whose port is down', async () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=select,bucket=watch_port=2,output:2,bucket=watch_port=3,output:3');
    fixture.flowMod('actions=group:1');
    const key = fixture.key(UDP);
    const id = idIn(fixture.actions(key));
    expect(fixture.actions(recirculated(key, id, 1))).toBe('3');
    const port = fixture.ports.find(({ name }) => name === 'p3')!;
    port.linkUp = false;
    fixture.br0.portChanged(port);
    await fixture.br0.barrier();
    expect(fixture.megaflows().at(-1)).toMatch(/actions:2$/);
  });
});

describe('group statistics', () => {
  it('count packets by group and bucket, and begin anew when the group is modified', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=all,bucket=output:2,bucket=output:3');
    fixture.group('group_id=2,type=ff,bucket=watch_port=50,output:2,bucket=watch_port=3,output:3');
    fixture.flowMod('in_port=1,actions=group:1');
    fixture.flowMod('in_port=2,actions=group:2');
    for (const port of [1, 2]) {
      fixture.dpif.miss(fixture.key(`in_port=${port},udp`));
    }
    for (const flow of fixture.dpif.flows()) flow.hit(4, 100, fixture.clock.nowMs());
    expect(fixture.groupStats()).toEqual([
      'group_id=1,duration=0.000s,ref_count=1,packet_count=5,byte_count=500,bucket0:packet_count=5,byte_count=500,bucket1:packet_count=5,byte_count=500',
      'group_id=2,duration=0.000s,ref_count=1,packet_count=5,byte_count=500,bucket0:packet_count=0,byte_count=0,bucket1:packet_count=5,byte_count=500',
    ]);
    fixture.clock.warp(2500);
    fixture.group('group_id=1,type=all,bucket=output:2', 'modify');
    expect(fixture.groupStats()[0]).toBe(
      'group_id=1,duration=2.500s,ref_count=1,packet_count=0,byte_count=0,bucket0:packet_count=0,byte_count=0',
    );
  });
});

describe('nested groups', () => {
  it('end at the depth limit', () => {
    const fixture = new GroupFixture();
    fixture.group('group_id=1,type=all,bucket=output:2,bucket=group:2');
    fixture.group('group_id=2,type=all,bucket=group:1,bucket=group:1');
    fixture.flowMod('actions=group:1');
    expect(fixture.actions(fixture.key(UDP))).toBe('drop');
  });

  it('cannot multiply without end', () => {
    const fixture = new GroupFixture();
    for (let id = 1; id < 60; id++)
      fixture.group(`group_id=${id},type=all,bucket=group:${id + 1},bucket=group:${id + 1}`);
    fixture.flowMod('actions=group:1');
    expect(fixture.actions(fixture.key(UDP))).toBe('drop');
  });
});
