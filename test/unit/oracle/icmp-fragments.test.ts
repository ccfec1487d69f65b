// Frames that Open vSwitch 3.1 sent, and what weft sends for the same packets.
import { describe, expect, it } from 'vitest';
import { withoutIcmpOfFragments } from '../../oracle/icmp-fragments.ts';

/** 64 words into an ICMP message, behind twelve bytes of options, whose code a flow has set. */
const FRAGMENT = (offset: string, proto: string, icmp: string, rest = 'd270c2f1', tag = '') =>
  `000000000002000000000001${tag}080048b800286a71${offset}00${proto}b078e00000010a000101e2011091602a30b71606f752${icmp}${rest}`;

describe('withoutIcmpOfFragments()', () => {
  it('lets a later fragment begin with anything, and no other packet', () => {
    const [sent, meant] = [FRAGMENT('2064', '01', '00566a47'), FRAGMENT('2064', '01', '0d015d9c')];
    expect(withoutIcmpOfFragments(sent)).toBe(withoutIcmpOfFragments(meant));
    expect(withoutIcmpOfFragments(sent)).toBe(FRAGMENT('2064', '01', '00000000'));
    expect(withoutIcmpOfFragments(FRAGMENT('2064', '01', '00566a47', '', '81000005'))).toMatch(
      /^.{24}81000005.*00000000$/,
    );
    for (const other of [FRAGMENT('2000', '01', '00566a47'), FRAGMENT('2064', '02', '00566a47'), '0000']) {
      expect(withoutIcmpOfFragments(other)).toBe(other);
    }
  });

  it('takes a fragment that ends before its payload as it is', () => {
    const short = FRAGMENT('2064', '01', '').slice(0, 80);
    expect(withoutIcmpOfFragments(short)).toBe(short);
  });
});
