import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../../../lib/cursors.ts';
import type { GroupCommand } from '../../../../ofproto/model/groups.ts';
import { formatGroup, formatGroupMod } from '../../../../ofproto/text/format-group.ts';
import { parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import {
  decodeGroupDesc,
  decodeGroupMod,
  decodeGroupStats,
  encodeGroupDesc,
  encodeGroupMod,
  encodeGroupStats,
} from '../../../../ofproto/wire/groups.ts';

const VERSIONS = [1, 2, 3, 4, 5, 6];
const withIds = (version: number) => version === 1 || version === 6;

const GROUPS = [
  'group_id=1,type=all,bucket=output:2,bucket=output:3',
  'group_id=2,type=indirect,bucket=group:7',
  'group_id=3,type=select,bucket=weight:0,output:2,bucket=weight:9,output:3,bucket=output:4',
  'group_id=4,type=ff,bucket=watch_port:3,output:3,bucket=watch_group:2,output:4',
  'group_id=0xffffff00,type=select,selection_method=dp_hash,selection_method_param=0x100000007,bucket=output:2',
  'group_id=6,type=select,selection_method=hash,fields(ip_src=255.255.0.0,tcp_src,reg3),bucket=bucket_id:9,drop',
];

function written(encode: (w: Writer) => void): Reader {
  const w = new Writer();
  encode(w);
  return new Reader(w.finish(), 'OFPBRC_BAD_LEN');
}

describe.each(VERSIONS)('groups in version %i', (version) => {
  it.each(GROUPS)('%s', (text) => {
    const mod = parseGroupMod(text, 'add');
    const options = { withIds: withIds(version) };
    const sent = decodeGroupMod(
      written((w) => encodeGroupMod(w, mod, version)),
      version,
    );
    expect(formatGroupMod(sent, options)).toBe(formatGroupMod(mod, options));
    const described = decodeGroupDesc(
      written((w) => encodeGroupDesc(w, mod, version)),
      version,
    );
    expect(formatGroup(described, options)).toBe(formatGroup(mod, options));
  });

  it('statistics', () => {
    const counts = { packets: 7n, bytes: 800n };
    const stats = { groupId: 5, refCount: 2, ...counts, durationMs: 1500, buckets: [counts, counts] };
    const read = decodeGroupStats(
      written((w) => encodeGroupStats(w, stats, version)),
      version,
    );
    expect(read).toEqual(version === 2 || version === 3 ? { ...stats, durationMs: -1 } : stats);
  });
});

describe('bucket commands', () => {
  it.each([
    ['insert_bucket', 'group_id=2,command_bucket_id=first,bucket=bucket_id:5,output:4'],
    ['remove_bucket', 'group_id=2,command_bucket_id=all'],
    ['remove_bucket', 'group_id=2,command_bucket_id=77'],
  ] as const)('%s %s', (command: GroupCommand, text) => {
    const mod = parseGroupMod(text, command);
    const read = decodeGroupMod(
      written((w) => encodeGroupMod(w, mod, 6)),
      6,
    );
    expect(formatGroupMod(read, { withIds: true })).toBe(formatGroupMod(mod, { withIds: true }));
  });
});

/** Messages, from behind the header, that Open vSwitch refuses so. */
describe('bad groups', () => {
  const refused = (hex: string, version: number) => {
    try {
      decodeGroupMod(new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'OFPBRC_BAD_LEN'), version);
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return undefined;
  };

  it.each([
    ['an indirect group without a bucket', '0000 02 00 00000004', 4, 'OFPGMFC_INVALID_GROUP'],
    ['an unknown type', '0000 04 00 00000004', 4, 'OFPGMFC_BAD_TYPE'],
    ['an unknown command', '0009 00 00 00000004', 4, 'OFPGMFC_BAD_COMMAND'],
    ['a bucket that is too long', '0000 00 00 00000004 0020 0000 ffffffff ffffffff 00000000', 4, 'OFPGMFC_BAD_BUCKET'],
    [
      'a fast failover bucket that watches nothing',
      '0000 03 00 00000004 0010 0000 ffffffff ffffffff 00000000',
      4,
      'OFPGMFC_INVALID_GROUP',
    ],
    [
      'a weight outside of select',
      '0000 00 00 00000004 0010 0003 ffffffff ffffffff 00000000',
      4,
      'OFPGMFC_INVALID_GROUP',
    ],
    [
      'two buckets with one id',
      `0000 00 00 0000000f 0010 0000 ffffffff ${'0008 0000 00000007'.repeat(2)}`,
      6,
      'OFPGMFC_BAD_BUCKET',
    ],
    [
      'a VLAN id without the bit that says that there is one, in a masked set_field',
      '0000 02 00 00000001 0018 0000 ffffffff 0018 0010 00000000 0019 0010 80000d04 0013003f 00000000',
      6,
      'OFPBAC_BAD_SET_ARGUMENT',
    ],
    [
      'an unknown selection method',
      `0000 01 00 00000013 0000 0000 ffffffff ffff 0028 0000154d 00000001 00000000 ${'foo'
        .split('')
        .map((c) => c.charCodeAt(0).toString(16))
        .join('')}${'00'.repeat(21)}`,
      6,
      'OFPBPC_BAD_VALUE',
    ],
  ])('%s', (_name, hex, version, code) => {
    expect(refused(hex, version)).toBe(code);
  });
});
