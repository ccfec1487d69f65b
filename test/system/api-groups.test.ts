// Groups, meters and bundles of a real weftd's typed API, beside what weft-ofctl says of them.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, type Message } from '../support/api-client.ts';
import { Weftd } from '../support/weftd.ts';

const frame = `020000000002020000000001${'0800'}${'00'.repeat(46)}`;

describe('the typed API', () => {
  const weftd = new Weftd({ args: ['--enable-dummy'] });
  let api: ApiClient;
  const flows = async () =>
    (await api.collect('DumpFlows', { bridge: 'br0' })).flatMap(({ flows }) => flows.map((f: Message) => f.text));
  const groups = async (groupId?: number): Promise<Message[]> =>
    (await api.collect('DumpGroups', { bridge: 'br0', groupId })).flatMap(({ groups }) => groups);
  const modifyGroups = async (...mods: object[]) =>
    (await api.call('ModifyGroups', { bridge: 'br0', mods })).results.map(({ error }: Message) => error?.code ?? 'OK');
  const modifyMeters = async (...mods: object[]) =>
    (await api.call('ModifyMeters', { bridge: 'br0', mods })).results.map(({ error }: Message) => error?.code ?? 'OK');
  const ofctl = (...args: string[]) => weftd.ofctl('-O', 'OpenFlow15', ...args);
  /** Frames that p2 sent: a pcap file's length tells. */
  const sent = () => statSync(join(weftd.dir, 'p2.pcap')).size;

  beforeAll(async () => {
    await weftd.start();
    await weftd.vsctl(
      'add-br br0 -- set Bridge br0 datapath_type=dummy fail_mode=secure protocols=OpenFlow10,OpenFlow13,OpenFlow15 ' +
        '-- add-port br0 p1 -- set Interface p1 type=dummy ofport_request=1 ' +
        `-- add-port br0 p2 -- set Interface p2 type=dummy ofport_request=2 options:tx_pcap=${weftd.dir}/p2.pcap`,
    );
    api = new ApiClient(`unix:${weftd.dir}/weft.sock`);
  });
  afterAll(async () => {
    api.close();
    await weftd.close();
  });

  it('adds, changes, dumps and deletes groups', async () => {
    const buckets = [{ actions: [{ output: { port: 2 } }] }];
    const group = { groupId: 1, type: 'OFPGT_SELECT', buckets };
    expect(
      await modifyGroups(
        { command: 'GROUP_COMMAND_ADD', group },
        { groupText: 'group_id=1,type=all,bucket=output:1' },
        { groupText: 'add group_id=2,type=all,bucket=output:p2' },
        { command: 'GROUP_COMMAND_INSERT_BUCKETS', group: { ...group, buckets: [{ ...buckets[0], bucketId: 4 }] } },
        { command: 'GROUP_COMMAND_MODIFY', group: { ...group, groupId: 9 } },
      ),
    ).toEqual(['OK', 'OFPGMFC_GROUP_EXISTS', 'OK', 'OK', 'OFPGMFC_UNKNOWN_GROUP']);
    const found = await groups();
    expect(found.map(({ text }) => ` ${text}`)).toEqual(
      (await ofctl('dump-groups', 'br0')).trimEnd().split('\n').slice(1),
    );
    expect(found[0].group.buckets).toMatchObject([{ bucketId: 0, weight: 1 }, { bucketId: 4 }]);
    await api.modify('br0', { flowText: 'in_port=1,actions=group:2' });
    await weftd.appctl('netdev-dummy/receive', 'p1', frame);
    const [counted] = await groups(2);
    expect(counted).toMatchObject({ refCount: 1, packetCount: '1', byteCount: '60', buckets: [{ packetCount: '1' }] });
    expect(await groups(3)).toEqual([]);
    expect(await modifyGroups({ groupText: 'delete group_id=2' })).toEqual(['OK']);
    expect(await flows()).toEqual([]);
    expect(await modifyGroups({ command: 'GROUP_COMMAND_DELETE', group: { groupId: 0xfffffffc } })).toEqual(['OK']);
    expect(await groups()).toEqual([]);
  });

  it('adds, changes, dumps and deletes meters', async () => {
    const meter = { meterId: 1, pktps: true, burst: true, bands: [{ rate: 1000, burstSize: 10 }] };
    expect(
      await modifyMeters(
        { meter },
        { meterText: 'meter=1,kbps,band=type=drop,rate=1' },
        { command: 'METER_COMMAND_MODIFY', meterText: 'meter=7,kbps,band=type=drop,rate=1' },
        { command: 'METER_COMMAND_ADD', meterText: 'meter=2,kbps,band=type=drop,rate=1' },
      ),
    ).toEqual(['OK', 'OFPMMFC_METER_EXISTS', 'OFPMMFC_UNKNOWN_METER', 'OK']);
    await api.modify('br0', { flowText: 'in_port=1,actions=meter:1,output:2' });
    const [{ meters }] = (await api.collect('DumpMeters', { bridge: 'br0' })) as Message;
    expect(meters).toMatchObject([
      { text: 'meter=1 pktps burst bands= type=drop rate=1000 burst_size=10', flowCount: 1 },
      { meter: { meterId: 2, pktps: false, bands: [{ type: 'DROP', rate: 1 }] }, bands: [{ packetCount: '0' }] },
    ]);
    await expect(api.collect('DumpMeters', { bridge: 'br0', meterId: 7 })).rejects.toMatchObject({
      details: 'OFPET_METER_MOD_FAILED OFPMMFC_UNKNOWN_METER',
    });
    expect(await modifyMeters({ command: 'METER_COMMAND_DELETE', meter: { meterId: 0xffffffff } })).toEqual(['OK']);
    expect(await flows()).toEqual([]);
    expect(await api.collect('DumpMeters', { bridge: 'br0' })).toEqual([]);
  });

  const packetOut = { packet: Buffer.from(frame, 'hex'), actions: [{ text: 'resubmit(1,)' }] };

  it('carries out all changes of a bundle', async () => {
    const before = sent();
    const reply = await api.bundle(
      { bridge: 'br0', changes: [{ groupMod: { groupText: 'group_id=1,type=all,bucket=output:2' } }] },
      { changes: [{ flowMod: { flowText: 'in_port=1,actions=group:1' } }, { packetOut }] },
    );
    expect(reply.error).toBeNull();
    expect(await flows()).toEqual(['in_port=1 actions=group:1']);
    expect(await groups()).toHaveLength(1);
    // The dummy port's file is written when the call that sent the packet returns.
    expect(sent()).toBeGreaterThan(before);
  });

  it('carries out none of a bundle with a change that is refused', async () => {
    const before = [await flows(), sent()];
    const changes = [
      { flowMod: { flowText: 'delete' } },
      { groupMod: { groupText: 'delete group_id=1' } },
      { packetOut: { ...packetOut, actions: [{ text: 'output:2' }] } },
      { flowMod: { flowText: 'actions=group:5' } },
    ];
    const late = await api.bundle({ bridge: 'br0', changes });
    expect(late).toMatchObject({ failedChange: 3, error: { code: 'OFPBAC_BAD_OUT_GROUP' } });
    const early = await api.bundle(
      { bridge: 'br0', changes: changes.slice(0, 1) },
      { changes: [{ flowMod: { flowText: 'actions=nonsense' } }] },
      { changes },
    );
    expect(early).toMatchObject({ failedChange: 1, error: { code: '', message: 'unknown action nonsense' } });
    expect(await groups()).toHaveLength(1);
    expect([await flows(), sent()]).toEqual(before);
  });

  it('refuses bundles of two bridges, of none that is there, and too large ones', async () => {
    await expect(api.bundle({ bridge: 'br9', changes: [] })).rejects.toMatchObject({ code: status.NOT_FOUND });
    const two = api.bundle({ bridge: 'br0', changes: [] }, { bridge: 'br1', changes: [] });
    await expect(two).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    const change = { packetOut: { packet: Buffer.alloc(65_000), actions: [] } };
    const request = { bridge: 'br0', changes: Array.from({ length: 16 }, () => change) };
    const large = api.bundle(...Array.from({ length: 72 }, () => request));
    await expect(large).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(await flows()).toEqual(['in_port=1 actions=group:1']);
    // Its room is free again.
    expect((await api.bundle({ bridge: 'br0', changes: [{ flowMod: { flowText: 'delete' } }] })).error).toBeNull();
  });
});
