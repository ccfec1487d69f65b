// What Open vSwitch says of actions whose packets may lack the header, as `ovs-ofctl -O OpenFlow13 add-flow` found it.
import { describe, expect, it } from 'vitest';
import { checkPrerequisites } from '../../../../ofproto/tables/check-prerequisites.ts';
import { parseFlow } from '../../../../ofproto/text/parse-flow.ts';

function verdict(text: string): string {
  const { actions, match } = parseFlow(text, 'add');
  try {
    return checkPrerequisites(actions, match) ? 'fine' : 'only in 1.0';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const NSH = 'encap(nsh(md_type=1))';

describe('checkPrerequisites()', () => {
  it.each([
    'ip,actions=push_mpls:0x8847,write_actions(dec_ttl)',
    'actions=write_actions(pop_vlan,dec_mpls_ttl,mod_nw_ttl:3)',
    'ip,actions=push_mpls:0x8847,pop_mpls:0x0800,set_field:3->nw_ecn',
    `ipv6,dl_vlan=10,actions=${NSH},encap(ethernet),load:0x7->vlan_pcp[]`,
    'ip,dl_vlan=10,actions=encap(ethernet),set_field:1->vlan_pcp,set_field:1->nw_ecn',
    `dl_vlan=10,actions=${NSH},encap(ethernet),set_field:03:00:00:00:00:00->eth_dst`,
    `dl_vlan=10,actions=${NSH},pop_vlan`,
    'tcp,actions=decap(),set_field:3->tcp_src',
  ])('%s is fine', (text) => expect(verdict(text)).toBe('fine'));

  it.each(['ip,actions=push_mpls:0x8847,clone(dec_ttl)', 'ip,actions=push_mpls:0x8847,dec_ttl', 'actions=pop_vlan'])(
    '%s is for OpenFlow 1.0',
    (text) => expect(verdict(text)).toBe('only in 1.0'),
  );

  it.each([
    'ip,actions=push_mpls:0x8847,write_actions(set_field:3->nw_ecn)',
    'actions=write_actions(set_field:0x1003->vlan_vid)',
    `ipv6,dl_vlan=10,actions=${NSH},load:0x7->vlan_pcp[]`,
    `ip,dl_vlan=10,actions=${NSH},encap(ethernet),set_field:1->nw_ecn`,
    'ip,dl_vlan=10,actions=encap(mpls),push_vlan:0x8100,set_field:1->vlan_pcp',
    'ip,dl_vlan=10,actions=decap(),set_field:1->vlan_pcp',
    'dl_vlan=10,actions=decap(),set_field:0x1004->vlan_vid',
    `dl_vlan=10,actions=${NSH},encap(mpls),dec_nsh_ttl`,
  ])('%s is a mistake', (text) => expect(verdict(text)).not.toBe('fine'));
});
