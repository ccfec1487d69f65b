// The reference datapath itself: what it parses, forwards and rewrites.
import { describe, expect, it } from 'vitest';
import type { DummyPort } from '../../../datapath/port/dummy/dummy-port.ts';
import { findDummyPort } from '../../../datapath/port/dummy/dummy-port.ts';
import { formatDpKey } from '../../../ofproto/odp-text/format-key.ts';
import { composePacket } from '../../../src/daemon/commands/dp-flow-packet.ts';
import { ReferenceDpif } from '../../support/reference/reference-dpif.ts';

const ETH = 'eth(src=50:54:00:00:00:01,dst=50:54:00:00:00:02)';
const all = new Uint8Array(256).fill(255);

describe('ReferenceDpif', () => {
  it.each([
    `${ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0x10,ttl=64,frag=no),tcp(src=8,dst=80),tcp_flags(syn|ack)`,
    `${ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=first),udp(src=8,dst=80)`,
    `${ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=later)`,
    `${ETH},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=50:54:00:00:00:01,tha=00:00:00:00:00:00)`,
    `${ETH},eth_type(0x86dd),ipv6(src=fe80::5,dst=fe80::6,label=0x12345,proto=58,tclass=0x20,hlimit=255,frag=no),icmpv6(type=135,code=0),nd(target=fe80::9,sll=50:54:00:00:00:03,tll=00:00:00:00:00:00)`,
    `${ETH},eth_type(0x8100),vlan(vid=5,pcp=3),encap(eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0))`,
    `${ETH},eth_type(0x88cc)`,
  ])('reads back what was composed: %s', (flow) => {
    const key = new ReferenceDpif().extract(composePacket(flow), 1);
    const text = formatDpKey(key, all);
    expect(text.slice(text.indexOf('eth('))).toBe(flow);
  });

  it('asks the sink once, then forwards by the megaflow it was given', async () => {
    const dpif = new ReferenceDpif();
    const [a, b] = [await open(dpif, 'a'), await open(dpif, 'b')];
    const sent: string[] = [];
    b.onSend = (frame) => sent.push(Buffer.from(frame.subarray(0, 18)).toString('hex'));
    let upcalls = 0;
    const actions = [
      { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 } as const,
      { type: 'output', port: b.odpPort } as const,
    ];
    dpif.setUpcallSink(({ key }) => {
      upcalls++;
      const mask = new Uint8Array(256);
      mask.fill(255, 0, 8);
      return { install: { key: key.map((byte, i) => byte & mask[i]!), mask, actions }, actions };
    });
    for (let i = 0; i < 3; i++) a.inject(composePacket(`${ETH},eth_type(0x88cc)`));
    expect(sent).toEqual(Array(3).fill('505400000002505400000001' + '8100000588cc'));
    expect([upcalls, dpif.flowCount(), dpif.stats().hit]).toEqual([1, 1, 2n]);
    await dpif.close();
  });
});

async function open(dpif: ReferenceDpif, name: string): Promise<DummyPort> {
  await dpif.portAdd({ name, type: 'dummy', options: {} });
  return findDummyPort(name);
}
