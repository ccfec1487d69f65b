// Malformed and refused OpenFlow messages, sent in bytes to weftd and to Open vSwitch: the errors that come back must be
// the same, type, code and quoted bytes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answers, errorOrType, message } from '../support/openflow-bytes.ts';
import { SideBySide } from '../support/side-by-side.ts';

const MATCH_ALL_10 = `003fffff${'00'.repeat(36)}`;
const MATCH_ALL_13 = '0001000400000000';
const flowMod10 = (tail: string, match = MATCH_ALL_10) =>
  message(1, 14, `${match} 0000000000000000 0000 0000 0000 0001 ffffffff ffff 0000 ${tail}`);
const flowMod13 = (match: string, tail: string, table = '00', command = '00') =>
  message(
    4,
    14,
    `${'00'.repeat(16)} ${table} ${command} 0000 0000 0001 ffffffff ffffffff ffffffff 0000 0000 ${match} ${tail}`,
  );
const apply13 = (actions: string) =>
  `0004 ${(8 + actions.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0')} 00000000 ${actions}`;

const CASES: readonly (readonly [what: string, version: 1 | 4, hex: string])[] = [
  ['unknown message type', 1, message(1, 0x40, '')],
  ['unknown vendor', 1, message(1, 4, '000000ff 00000001')],
  ['unknown Nicira subtype', 1, message(1, 4, '00002320 0000ffff')],
  ['truncated vendor header', 1, message(1, 4, '0000')],
  ['unknown statistics', 1, message(1, 16, '00ff 0000')],
  ['unknown vendor statistics', 1, message(1, 16, 'ffff 0000 000000ff')],
  ['truncated statistics header', 1, message(1, 16, '00')],
  ['features request with a body', 1, message(1, 5, '00')],
  ['barrier with a body', 1, message(1, 18, '00')],
  ['truncated set-config', 1, message(1, 9, '0000')],
  ['truncated flow-mod', 1, message(1, 14, MATCH_ALL_10)],
  [
    'flow-mod with an unknown command',
    1,
    message(1, 14, `${MATCH_ALL_10} 0000000000000000 0009 0000 0000 0001 ffffffff ffff 0000`),
  ],
  ['action of length 0', 1, flowMod10('0000 0000 00000000')],
  ['action past the end', 1, flowMod10('0000 0010 00000000')],
  ['action length not a multiple of 8', 1, flowMod10('0000 000c 0001 0000 00000000')],
  ['unknown action', 1, flowMod10('00ff 0008 00000000')],
  ['output to port 0', 1, flowMod10('0000 0008 0000 0000')],
  ['output to a reserved port', 1, flowMod10('0000 0008 fff0 0000')],
  ['output to OFPP_NONE', 1, flowMod10('0000 0008 ffff 0000')],
  ['set_vlan_vid of 4096', 1, flowMod10('0001 0008 1000 0000')],
  ['set_vlan_pcp of 8', 1, flowMod10('0002 0008 08 000000')],
  ['action of an unknown vendor', 1, flowMod10('ffff 0010 000000ff 0001 000000000000')],
  ['unknown Nicira action', 1, flowMod10('ffff 0010 00002320 ffff 000000000000')],
  ['truncated Nicira action', 1, flowMod10('ffff 0008 00002320')],
  ['resubmit_table with junk in its padding', 1, flowMod10('ffff 0010 00002320 000e 0001 01 010101')],
  ['reg_load past the register', 1, flowMod10('ffff 0018 00002320 0007 07df 00010004 0000000000000001')],
  ['reg_load of a read-only field', 1, flowMod10('ffff 0018 00002320 0007 000f 80000a02 0000000000000001')],
  ['reg_load without its prerequisite', 1, flowMod10('ffff 0018 00002320 0007 001f 00000e04 0000000000000001')],
  ['reg_move without its prerequisite', 1, flowMod10('ffff 0018 00002320 0006 0020 0000 0000 00000e04 00010004')],
  ['truncated packet-out', 1, message(1, 13, 'ffffffff')],
  ['packet-out with actions past the end', 1, message(1, 13, 'ffffffff 0001 0040')],
  ['packet-out of a buffer', 1, message(1, 13, '00000005 0001 0000')],
  ['port-mod of an unknown port', 1, message(1, 15, '0063 000000000001 00000000 00000000 00000000 00000000')],
  ['truncated port-mod', 1, message(1, 15, '0063')],
  ['queue config of an unknown port', 1, message(1, 20, '0063 0000')],
  ['statistics of an unknown queue', 1, message(1, 16, '0005 0000 0063 0000 ffffffff')],
  ['role request with an unknown role', 1, message(1, 4, '00002320 0000000a 00000009')],
  ['unknown flow format', 1, message(1, 4, '00002320 0000000c 00000009')],
  ['unknown packet-in format', 1, message(1, 4, '00002320 00000010 00000009')],
  [
    'nx flow-mod whose match is longer than it is',
    1,
    message(1, 4, `00002320 0000000d ${'00'.repeat(16)} ffffffff ffff 0000 00ff ${'00'.repeat(6)}`),
  ],
  ['unknown message type', 4, message(4, 0x40, '')],
  ['truncated multipart header', 4, message(4, 18, '0000 0000')],
  ['unknown multipart type', 4, message(4, 18, '00ff 0000 00000000')],
  ['description request with a body', 4, message(4, 18, '0000 0000 00000000 00000000')],
  ['truncated flow statistics request', 4, message(4, 18, '0001 0000 00000000 00000000')],
  ['truncated flow-mod', 4, message(4, 14, '00'.repeat(30))],
  ['flow-mod with an unknown command', 4, flowMod13(MATCH_ALL_13, '', '00', '09')],
  ['match of an unknown type', 4, flowMod13('0009000400000000', '')],
  ['match longer than the message', 4, flowMod13('000100ff00000000', '')],
  ['match with an unknown field', 4, flowMod13('0001 0009 8000fe01 00 000000 00000000', '')],
  ['match field of a wrong length', 4, flowMod13('0001 0009 80000a01 08 000000 00000000', '')],
  ['match without its prerequisite', 4, flowMod13('0001 000c 80001804 0a000001 00000000', '')],
  ['match with a field twice', 4, flowMod13('0001 0010 80000a02 0800 80000a02 0800', '')],
  ['match with a mask on a field that takes none', 4, flowMod13('0001 000c 80000b04 0800 ff00 00000000', '')],
  ['match with a value outside its mask', 4, flowMod13('0001 0014 8000070c 010203040506 000000000000 00000000', '')],
  ['unknown instruction', 4, flowMod13(MATCH_ALL_13, '00ff 0008 00000000')],
  ['instruction of length 0', 4, flowMod13(MATCH_ALL_13, '0001 0000 01000000')],
  ['goto_table backwards', 4, flowMod13(MATCH_ALL_13, '0001 0008 00 000000', '05')],
  ['add to the internal table', 4, flowMod13(MATCH_ALL_13, '', 'fe')],
  ['add to every table', 4, flowMod13(MATCH_ALL_13, '', 'ff')],
  ['output to a group that is not there', 4, flowMod13(MATCH_ALL_13, apply13('0016 0008 00000001'))],
  ['instruction twice', 4, flowMod13(MATCH_ALL_13, '0001 0008 02 000000 0001 0008 03 000000')],
  ['unknown action', 4, flowMod13(MATCH_ALL_13, apply13('00ff 0008 00000000'))],
  ['action of length 0', 4, flowMod13(MATCH_ALL_13, apply13('0000 0000 00000000'))],
  ['output to port 0', 4, flowMod13(MATCH_ALL_13, apply13('0000 0010 00000000 0000 000000000000'))],
  ['output to OFPP_ANY', 4, flowMod13(MATCH_ALL_13, apply13('0000 0010 ffffffff 0000 000000000000'))],
  ['push_vlan of a wrong EtherType', 4, flowMod13(MATCH_ALL_13, apply13('0011 0008 0800 0000'))],
  ['set_field without its prerequisite', 4, flowMod13(MATCH_ALL_13, apply13('0019 0010 80001804 0a000001 00000000'))],
  ['set_field of the VLAN without one', 4, flowMod13(MATCH_ALL_13, apply13('0019 0010 80000c02 1005 000000000000'))],
  [
    'set_field of the VLAN after pushing one',
    4,
    flowMod13(MATCH_ALL_13, apply13('0011 0008 8100 0000 0019 0010 80000c02 1005 000000000000')),
  ],
  ['set_field of a read-only field', 4, flowMod13(MATCH_ALL_13, apply13('0019 0010 80000a02 0800 000000000000'))],
  ['truncated packet-out', 4, message(4, 13, 'ffffffff')],
  [
    'port-mod of an unknown port',
    4,
    message(4, 16, '00000063 00000000 000000000001 0000 00000000 00000000 00000000 00000000'),
  ],
  ['table-mod of the internal table', 4, message(4, 17, 'fe 000000 00000000')],
  ['unknown role', 4, message(4, 24, '00000009 00000000 0000000000000001')],
  ['queue config of a reserved port', 4, message(4, 22, 'fffffffe 00000000')],
  ['statistics of an unknown queue', 4, message(4, 18, '0005 0000 00000000 00000063 ffffffff')],
];

describe('errors', () => {
  const both = new SideBySide();

  beforeAll(() => both.start(0));
  afterAll(() => both.stop());

  const replies = async (rundir: string, version: number, hex: string) =>
    (await answers(rundir, version, [hex])).map(errorOrType);

  it.each(CASES)('%s (version %i)', async (_, version, hex) => {
    const theirs = await replies(both.oracle.rundir, version, hex);
    expect(await replies(both.weftd.dir, version, hex)).toEqual(theirs);
  });
});
