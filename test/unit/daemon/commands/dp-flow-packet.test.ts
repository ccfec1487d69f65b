// Frames composed from datapath flows: sizes as Open vSwitch composes them, checksums right.
import { describe, expect, it } from 'vitest';
import { checksumAdd, checksumFold } from '../../../../datapath/port/kernel/offload.ts';
import { composePacket } from '../../../../src/daemon/commands/dp-flow-packet.ts';

const ETH = 'in_port(1),eth(src=50:54:00:00:00:01,dst=50:54:00:00:00:02)';
const IP = 'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=PROTO,tos=0,ttl=64,frag=no)';

describe('composePacket()', () => {
  it.each([
    [54, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '6')},tcp(src=8,dst=80),tcp_flags(syn)`],
    [118, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '6')},tcp(src=8,dst=80),tcp_flags(ack)`],
    [106, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '17')},udp(src=8,dst=80)`],
    [106, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '1')},icmp(type=8,code=0)`],
    [42, `${ETH},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=50:54:00:00:00:01,tha=00:00:00:00:00:00)`],
    [
      110,
      `${ETH},eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x0800),${IP.replace('PROTO', '17')},udp(src=8,dst=80))`,
    ],
    [
      138,
      `${ETH},eth_type(0x86dd),ipv6(src=fe80::5,dst=fe80::6,label=0,proto=6,tclass=0,hlimit=64,frag=no),tcp(src=8,dst=80)`,
    ],
    [
      86,
      `${ETH},eth_type(0x86dd),ipv6(src=fe80::5,dst=fe80::6,label=0,proto=58,tclass=0,hlimit=255,frag=no),icmpv6(type=135,code=0),nd(target=fe80::9,sll=50:54:00:00:00:03)`,
    ],
    [14, `${ETH},eth_type(0x88cc)`],
  ])('%i bytes: %s', (size, flow) => {
    expect(composePacket(flow)).toHaveLength(size);
  });

  it.each([
    [60, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '17')},udp(src=8,dst=80)`],
    [200, `${ETH},eth_type(0x0800),${IP.replace('PROTO', '6')},tcp(src=8,dst=80),tcp_flags(syn)`],
    [100, `${ETH},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1)`],
    [64, `${ETH},eth_type(0x88cc)`],
  ])('%i bytes because they were asked for: %s', (size, flow) => {
    expect(composePacket(flow, size)).toHaveLength(size);
  });

  it('refuses a length that its headers exceed', () => {
    expect(() => composePacket(`${ETH},eth_type(0x0800),${IP.replace('PROTO', '6')},tcp(src=8,dst=80)`, 50)).toThrow();
  });

  it('writes addresses, tags and checksums', () => {
    const flow = `${ETH},eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x0800),${IP.replace('PROTO', '17')},udp(src=8,dst=80))`;
    const frame = Buffer.from(composePacket(flow));
    expect(frame.subarray(0, 18).toString('hex')).toBe('505400000002505400000001810060050800');
    expect(checksumFold(checksumAdd(frame, 18, 38))).toBe(0);
    const pseudo = checksumAdd(frame, 30, 38, 17 + frame.length - 38);
    expect(checksumFold(checksumAdd(frame, 38, frame.length, pseudo))).toBe(0);
  });

  it.each(['zz', 'eth(', 'eth)', 'eth(src=1)', `${ETH},eth_type(x)`, `${ETH},eth_type(0x0800),ipv4(src=1.2.3)`])(
    'refuses %s',
    (flow) => {
      expect(() => composePacket(flow)).toThrow(/syntax error/);
    },
  );
});
