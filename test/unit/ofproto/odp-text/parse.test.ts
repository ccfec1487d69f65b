import { describe, expect, it } from 'vitest';
import { formatDpActions } from '../../../../ofproto/odp-text/format-actions.ts';
import { formatDpKey } from '../../../../ofproto/odp-text/format-key.ts';
import { parseDpActions } from '../../../../ofproto/odp-text/parse-actions.ts';
import { parseDpKey } from '../../../../ofproto/odp-text/parse-key.ts';

const PORTS = new Map([['p1', 1]]);
const HEAD = 'recirc_id(0),in_port(1),packet_type(ns=0,id=0)';

describe('parseDpKey() reads what formatDpKey() prints', () => {
  it.each([
    `${HEAD},eth(src=50:54:00:00:00:05,dst=50:54:00:00:00:07),eth_type(0x0800),ipv4(src=1.2.3.4/255.0.0.0,proto=17,frag=no),udp(src=8,dst=9)`,
    `skb_priority(0x5),skb_mark(0x1/0xf),${HEAD},eth_type(0x86dd),ipv6(src=2001:db8::1,label=0x5/0xff,proto=58,tclass=0x1/0x3,frag=first),icmpv6(type=135,code=0),nd(target=::1,sll=00:00:00:00:00:01)`,
    `${HEAD},eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x88a8),vlan(vid=6),encap(eth_type(0x0806),arp(sip=1.1.1.1,tip=2.2.2.2,op=1,sha=00:00:00:00:00:01)))`,
    `${HEAD},eth_type(0x0800),ipv4(proto=6,frag=no),tcp(src=80),tcp_flags(syn|ack)`,
    `recirc_id(0x7),dp_hash(0x3/0xf),in_port(2),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8,code=0)`,
  ])('%s', (text) => {
    const { key, mask } = parseDpKey(text);
    expect(formatDpKey(key, mask)).toBe(text);
  });

  it('takes ports by name, a ufid in front and words that nothing sets', () => {
    const { key } = parseDpKey('ufid:0-1, ct_state(0/0),ct_zone(0/0),in_port(p1),eth()', (name) => PORTS.get(name));
    expect(key[3]).toBe(1);
  });

  it.each([
    ['frob(3)', 'syntax error at frob(3)'],
    ['in_port(1),eth(src=x)', 'syntax error at eth(src=x)'],
    ['in_port(1', 'syntax error at in_port(1'],
    ['ipv4(foo=1)', 'syntax error at ipv4(foo=1)'],
    ['encap()', 'syntax error at encap()'],
  ])('%s: %s', (text, message) => {
    expect(() => parseDpKey(text)).toThrow(message);
  });
});

describe('parseDpActions() reads what formatDpActions() prints', () => {
  it.each([
    'drop',
    '2,push_vlan(vid=3,pcp=1),set(ipv4(ttl=3)),3,pop_vlan',
    'push_vlan(tpid=0x88a8,vid=0,pcp=0),trunc(100),4',
    'set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02/ff:ff:ff:00:00:00)),clone(set(tcp(src=80)),1),2',
    'set(skb_priority(0x5)),set(skb_mark(0x7)),set(ipv6(label=0x3,tclass=0x4/0xfc,hlimit=9)),1',
    'hash(sym_l4(1)),recirc(0x5)',
    'set(icmp(type=1,code=2)),set(nd(target=::1)),1',
  ])('%s', (text) => {
    expect(formatDpActions(parseDpActions(text))).toBe(text);
  });

  it.each(['frob', 'set(frob(x=1))', 'set(ipv4(proto=3))', 'push_vlan(vid=x)', 'trunc(a)'])('refuses %s', (text) => {
    expect(() => parseDpActions(text)).toThrow('syntax error');
  });
});
