// Flows, actions and matches in ovs-ofctl's syntax, mutated from sound ones: only UserError says no.
import { describe, expect, it } from 'vitest';
import { UserError } from '../../lib/errors.ts';
import { formatActions } from '../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../ofproto/text/format-match.ts';
import { parseActions, parseFlow, parseFlowStatsRequest, parseTraceFlow } from '../../ofproto/text/parse-flow.ts';
import { fuzz, mutateText, survives } from '../support/fuzz.ts';

const FLOWS = [
  'table=0,priority=10,in_port=1,actions=output:2',
  'cookie=0x1234/-1,idle_timeout=60,ipv6,ipv6_src=fe80::/64,actions=drop',
  'vlan_tci=0x1123/0x1fff,dl_dst=00:11:22:33:44:55/ff:ff:ff:00:00:00,actions=strip_vlan,resubmit(,3)',
  'reg0=0x5,metadata=0x7,send_flow_rem,actions=move:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],controller(max_len=60)',
  'tcp,tcp_flags=+syn-ack,nw_dst=10.0.0.0/8,tp_dst=80/0xfff0,actions=mod_nw_src:1.2.3.4,NORMAL',
  'arp,arp_tpa=10.1.1.1,arp_op=2,actions=flood,enqueue(1,5),set_queue:3,pop_queue',
  'udp,actions=learn(table=1,hard_timeout=60,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])',
  'actions=multipath(symmetric_l4,1024,modulo_n,16,0,NXM_NX_REG0[0..3]),bundle(eth_src,0,hrw,ofport,slaves:1,2)',
  'actions=set_field:0x5/0xf->reg3,load:3->NXM_NX_REG2[2..5],push:reg1,pop:reg2,dec_ttl(1,2),note:01.02.ff',
  'actions=clone(set_field:1->tun_id,output:2),write_actions(group:5,output:3),goto_table:5',
  'conj_id=4,actions=conjunction(1,1/2),conjunction(3,2/2)',
  'icmp6,icmp_type=135,nd_target=::1,actions=sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4)',
];
const WORDS = [
  ...['actions=', 'output:', 'in_port=', 'clone(', 'learn(', 'set_field:', '->', 'reg0[]', 'NXM_NX_REG1[0..31]'],
  ...['ANY', 'LOCAL', 'table=', 'ip', 'tcp6', 'ct_state=+trk', 'mpls', 'group:', 'note:', 'xxreg0', 'fe80::1/128'],
  ...['cookie=', '/-1', 'priority=', 'drop', 'resubmit(', 'controller(', 'userdata=', 'max_len=', '((((', '))))', '..'],
];

describe('text', () => {
  it('flows parse or are refused, and print when they parse', () =>
    fuzz((random) => {
      const text = mutateText(random, random.pick(FLOWS), WORDS);
      survives(() => {
        const mod = parseFlow(text, random.pick(['add', 'modify', 'delete_strict', undefined] as const));
        expect(typeof (formatMatch(mod.match) + formatActions(mod.actions))).toBe('string');
      }, UserError);
      const [match = '', actions = ''] = text.split('actions=');
      survives(() => parseActions(actions), UserError);
      survives(() => parseFlowStatsRequest(match), UserError);
      survives(() => parseTraceFlow(match), UserError);
    }));
});
