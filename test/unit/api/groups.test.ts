// Group mods and meter mods of the typed API to ofproto's model, and back as statistics.
import { describe, expect, it } from 'vitest';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import type { GroupStats } from '../../../ofproto/model/groups.ts';
import { formatGroup } from '../../../ofproto/text/format-group.ts';
import { formatMeter } from '../../../ofproto/text/format-meter.ts';
import { groupModOf, groupStatsMessage } from '../../../src/api/convert/groups.ts';
import { meterModOf, meterStatsMessage } from '../../../src/api/convert/meters.ts';
import type { GroupMessage, GroupModMessage, MeterMessage } from '../../../src/api/messages.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof OfError ? error.code : (error as Error).message;
  }
  return 'OK';
};

const ADD = 'GROUP_COMMAND_ADD';
const counts = { packets: 5n, bytes: 500n };
const groupStats = (buckets: number): GroupStats => ({
  groupId: 1,
  refCount: 2,
  durationMs: 7.5,
  ...counts,
  buckets: Array.from({ length: buckets }, () => counts),
});

describe('groupModOf()', () => {
  it.each([
    'group_id=1,type=all,bucket=bucket_id:0,actions=output:1,bucket=bucket_id:1,actions=drop',
    'group_id=2,type=select,selection_method=hash,selection_method_param=9,fields(eth_type,ip_dst=255.255.255.0),bucket=bucket_id:7,weight:3,actions=output:1',
    'group_id=3,type=ff,bucket=bucket_id:0,watch_port:1,actions=output:1,bucket=bucket_id:1,watch_group:2,actions=group:2',
    'group_id=4,type=indirect,bucket=bucket_id:0,actions=set_field:0x5->reg0,resubmit(,3)',
  ])('takes back what groupStatsMessage() made of %s', (groupText) => {
    const mod = groupModOf({ command: ADD, groupText }, {});
    const message = groupStatsMessage(mod, groupStats(mod.buckets.length));
    expect(message).toMatchObject({ text: groupText, refCount: 2, packetCount: '5', byteCount: '500', durationMs: 7 });
    const again = groupModOf({ command: ADD, group: message.group }, {});
    expect(formatGroup(again, { withIds: true })).toBe(groupText);
  });

  const group = (members: Partial<GroupMessage>): GroupModMessage => ({
    command: ADD,
    group: { groupId: 1, type: 'OFPGT_SELECT', buckets: [], selection: null, ...members },
  });
  const output = { output: { port: 1 } };

  it('numbers buckets and weighs them', () => {
    const buckets = [{ actions: [output] }, { bucketId: 0, weight: 9, actions: [] }, { actions: [output] }];
    const mod = groupModOf(group({ buckets }), {});
    expect(mod.buckets.map(({ bucketId, weight }) => [bucketId, weight])).toEqual([
      [1, 1],
      [0, 9],
      [2, 1],
    ]);
  });

  const fields = [{ name: 'ip_dst', mask: new Uint8Array() }];
  const refused: readonly (readonly [code: string, mod: GroupModMessage])[] = [
    ['9 is not a known command', { command: 9, groupText: 'group_id=1,type=all' }],
    ['a group mod has no group', { command: ADD }],
    ['7 is not a known type', group({ type: 7 })],
    ['OFPGMFC_INVALID_GROUP', group({ type: 'OFPGT_INDIRECT' })],
    ['OFPGMFC_WATCH_UNSUPPORTED', group({ type: 'OFPGT_ALL', buckets: [{ watchPort: 1, actions: [] }] })],
    ['OFPGMFC_INVALID_GROUP', group({ type: 'OFPGT_ALL', buckets: [{ weight: 1, actions: [] }] })],
    ['weight: 65536 is not in 0..65535', group({ buckets: [{ weight: 65_536, actions: [] }] })],
    [
      'OFPGMFC_BAD_BUCKET',
      group({
        buckets: [
          { bucketId: 1, actions: [] },
          { bucketId: 1, actions: [] },
        ],
      }),
    ],
    ['goto_table instruction not allowed here', group({ buckets: [{ actions: [{ gotoTable: 1 }] }] })],
    ['OFPBPC_BAD_VALUE', group({ selection: { method: 'random', param: '0', fields: [] } })],
    ['OFPBPC_BAD_VALUE', group({ selection: { method: 'dp_hash', param: '0', fields } })],
    ['OFPBPC_BAD_VALUE', group({ type: 'OFPGT_ALL', selection: { method: 'hash', param: '0', fields } })],
    ['OFPGMFC_OUT_OF_BUCKETS', group({ buckets: Array.from({ length: 5000 }, () => ({ actions: [output] })) })],
    ['OFPGMFC_BAD_BUCKET', { ...group({}), command: 'GROUP_COMMAND_REMOVE_BUCKETS', commandBucketId: 0xffffff01 }],
  ];
  it.each(refused)('refuses with %s', (code, mod) => {
    expect(codeOf(() => groupModOf(mod, {}))).toBe(code);
  });
});

describe('meterModOf()', () => {
  const ADD_METER = 'METER_COMMAND_ADD';

  it.each([
    'meter=1 kbps burst stats bands= type=drop rate=100 burst_size=10',
    'meter=controller pktps bands= type=dscp_remark rate=5 prec_level=2',
  ])('takes back what meterStatsMessage() made of %s', (meterText) => {
    const mod = meterModOf({ command: ADD_METER, meterText });
    const stats = { meterId: mod.meterId, flowCount: 3, durationMs: 1, ...counts, bands: [counts] };
    const message = meterStatsMessage(mod, stats);
    expect(message).toMatchObject({ text: meterText, flowCount: 3, packetInCount: '5', bands: [{ byteCount: '500' }] });
    const again = meterModOf({ command: ADD_METER, meter: message.meter });
    expect(formatMeter(again)).toBe(formatMeter(mod));
  });

  const meter: MeterMessage = { meterId: 1, pktps: true, burst: false, stats: false, bands: [] };
  const band = { type: 'DROP', rate: 1, burstSize: 0, precLevel: 0 };
  it('refuses what says nothing', () => {
    expect(codeOf(() => meterModOf({ command: 9, meter }))).toBe('9 is not a known command');
    expect(codeOf(() => meterModOf({ command: ADD_METER }))).toBe('a meter mod has no meter');
    const bands = [{ ...band, type: 5 }];
    expect(codeOf(() => meterModOf({ command: ADD_METER, meter: { ...meter, bands } }))).toBe('5 is not a known band');
    expect(codeOf(() => meterModOf({ command: ADD_METER, meterText: 'meter=1,kbps' }))).toBe('must specify bands');
  });
});
