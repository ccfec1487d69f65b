// The typed API's messages to ofproto's model and back.
import { describe, expect, it } from 'vitest';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../ofproto/text/format-match.ts';
import { parseActions } from '../../../ofproto/text/parse-actions.ts';
import { parseMatchText } from '../../../ofproto/text/parse-match.ts';
import { actionMessages, actionsOf } from '../../../src/api/convert/actions.ts';
import { flowModOf } from '../../../src/api/convert/flows.ts';
import { matchMessage, matchOf } from '../../../src/api/convert/match.ts';
import type { FieldValue, FlowMessage } from '../../../src/api/messages.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof OfError ? error.code : (error as Error).message;
  }
  return 'OK';
};

describe('matchOf()', () => {
  it.each([
    '',
    'in_port=LOCAL,dl_src=00:00:00:00:00:01/ff:ff:ff:00:00:00',
    'tcp,dl_vlan=5,dl_vlan_pcp=3,nw_src=10.0.0.0/8,tp_dst=80,tcp_flags=+syn-ack',
    'udp6,ipv6_dst=fe80::/10,tp_src=0x1000/0xf000',
    'arp,arp_op=1,arp_tpa=10.0.0.1',
    'reg0=0x5/0xff,reg15=0x1,metadata=0x7,tun_id=0x9,pkt_mark=0x2',
    'icmp6,icmp_type=135,nd_target=fe80::1',
  ])('takes back what matchMessage() made of %s', (text) => {
    const match = parseMatchText(text);
    expect(formatMatch(matchOf(matchMessage(match), {}))).toBe(formatMatch(match));
  });

  it('takes names of ports', () => {
    const names = { ports: new Map([[7, 'vhu0']]) };
    expect(formatMatch(matchOf({ fields: [{ name: 'in_port', text: 'vhu0' }] }, names))).toBe('in_port=7');
    expect(formatMatch(matchOf({ text: 'in_port=vhu0' }, names))).toBe('in_port=7');
  });

  const refused: readonly (readonly [code: string, fields: readonly FieldValue[]])[] = [
    ['OFPBMC_BAD_FIELD', [{ name: 'nonsense', number: '1' }]],
    ['OFPBMC_BAD_PREREQ', [{ name: 'tcp_dst', number: '80' }]],
    [
      'OFPBMC_DUP_FIELD',
      [
        { name: 'reg0', number: '1' },
        { name: 'reg0', number: '1' },
      ],
    ],
    ['OFPBMC_BAD_WILDCARDS', [{ name: 'reg0', number: '3', mask: Uint8Array.of(0, 0, 0, 1) }]],
    ['reg0 has 4 bytes, not 1', [{ name: 'reg0', value: Uint8Array.of(1) }]],
    ['reg0: 4294967296 does not fit into 4 bytes', [{ name: 'reg0', number: '4294967296' }]],
    ['field reg0 has no value', [{ name: 'reg0' }]],
    ['OFPBMC_BAD_FIELD', [{ name: 'dl_vlan', number: '5' }]],
  ];
  it.each(refused)('refuses with %s', (code, fields) => {
    expect(codeOf(() => matchOf({ fields }, {}))).toBe(code);
  });
});

describe('actionsOf()', () => {
  it.each([
    'output:2,controller(max_len=100,id=3,userdata=01.02),set_field:0x5/0xf->reg0',
    'push_vlan:0x8100,set_field:4101->vlan_vid,pop_vlan,dec_ttl,group:5,set_queue:3,resubmit(,7)',
    'resubmit(3,7),meter:4,clear_actions,write_actions(output:1,set_field:10.0.0.1->ip_dst)',
    'write_metadata:0x5/0xff,goto_table:9',
    'learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),clone(output:1),note:01.02,move:NXM_NX_REG0[]->NXM_NX_REG1[]',
    'CONTROLLER:65535,LOCAL,NORMAL',
  ])('takes back what actionMessages() made of %s', (text) => {
    const actions = parseActions(text);
    expect(formatActions(actionsOf(actionMessages(actions), {}))).toBe(formatActions(actions));
  });

  it('refuses what says nothing, and values that OpenFlow has no room for', () => {
    expect(codeOf(() => actionsOf([{}], {}))).toBe('an action says nothing');
    expect(codeOf(() => actionsOf([{ gotoTable: 256 }], {}))).toBe('goto_table: 256 is not in 0..255');
    expect(codeOf(() => actionsOf([{ setField: { field: null } }], {}))).toBe('set_field names no field');
    const vid = { name: 'vlan_vid', number: '65535' };
    expect(codeOf(() => actionsOf([{ setField: { field: vid } }], {}))).toBe('OFPBAC_BAD_SET_ARGUMENT');
  });
});

describe('flowModOf()', () => {
  const flow: FlowMessage = {
    match: null,
    actions: [],
    cookie: '5',
    cookieMask: '0',
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    flags: null,
  };

  it("gives a new flow the cookie, and selects others' by it", () => {
    expect(flowModOf({ command: 'FLOW_COMMAND_ADD', flow }, {})).toMatchObject({ newCookie: 5n, cookieMask: 0n });
    const selecting = { ...flow, cookieMask: '1' };
    const mod = flowModOf({ command: 'FLOW_COMMAND_MODIFY', flow: selecting }, {});
    expect(mod).toMatchObject({ cookie: 1n, cookieMask: 1n });
    expect(mod.newCookie).toBeUndefined();
  });

  it('takes the command from the text or from the message', () => {
    const of = (command: string, flowText: string) => flowModOf({ command, flowText }, {}).command;
    expect(of('FLOW_COMMAND_UNSPECIFIED', 'delete_strict table=1')).toBe('delete_strict');
    expect(of('FLOW_COMMAND_UNSPECIFIED', 'actions=drop')).toBe('add');
    expect(of('FLOW_COMMAND_MODIFY', 'actions=drop')).toBe('modify');
    expect(codeOf(() => flowModOf({ command: 77, flowText: 'actions=drop' }, {}))).toBe('77 is not a known command');
    expect(codeOf(() => flowModOf({ command: 'FLOW_COMMAND_ADD' }, {}))).toBe('a flow mod has no flow');
  });

  it('refuses numbers that are too large', () => {
    const big = { ...flow, priority: 65536 };
    expect(codeOf(() => flowModOf({ command: 'FLOW_COMMAND_ADD', flow: big }, {}))).toBe(
      'priority: 65536 is not in 0..65535',
    );
  });
});
