// Frames that Open vSwitch 3.1 sent, and what weft sends for the same packets.
import { describe, expect, it } from 'vitest';
import { withMeantNdChecksum, withoutAtomicChecksum } from '../../oracle/ipv6-checksums.ts';

const HOP_BY_HOP = (checksum: string) =>
  '0000000000010a5500aa000386dd600000000028000020010db800010000000000000000000120010db80001000000000000000000013a01cbfe8d02264c' +
  `be365df19cbfb15a8800${checksum}0000000120010db8000000000000000000000002`;
const FRAGMENT = (checksum: string) =>
  '3333000000010000000000028100e01486dd6b8fffff00282c0020010db8000000000000000000000001fe8000000000000002000000000000013a000000' +
  `4e93106a8800${checksum}6000000020010db80001000000000000000000010001ffffffffffff`;
const TWO_HEADERS = (checksum: string) =>
  '0000000000010a5500aa000386dd600fffff00303c4020010db800010000000000000000000120010db80000000000000000000000022c01c3270c6d52ab' +
  `0f5b12441c5c393b3a0000001449ef6a8800${checksum}6000000020010db8000000000000000000000001`;

const AUTHENTICATED = (checksum: string) =>
  'ffffffffffff00000000000286dd6ff00000003033fffe800000000000000200000000000001fe8000000000000002000000000000013c00548cefee0696' +
  `3a0048418a630b678800${checksum}0000000220010db80001000000000000000000010201ffffffffffff`;
const ATOMIC = (checksum: string, more = '00') =>
  '01005e00000100000000000186dd6b91234500302c00ff02000000000000000000000000000120010db80000000000000000000000013a0000' +
  `${more}03b80c4c8700${checksum}e0000001ff0200000000000000000000000000010101ffffffffffff0201333300000001`;

describe('withMeantNdChecksum()', () => {
  it.each([
    ['hop-by-hop options', HOP_BY_HOP('eea4'), HOP_BY_HOP('ee7a')],
    ['a fragment header and a tag', FRAGMENT('bbb2'), FRAGMENT('bbac')],
    ['an authentication header', AUTHENTICATED('46da'), AUTHENTICATED('46e3')],
    ['two headers', TWO_HEADERS('8e62'), TWO_HEADERS('8e7c')],
  ])('corrects what is behind %s', (_, sent, meant) => expect(withMeantNdChecksum(sent)).toBe(meant));

  it.each([
    ['a right checksum', HOP_BY_HOP('ee7a')],
    ['another wrong checksum', HOP_BY_HOP('1234')],
    ['a frame that is cut', HOP_BY_HOP('eea4').slice(0, 120)],
    ['no IPv6', 'ffffffffffff0200000000010800'],
  ])('leaves %s alone', (_, frame) => expect(withMeantNdChecksum(frame)).toBe(frame));
});

describe('withoutAtomicChecksum()', () => {
  it('forgets the checksum of a fragment that is the only one', () => {
    expect(withoutAtomicChecksum(ATOMIC('36a2'))).toBe(ATOMIC('0000'));
  });

  it.each([
    ['a first fragment', ATOMIC('36a2', '01')],
    ['what is no fragment', HOP_BY_HOP('ee7a')],
  ])('leaves %s alone', (_, frame) => expect(withoutAtomicChecksum(frame)).toBe(frame));
});
