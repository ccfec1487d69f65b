// Frames that Open vSwitch 3.1 sent, and what weft sends for the same packets.
import { describe, expect, it } from 'vitest';
import { withMeantNdChecksum } from '../../oracle/nd-checksum.ts';

const HOP_BY_HOP = (checksum: string) =>
  '0000000000010a5500aa000386dd600000000028000020010db800010000000000000000000120010db80001000000000000000000013a01cbfe8d02264c' +
  `be365df19cbfb15a8800${checksum}0000000120010db8000000000000000000000002`;
const FRAGMENT = (checksum: string) =>
  '3333000000010000000000028100e01486dd6b8fffff00282c0020010db8000000000000000000000001fe8000000000000002000000000000013a000000' +
  `4e93106a8800${checksum}6000000020010db80001000000000000000000010001ffffffffffff`;
const TWO_HEADERS = (checksum: string) =>
  '0000000000010a5500aa000386dd600fffff00303c4020010db800010000000000000000000120010db80000000000000000000000022c01c3270c6d52ab' +
  `0f5b12441c5c393b3a0000001449ef6a8800${checksum}6000000020010db8000000000000000000000001`;

describe('withMeantNdChecksum()', () => {
  it.each([
    ['hop-by-hop options', HOP_BY_HOP('eea4'), HOP_BY_HOP('ee7a')],
    ['a fragment header and a tag', FRAGMENT('bbb2'), FRAGMENT('bbac')],
    ['two headers', TWO_HEADERS('8e62'), TWO_HEADERS('8e7c')],
  ])('corrects what is behind %s', (_, sent, meant) => expect(withMeantNdChecksum(sent)).toBe(meant));

  it.each([
    ['a right checksum', HOP_BY_HOP('ee7a')],
    ['another wrong checksum', HOP_BY_HOP('1234')],
    ['a frame that is cut', HOP_BY_HOP('eea4').slice(0, 120)],
    ['no IPv6', 'ffffffffffff0200000000010800'],
  ])('leaves %s alone', (_, frame) => expect(withMeantNdChecksum(frame)).toBe(frame));
});
