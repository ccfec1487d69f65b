// The flow syntax against what ovs-ofctl 3.1 printed for the same text (captured with `ovs-ofctl parse-flow`).
import { describe, expect, it } from 'vitest';
import { KEY_IN_PORT } from '../../../../datapath/layout/flow-key.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatFlow } from '../../../../ofproto/text/format-flow.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { parseActions, parseFlow, parseMatchText, parseTraceFlow } from '../../../../ofproto/text/parse-flow.ts';

const MATCHES: readonly (readonly [text: string, printed: string])[] = [
  ['tcp_dst=80/0xff,tcp', 'tcp,tp_dst=0x50/0xff'],
  ['udp6,udp_src=3', 'udp6,tp_src=3'],
  ['icmp,icmp_type=8,icmp_code=0', 'icmp,icmp_type=8,icmp_code=0'],
  [
    'icmp6,icmpv6_type=135,nd_target=::1,nd_sll=00:01:02:03:04:05',
    'icmp6,icmp_type=135,nd_target=::1,nd_sll=00:01:02:03:04:05',
  ],
  ['arp,arp_op=1,arp_spa=1.2.3.4,arp_sha=00:01:02:03:04:05', 'arp,arp_spa=1.2.3.4,arp_op=1,arp_sha=00:01:02:03:04:05'],
  ['dl_vlan=5,dl_vlan_pcp=3', 'dl_vlan=5,dl_vlan_pcp=3'],
  ['vlan_tci=0x1000/0x1000', 'vlan_tci=0x1000/0x1000'],
  ['vlan_tci=0', 'vlan_tci=0x0000'],
  ['vlan_vid=0x1005/0x1fff', 'dl_vlan=5'],
  ['dl_vlan=0xffff', 'vlan_tci=0x0000'],
  ['vlan_tci=0xf123', 'dl_vlan=291,dl_vlan_pcp=7'],
  ['ip,nw_src=10.0.0.0/8,nw_dst=1.2.3.4/255.0.255.0', 'ip,nw_src=10.0.0.0/8,nw_dst=1.0.3.0/255.0.255.0'],
  ['dl_src=01:02:03:04:05:06/ff:00:00:00:00:00', 'dl_src=01:00:00:00:00:00/ff:00:00:00:00:00'],
  ['ipv6,ipv6_src=fe80::/64,ipv6_label=0x12/0xff', 'ipv6,ipv6_src=fe80::/64,ipv6_label=0x00012/0x000ff'],
  [
    'metadata=5/0xff,reg0=1,reg1=2/3,xreg2=0x55,pkt_mark=3',
    'pkt_mark=0x3,reg0=0x1,reg1=0x2/0x3,reg4=0,reg5=0x55,metadata=0x5/0xff',
  ],
  ['tun_id=5,tun_src=1.2.3.4,tun_flags=oam', 'tun_id=0x5,tun_src=1.2.3.4,tun_flags=+oam'],
  ['ip,nw_tos=32,nw_ecn=2,nw_ttl=64,ip_frag=first', 'ip,nw_tos=32,nw_ecn=2,nw_ttl=64,nw_frag=first'],
  ['ip,ip_frag=not_later', 'ip,nw_frag=not_later'],
  [
    'ct_state=+trk+est-new,ct_zone=5,ct_mark=3/7,ct_label=0x55',
    'ct_state=-new+est+trk,ct_zone=5,ct_mark=0x3/0x7,ct_label=0x55',
  ],
  ['ct_state=new|trk', 'ct_state=new|trk'],
  ['tcp,tcp_flags=+syn-ack', 'tcp,tcp_flags=+syn-ack'],
  ['tcp,tcp_flags=2', 'tcp,tcp_flags=syn'],
  ['tcp,tcp_flags=syn|', 'tcp,tcp_flags=syn'],
  ['tcp,tcp_flags=', 'tcp'],
  ['tcp,tcp_flags=0x12/0x3f', 'tcp,tcp_flags=-fin+syn-rst-psh+ack-urg'],
  ['tcp,tcp_flags=0x1ff', 'tcp,tcp_flags=fin|syn|rst|psh|ack|urg|ece|cwr|ns'],
  ['in_port=65534', 'in_port=LOCAL'],
  ['in_port=65280', 'in_port=65280'],
  ['dl_type=0x1234', 'dl_type=0x1234'],
  ['mpls,mpls_label=5,mpls_tc=3,mpls_bos=1,mpls_ttl=4', 'mpls,mpls_label=5,mpls_tc=3,mpls_ttl=4,mpls_bos=1'],
  ['xxreg1=0x123456789abcdef/0xffffffffffffffff', 'reg6=0x1234567,reg7=0x89abcdef'],
  ['dl_type=0x0806,nw_proto=2,nw_src=1.2.3.4', 'arp,arp_spa=1.2.3.4,arp_op=2'],
  ['ip,nw_proto=1,tp_src=8', 'icmp,icmp_type=8'],
  ['recirc_id=3,dp_hash=5', 'recirc_id=0x3,dp_hash=0x5'],
  ['packet_type=(1,0x800)', 'packet_type=(1,0x800)'],
  ['tunnel_id=5/0xff', 'tun_id=0x5/0xff'],
  ['udp,tp_src=0x1/0xfff0', 'udp,tp_src=0x0/0xfff0'],
  ['ip,ip_dscp=5', 'ip,nw_tos=20'],
  ['vlan_tci=0x5000/0xf000', 'dl_vlan_pcp=2'],
  ['dl_vlan=5000', 'dl_vlan=904'],
  [
    'pkt_mark=0x8,recirc_id=0x3,dp_hash=0x5/0x7,conj_id=6,actset_output=3,ct_state=+est+trk,ct_zone=5,ct_nw_src=1.2.3.4,' +
      'ct_nw_proto=6,ct_tp_dst=4,eth,tcp,reg3=0x4,tun_id=0x5,tun_src=1.1.1.1,tun_gbp_id=3,tun_gbp_flags=0x3,tun_flags=+oam,' +
      'metadata=0x4,in_port=5,dl_vlan=4,dl_vlan_pcp=3,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=1.1.1.1,' +
      'nw_dst=2.2.2.2,nw_tos=4,nw_ecn=1,nw_ttl=3,nw_frag=no,tp_src=4,tp_dst=5,tcp_flags=+syn',
    '',
  ],
];

const ACTIONS: readonly (readonly [text: string, printed: string])[] = [
  ['1', 'output:1'],
  [
    'output:1,output:LOCAL,output:NXM_NX_REG0[],output:NXM_NX_REG0[0..15],output(port=1,max_len=100),output:reg1[]',
    'output:1,LOCAL,output:NXM_NX_REG0[],output:NXM_NX_REG0[0..15],output(port=1,max_len=100),output:NXM_NX_REG1[]',
  ],
  ['controller', 'CONTROLLER:65535'],
  ['controller(max_len=100,reason=invalid_ttl,id=5)', 'controller(reason=invalid_ttl,max_len=100,id=5)'],
  ['controller(pause,max_len=20,userdata=0102)', 'controller(max_len=20,userdata=01.02,pause)'],
  ['controller(meter_id=4)', 'controller(meter_id=4)'],
  ['controller()', 'CONTROLLER:65535'],
  ['normal,flood,all,in_port,local,table', 'NORMAL,FLOOD,ALL,IN_PORT,LOCAL,TABLE'],
  [
    'resubmit:5,resubmit(5,3),resubmit(,4),resubmit(6),resubmit(5,3,ct),resubmit(in_port,4)',
    'resubmit:5,resubmit(5,3),resubmit(,4),resubmit:6,resubmit(5,3,ct),resubmit(,4)',
  ],
  ['drop', 'drop'],
  ['drop,drop', 'drop'],
  ['', 'drop'],
  [
    'learn(table=1,priority=5,idle_timeout=3,hard_timeout=4,cookie=0x5,send_flow_rem,delete_learned,limit=3,' +
      'result_dst=reg0[1],fin_idle_timeout=2,fin_hard_timeout=3,NXM_OF_VLAN_TCI[0..11],dl_type=0x800,nw_src=1.2.3.4,' +
      'load:5->NXM_NX_REG0[0..7],load:NXM_OF_VLAN_TCI[0..11]->NXM_NX_REG1[0..11],NXM_NX_REG0[0..15]=5)',
    'learn(table=1,idle_timeout=3,hard_timeout=4,fin_idle_timeout=2,fin_hard_timeout=3,priority=5,send_flow_rem,' +
      'delete_learned,cookie=0x5,limit=3,result_dst=NXM_NX_REG0[1],NXM_OF_VLAN_TCI[0..11],eth_type=0x800,ip_src=1.2.3.4,' +
      'load:0x5->NXM_NX_REG0[0..7],load:NXM_OF_VLAN_TCI[0..11]->NXM_NX_REG1[0..11],NXM_NX_REG0[0..15]=0x5)',
  ],
  [
    'learn(table=3,in_port=5,reg0,output:reg1[0..15],output:in_port)',
    'learn(table=3,in_port=5,NXM_NX_REG0[],output:NXM_NX_REG1[0..15],output:NXM_OF_IN_PORT[])',
  ],
  ['learn', 'learn(table=1)'],
  ['conjunction(1,1/2),conjunction(2,2/3)', 'conjunction(1,1/2),conjunction(2,2/3)'],
  ['multipath(symmetric_l4,1024,hrw,5,0,NXM_NX_REG0[0..4])', 'multipath(symmetric_l4,1024,hrw,5,0,NXM_NX_REG0[0..4])'],
  ['bundle(symmetric_l4,0,hrw,ofport,slaves:1,2,3)', 'bundle(symmetric_l4,0,hrw,ofport,members:1,2,3)'],
  [
    'bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],slaves:4,8)',
    'bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:4,8)',
  ],
  ['clone(output:1,load:1->reg0[]),output:2', 'clone(output:1,load:0x1->NXM_NX_REG0[]),output:2'],
  ['set_tunnel:5,set_tunnel:0x123456789,set_tunnel64:5', 'set_tunnel:0x5,set_tunnel64:0x123456789,set_tunnel64:0x5'],
  [
    'sample(probability=3,collector_set_id=4,obs_domain_id=5,obs_point_id=6)',
    'sample(probability=3,collector_set_id=4,obs_domain_id=5,obs_point_id=6)',
  ],
  ['push:NXM_NX_REG0[],pop:NXM_NX_REG1[3..6]', 'push:NXM_NX_REG0[],pop:NXM_NX_REG1[3..6]'],
  [
    'set_field:0->reg0,set_field:5->xreg1,set_field:0x1234567890123456789->xxreg0,set_field:5->tun_id',
    'set_field:0->reg0,set_field:0x5->xreg1,set_field:0x1234567890123456789->xxreg0,set_field:0x5->tun_id',
  ],
  [
    'set_field:80->tcp_dst,set_field:0xfc->nw_tos,set_field:5->ip_dscp,set_field:00:00:00:00:00:01->eth_src',
    'set_field:80->tcp_dst,set_field:252->nw_tos,set_field:5->ip_dscp,set_field:00:00:00:00:00:01->eth_src',
  ],
  ['load:0->reg0[],load:0x12->NXM_NX_REG0[3..7]', 'load:0->NXM_NX_REG0[],load:0x12->NXM_NX_REG0[3..7]'],
  ['set_field:0x1007->vlan_vid,set_field:3->vlan_pcp', 'set_field:4103->vlan_vid,set_field:3->vlan_pcp'],
  [
    'clear_actions,write_actions(output:1,set_field:1->reg0),goto_table:3',
    'clear_actions,write_actions(output:1,set_field:0x1->reg0),goto_table:3',
  ],
  ['meter:3,output:1,write_metadata:5/0xff,goto_table:3', 'meter:3,output:1,write_metadata:0x5/0xff,goto_table:3'],
  [
    'move:reg0[0..3]->reg1[4..7],move:in_port->reg0[0..15]',
    'move:NXM_NX_REG0[0..3]->NXM_NX_REG1[4..7],move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]',
  ],
  ['enqueue(1,2),set_queue:4,pop_queue,exit', 'enqueue:1:2,set_queue:4,pop_queue,exit'],
  ['fin_timeout(idle_timeout=5,hard_timeout=3)', 'fin_timeout(idle_timeout=5,hard_timeout=3)'],
  ['note:00.11.22,push_vlan:0x8100,pop_vlan,strip_vlan', 'note:00.11.22,push_vlan:0x8100,pop_vlan,strip_vlan'],
  [
    'mod_dl_dst:1:2:3:4:5:6,mod_nw_src:1.2.3.4,dec_ttl(1 2)',
    'mod_dl_dst:01:02:03:04:05:06,mod_nw_src:1.2.3.4,dec_ttl(1,2)',
  ],
];

const ERRORS: readonly (readonly [text: string, message: string])[] = [
  ['ip', 'must specify an action'],
  ['ip,actions=output', ': output to unknown port'],
  ['ip,actions=foo', 'unknown action foo'],
  ['foo=3,actions=drop', 'unknown keyword foo'],
  ['ip,foo,actions=drop', 'field foo missing value'],
  ['in_port=foo,actions=drop', 'foo: invalid or unknown port for in_port'],
  ['tcp_dst=foo,tcp,actions=drop', 'foo: bad syntax for tcp_dst value'],
  ['tcp,tcp_dst=70000,actions=drop', '70000: value too large for 2-byte field tcp_dst'],
  ['nw_src=1.2.3,ip,actions=drop', '1.2.3: invalid IP address'],
  ['dl_src=1:2,actions=drop', '1:2: invalid Ethernet address'],
  ['dl_type=0x800/0xff,actions=drop', '0x800/0xff: invalid mask for field eth_type'],
  ['priority=70000,actions=drop', 'invalid priority "70000"'],
  ['table=foo,actions=drop', 'unknown table "foo"'],
  ['table=300,actions=drop', 'unknown table "300"'],
  ['cookie=foo,actions=drop', 'invalid numeric format foo'],
  ['ip,actions=drop,output:1', '"drop" must not be accompanied by any other action or instruction'],
  ['ip,actions=load:5->NXM_NX_FOO[]', "NXM_NX_FOO[]: unknown field `NXM_NX_FOO'"],
  [
    'ip,actions=load:5->NXM_NX_REG0[0..40]',
    'NXM_NX_REG0[0..40]: ending bit 40 is not valid because field is only 32 bits wide',
  ],
  ['ip,actions=load:500->NXM_NX_REG0[0..3]', '500->NXM_NX_REG0[0..3]: value 0x1f4 does not fit into 4 bits'],
  ['ip,actions=load:5', "5: missing `->'"],
  ['ip,actions=resubmit', 'at least one "in_port" or "table" must be specified on resubmit'],
  ['ip,actions=set_field:5->foo', 'foo is not a valid OXM field name'],
  ['ip,actions=set_field:5->eth_type', 'eth_type is read-only'],
  ['actions=mod_vlan_vid:5000', '5000: not a valid VLAN VID'],
  ['actions=conjunction(1,3/2)', 'clause index must be less than or equal to number of clauses'],
  ['cookie=5/0xff,actions=drop', 'flow additions cannot use a cookie mask'],
  ['reg0=1/foo,actions=drop', '1/foo: bad syntax for reg0 mask'],
  [
    'ip_frag=foo,ip,actions=drop',
    'foo: unknown fragment type (valid types are "no", "yes", "first", "later", "not_later"',
  ],
  ['nw_src=1.2.3.4/40,ip,actions=drop', '1.2.3.4/40: IPv4 network prefix bits not between 0 and 32, inclusive'],
  ['tcp_flags=+foo,tcp,actions=drop', 'foo: unknown TCP flag(s)'],
  ['actions=learn(reg0[]=reg1[0..3])', 'reg0[]=reg1[0..3]: bit widths of reg0[] (4) and reg1[0..3] (32) differ'],
  [
    'actions=learn(reg0=foo)',
    "reg0=foo: reg0 value foo cannot be parsed as a subfield (foo: unknown field `foo') or an immediate value (foo: bad syntax for reg0 value)",
  ],
  ['in_port=1,out_port=3,actions=4', 'unknown keyword out_port'],
  ['actions=push:reg0[5', 'reg0[5: syntax error expecting [] or [<bit>] or [<start>..<end>]'],
];

describe('matches', () => {
  it.each(MATCHES)('%s', (text, printed) => {
    expect(formatMatch(parseMatchText(text))).toBe(printed || text);
  });
});

describe('actions', () => {
  it.each(ACTIONS)('%s', (text, printed) => {
    expect(formatActions(parseActions(text))).toBe(printed);
    expect(formatActions(parseActions(printed))).toBe(printed);
  });
});

describe('errors in the words of ovs-ofctl', () => {
  it.each(ERRORS)('%s', (text, message) => {
    expect(() => parseFlow(text, 'add')).toThrow(message);
  });
});

describe('flows', () => {
  const names = {
    ports: new Map([
      [1, 'p1'],
      [2, 'p-2'],
    ]),
  };

  it('reads ports by name and quotes names that are not plain', () => {
    const mod = parseFlow('in_port=p1,actions=output:"p-2"', 'add', names);
    expect(formatMatch(mod.match, mod.priority, names)).toBe('in_port=p1');
    expect(formatActions(mod.actions, names)).toBe('output:"p-2"');
  });

  it('prints what dump-flows prints', () => {
    const mod = parseFlow('cookie=0x12,priority=5,ip,in_port=1,idle_timeout=100,send_flow_rem,actions=output:2', 'add');
    const entry = { ...mod, tableId: 0, packets: 3n, bytes: 180n, durationMs: 1340, idleAgeMs: 1000, hardAgeMs: -1 };
    expect(formatFlow(entry, { ages: true })).toBe(
      ' cookie=0x12, duration=1.340s, table=0, n_packets=3, n_bytes=180, idle_timeout=100, send_flow_rem idle_age=1, priority=5,ip,in_port=1 actions=output:2',
    );
    expect(formatFlow(entry, { stats: false })).toBe(
      ' cookie=0x12, idle_timeout=100, send_flow_rem priority=5,ip,in_port=1 actions=output:2',
    );
  });

  it('takes a command word, and a cookie mask where flows are selected', () => {
    expect(parseFlow('delete_strict cookie=5/0xff,ip')).toMatchObject({
      command: 'delete_strict',
      cookie: 5n,
      cookieMask: 0xffn,
    });
    expect(parseFlow('cookie=7,actions=drop')).toMatchObject({ command: 'add', newCookie: 7n, cookieMask: 0n });
    expect(parseFlow('cookie=7,out_port=LOCAL', 'delete')).toMatchObject({ cookie: 7n, outPort: 0xfffffffe });
  });

  it('reads the microflow of a trace', () => {
    const flow = parseTraceFlow('in_port=1,dl_vlan=5,tcp,nw_src=10.0.0.1,tp_dst=80');
    expect([flow.u32(0), flow.u16(16), flow.u16(18), flow.u16(50)]).toEqual([1, 0x8100, 0x1005, 80]);
    expect(() => parseTraceFlow('ip,nw_src=10.0.0.0/8')).toThrow('10.0.0.0/8');
    expect(parseTraceFlow('ip').u32(KEY_IN_PORT)).toBe(OFPP.ANY);
  });

  // As Open vSwitch 3.1 refuses them.
  it.each([
    ['udp,tp_dst=', 'prerequisites not met for setting tp_dst'],
    ['udp,tp_dst=80', 'prerequisites not met for setting tp_dst'],
    ['ip,tcp_dst=80', 'prerequisites not met for setting tcp_dst'],
    ['tp_dst=80,tcp', 'prerequisites not met for setting tp_dst'],
    ['nw_src=1.2.3.4', 'prerequisites not met for setting nw_src'],
    ['icmp6,icmp_type=135', 'prerequisites not met for setting icmp_type'],
    ['tcp,tp_dst=', 'bad value for tp_dst (: bad syntax for tcp_dst value)'],
    ['tcp,tp_dst', 'bad value for tp_dst (: bad syntax for tcp_dst value)'],
    ['tcp,tp_dst=/', 'bad value for tp_dst (/: bad syntax for tcp_dst value)'],
    ['tcp,tp_dst=80/1', 'bad value for tp_dst (80/1: wildcards not allowed here)'],
    ['tcp,tp_dst=*', 'bad value for tp_dst (*: wildcards not allowed here)'],
    ['tcp,tcp_dst=99999', 'bad value for tcp_dst (99999: value too large for 2-byte field tcp_dst)'],
    ['dl_vlan=', 'bad value for dl_vlan (: bad syntax for dl_vlan value)'],
    ['in_port=', 'bad value for in_port (: invalid or unknown port for in_port)'],
    ['dl_src=zz', 'bad value for dl_src (zz: invalid Ethernet address)'],
    ['ip,nw_src=', 'bad value for nw_src (: invalid IP address)'],
    ['ct_state=+trk', 'bad value for ct_state (+trk: wildcards not allowed here)'],
    ['nosuch', 'unknown field nosuch'],
    ['eth', 'unknown field eth'],
  ])('refuses the microflow %s', (text, why) => {
    expect(() => parseTraceFlow(text)).toThrow(`Bad openflow flow syntax: ${text}: ${why}`);
  });
});
