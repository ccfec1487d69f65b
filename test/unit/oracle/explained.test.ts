// What counts as explained when real Open vSwitch and weft differ.
import { describe, expect, it } from 'vitest';
import { explanationOf } from '../../oracle/explained.ts';
import type { Mismatch } from '../../oracle/oracle-case.ts';

const mismatch = (aspect: Mismatch['aspect'], ovs: string, weft: string, facts: Mismatch['facts'] = []): Mismatch => ({
  aspect,
  about: '',
  facts,
  ovs,
  weft,
});
const hex = (value: number) => value.toString(16).padStart(16, '0');
const meter = (id: number, packets: number) =>
  `${id.toString(16).padStart(8, '0')}${'0038'.padEnd(24, '0')}${hex(packets)}${hex(60 * packets)}${hex(0)}`;

describe('explanationOf()', () => {
  const QUERY = '     -> multicast snooping query from 10.0.0.1 is on port p2 in VLAN 0';

  it('takes what Open vSwitch says of snooping out of a trace, and nothing else', () => {
    expect(explanationOf(mismatch('trace-steps', `NORMAL\n${QUERY}`, 'NORMAL'))).toHaveLength(1);
    expect(explanationOf(mismatch('trace-steps', 'NORMAL', `NORMAL\n${QUERY}`))).toEqual([]);
    expect(explanationOf(mismatch('trace-steps', `NORMAL\n${QUERY}`, 'drop'))).toEqual([]);
  });

  it('lets the first meter count more when packets were resumed, and no other meter', () => {
    const [few, more, other] = [1, 4, 2].map((packets) => `${meter(1, packets)}\n${meter(2, 0)}`);
    expect(explanationOf(mismatch('meter-stats', more!, few!, ['resumed']))).toHaveLength(1);
    expect(explanationOf(mismatch('meter-stats', more!, few!))).toEqual([]);
    expect(explanationOf(mismatch('meter-stats', few!, more!, ['resumed']))).toEqual([]);
    const second = `${meter(1, 2)}\n${meter(2, 3)}`;
    expect(explanationOf(mismatch('meter-stats', second, other!, ['resumed']))).toEqual([]);
  });

  it("takes flows of packets that came back from a controller and went round for weft's alone", () => {
    const round = 'recirc_id(N),in_port(1),eth_type(0x0800), packets:1, bytes:60, used:N, actions:2';
    expect(explanationOf(mismatch('datapath-flows', '', `${round}\n`, ['resumed']))).toHaveLength(1);
    expect(explanationOf(mismatch('datapath-flows', '', `${round}\n`))).toEqual([]);
    expect(explanationOf(mismatch('datapath-flows', `${round}\n`, '', ['resumed']))).toEqual([]);
  });

  it('lets weft alone match a next protocol of NSH that decap does not know', () => {
    const [ovs, weft] = ['Megaflow: eth,dl_type=0x894f', 'Megaflow: eth,dl_type=0x894f,nsh_np='];
    expect(explanationOf(mismatch('megaflow', ovs, `${weft}6`))).toHaveLength(1);
    expect(explanationOf(mismatch('megaflow', ovs, `${weft}3`))).toEqual([]);
    expect(explanationOf(mismatch('megaflow', `${weft}6`, ovs))).toEqual([]);
    const flow = (nsh: string) => `eth_type(0x894f),nsh(${nsh}), packets:1, bytes:72, used:N, actions:drop`;
    expect(explanationOf(mismatch('datapath-flows', flow('c1=0x0'), flow('np=0,c1=0x0')))).toHaveLength(1);
    expect(explanationOf(mismatch('datapath-flows', flow('c1=0x0'), flow('np=4,c1=0x0')))).toEqual([]);
    expect(explanationOf(mismatch('datapath-flows', flow(''), flow('np=6')))).toHaveLength(1);
  });
});
