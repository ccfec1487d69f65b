// Datapath flows as text, against lines that Open vSwitch 3.1 printed.
import { describe, expect, it } from 'vitest';
import type { DpAction, SetHeader } from '../../../datapath/dpif.ts';
import { SET_LAYOUT } from '../../../datapath/dpif.ts';
import * as K from '../../../datapath/layout/flow-key.ts';
import { formatDpActions } from '../../../ofproto/odp-text/format-actions.ts';
import { formatDpFlow } from '../../../ofproto/odp-text/format-flow.ts';
import { formatDpKey, type KeyTextOptions } from '../../../ofproto/odp-text/format-key.ts';

type Bytes = readonly [offset: number, hex: string, mask?: string];

/** Key and mask from fields given in hex; without a mask the field is exact. */
function keyAndMask(...fields: Bytes[]): [Uint8Array, Uint8Array] {
  const key = Buffer.alloc(K.KEY_SIZE);
  const mask = Buffer.alloc(K.KEY_SIZE);
  for (const [offset, value, bits] of fields) {
    key.set(Buffer.from(value, 'hex'), offset);
    mask.set(Buffer.from(bits ?? 'ff'.repeat(value.length / 2), 'hex'), offset);
  }
  mask.fill(0xff, K.KEY_PACKET_TYPE, K.KEY_PACKET_TYPE + 4);
  return [key, mask];
}

const inPort = (port: number): Bytes => [K.KEY_IN_PORT, port.toString(16).padStart(8, '0')];
const ethType = (hex: string): Bytes => [K.KEY_ETH_TYPE, hex];
const proto = (hex: string): Bytes => [K.KEY_NW_PROTO, hex];
const frag = (hex = '00'): Bytes => [K.KEY_NW_FRAG, hex];

describe('formatDpKey()', () => {
  it.each([
    [
      'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=80)',
      [inPort(1), ethType('0800'), proto('06'), frag(), [K.KEY_TP_DST, '0050']],
    ],
    [
      'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth(dst=50:54:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.1,proto=17,ttl=64,frag=no),udp(src=8)',
      [
        inPort(1),
        [K.KEY_ETH_DST, '505400000002'],
        ethType('0800'),
        [K.KEY_NW_SRC, '0a000001'],
        proto('11'),
        [K.KEY_NW_TTL, '40'],
        frag(),
        [K.KEY_TP_SRC, '0008'],
      ],
    ],
    [
      'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=1,tos=0/0xfc,frag=no)',
      [
        inPort(1),
        ethType('0800'),
        [K.KEY_NW_SRC, '0a000000', 'ff000000'],
        proto('01'),
        [K.KEY_NW_TOS, '00', 'fc'],
        frag(),
      ],
    ],
    [
      'recirc_id(0),in_port(2),packet_type(ns=0,id=0),eth(src=50:54:00:00:00:02,dst=50:54:00:00:00:01),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(frag=first))',
      [
        inPort(2),
        [K.KEY_ETH_SRC, '505400000002'],
        [K.KEY_ETH_DST, '505400000001'],
        [K.KEY_VLAN0_TPID, '81001005', 'ffff1fff'],
        ethType('0800'),
        frag('01'),
      ],
    ],
    [
      'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth(src=50:54:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1)',
      [
        inPort(1),
        [K.KEY_ETH_SRC, '505400000001'],
        [K.KEY_ETH_DST, 'ffffffffffff'],
        ethType('0806'),
        [K.KEY_NW_SRC, '0a000001'],
        [K.KEY_NW_DST, '0a000002'],
        proto('01'),
      ],
    ],
    [
      'recirc_id(0),in_port(3),packet_type(ns=0,id=0),eth_type(0x86dd),ipv6(dst=fe80::6,proto=58,frag=no),icmpv6(type=135,code=0)',
      [
        inPort(3),
        ethType('86dd'),
        [K.KEY_IPV6_DST, 'fe800000000000000000000000000006'],
        proto('3a'),
        frag(),
        [K.KEY_TP_SRC, '00870000'],
      ],
    ],
  ] as [string, Bytes[]][])('%s', (text, fields) => {
    expect(formatDpKey(...keyAndMask(...fields))).toBe(text);
  });

  it('shows a tag that the frame has no room for, up to as many as flows see', () => {
    const fields = [inPort(1), [K.KEY_VLAN0_TPID, '81007001', 'ffff1fff'], ethType('8100')] as Bytes[];
    const [key, mask] = keyAndMask(...fields, [K.KEY_VLAN1_TPID, '00000000', '00001000']);
    const text = (options: KeyTextOptions) =>
      formatDpKey(key, mask, options).replace(/.*eth_type\(0x8100\),vlan/, 'vlan');
    expect(formatDpKey(key, mask)).toMatch(/encap\(eth_type\(0x8100\),encap\(\)\)$/);
    expect(text({ verbose: true })).toBe('vlan(vid=0/0x0,pcp=0/0x0,cfi=0),encap())');
    expect(formatDpKey(key, mask, { vlanLimit: 1 })).toMatch(/encap\(eth_type\(0x8100\)\)$/);
  });

  it('shows every field and its mask when asked for more', () => {
    const fields = [inPort(1), ethType('0800'), proto('06'), frag(), [K.KEY_TP_DST, '0050']] as Bytes[];
    expect(formatDpKey(...keyAndMask(...fields), { verbose: true, portName: () => 'p1' })).toBe(
      'skb_priority(0/0),skb_mark(0/0),ct_state(0/0),ct_zone(0/0),ct_mark(0/0),ct_label(0/0),recirc_id(0),' +
        'dp_hash(0/0),in_port(p1),packet_type(ns=0,id=0),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,' +
        'dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,' +
        'proto=6,tos=0/0,ttl=0/0,frag=no),tcp(src=0/0,dst=80)',
    );
  });

  it('names TCP flags, exact or signed', () => {
    const base = [inPort(1), ethType('0800'), proto('06'), frag()] as Bytes[];
    const flags = (value: string, mask?: string) =>
      formatDpKey(...keyAndMask(...base, [K.KEY_TCP_FLAGS, value, mask ?? '0fff'])).split('frag=no),')[1];
    expect(flags('0002')).toBe('tcp_flags(syn)');
    expect(flags('0002', '0012')).toBe('tcp_flags(+syn-ack)');
  });
});

describe('formatDpActions()', () => {
  const set = (header: SetHeader, ...bytes: Bytes[]): DpAction => {
    const value = Buffer.alloc(SET_LAYOUT[header]);
    const mask = Buffer.alloc(SET_LAYOUT[header]);
    for (const [offset, hex, bits] of bytes) {
      value.set(Buffer.from(hex, 'hex'), offset);
      mask.set(Buffer.from(bits ?? 'ff'.repeat(hex.length / 2), 'hex'), offset);
    }
    return { type: 'set', header, value, mask };
  };

  it.each<[string, DpAction[]]>([
    ['drop', []],
    [
      'push_vlan(vid=10,pcp=0),2',
      [
        { type: 'push_vlan', tpid: 0x8100, tci: 0x100a },
        { type: 'output', port: 2 },
      ],
    ],
    [
      'push_vlan(tpid=0x88a8,vid=1,pcp=7),pop_vlan',
      [{ type: 'push_vlan', tpid: 0x88a8, tci: 0xf001 }, { type: 'pop_vlan' }],
    ],
    ['set(eth(dst=00:00:00:00:00:01))', [set('eth', [0, '000000000001'])]],
    ['set(ipv4(src=1.2.3.4,ttl=63))', [set('ipv4', [0, '01020304'], [10, '3f'])]],
    ['set(ipv4(tos=0x4/0xfc))', [set('ipv4', [9, '04', 'fc'])]],
    [
      'set(ipv6(dst=fe80::1)),set(tcp(dst=99))',
      [set('ipv6', [16, 'fe800000000000000000000000000001']), set('tcp', [2, '0063'])],
    ],
    [
      'trunc(64),2,clone(3)',
      [
        { type: 'trunc', maxLen: 64 },
        { type: 'output', port: 2 },
        { type: 'clone', actions: [{ type: 'output', port: 3 }] },
      ],
    ],
  ])('%s', (text, actions) => {
    expect(formatDpActions(actions)).toBe(text);
  });
});

it('formatDpFlow() names TCP flags in the order of Open vSwitch', () => {
  const [key, mask] = keyAndMask(inPort(1));
  const stats = () => ({ packets: 1n, bytes: 54n, usedMs: undefined, tcpFlags: 0x1ff });
  const flow = { ufid: '', key, mask, actions: [], alive: true, note: undefined, stats, readCounts: () => {} };
  expect(formatDpFlow(flow, { nowMs: 0 })).toContain(', flags:SFPRU.ECN, ');
});
