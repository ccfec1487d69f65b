import { describe, expect, it } from 'vitest';
import { type McastEvent, mcastEvents } from '../../../ofproto/mcast-message.ts';
import { igmp, igmp3, ip4, mld, mld2 } from '../../support/mcast-frames.ts';

const GROUP6 = 'ff050000000000000000000000010001';
const text = (event: McastEvent) =>
  `${event.kind} ${Buffer.from(event.kind === 'query' ? event.source : event.group).toString('hex')}`;
const read = (frame: Uint8Array) => mcastEvents(frame).map(text);

describe('mcastEvents()', () => {
  it.each([
    ['IGMPv1 report', igmp(0x12, '225.1.1.1'), ['join e1010101']],
    ['IGMPv2 report', igmp(0x16, '225.1.1.1'), ['join e1010101']],
    ['leave', igmp(0x17, '225.1.1.1', { dst: '224.0.0.2' }), ['leave e1010101']],
    ['query', igmp(0x11, '0.0.0.0', { dst: '224.0.0.1', src: '10.0.0.9' }), ['query 0a000009']],
    ["a proxy's query", igmp(0x11, '0.0.0.0', { dst: '224.0.0.1', src: '0.0.0.0' }), []],
    ['another IGMP message', igmp(0x13, '225.1.1.1'), []],
    [
      'IGMPv3 report',
      igmp3([4, ip4('225.1.1.1')], [3, ip4('225.1.1.2')], [1, ip4('225.1.1.3'), ip4('1.1.1.1')], [9, ip4('225.1.1.4')]),
      ['join e1010101', 'leave e1010102', 'join e1010103'],
    ],
    ['MLDv1 report', mld(131, GROUP6), [`join ${GROUP6}`]],
    ['MLD done', mld(132, GROUP6), [`leave ${GROUP6}`]],
    ['MLD query', mld(130, GROUP6), ['query fe800000000000000000000000000001']],
    [
      'MLDv2 report',
      mld2([1, Buffer.from(GROUP6, 'hex')], [6, Buffer.from(GROUP6, 'hex')]),
      [`leave ${GROUP6}`, `join ${GROUP6}`],
    ],
  ])('%s', (_, frame, events) => {
    expect(read(frame)).toEqual(events);
  });

  it('sees through VLAN tags', () => {
    const frame = igmp(0x16, '225.1.1.1');
    const tagged = Buffer.concat([frame.subarray(0, 12), Buffer.from('88a8000a81000005', 'hex'), frame.subarray(12)]);
    expect(read(tagged)).toEqual(['join e1010101']);
  });

  it('reads nothing from what is cut short or damaged, wherever', () => {
    for (const frame of [
      igmp(0x16, '225.1.1.1'),
      igmp3([4, ip4('225.1.1.1')]),
      mld(131, GROUP6),
      mld2([4, ip4('0.0.0.0')]),
    ]) {
      for (let size = 0; size < frame.length; size++) expect(read(frame.subarray(0, size))).toEqual([]);
      for (let at = frame.length - 8; at < frame.length; at++) {
        const damaged = Buffer.from(frame);
        damaged[at]! ^= 0x10;
        expect(read(damaged)).toEqual([]);
      }
    }
    const lying = igmp3([4, ip4('225.1.1.1')]);
    expect(read(Buffer.concat([lying.subarray(0, 14), Buffer.alloc(4)]))).toEqual([]);
  });
});
