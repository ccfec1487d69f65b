// NSH headers of datapath flows, as Open vSwitch 3.1 printed them.
import { describe, expect, it } from 'vitest';
import { formatNsh } from '../../../../ofproto/odp-text/nsh.ts';

/** flags 2, ttl 30, mdtype, np 3, spi 0xffffff, si 0, c1 1 */
const header = (mdType: number) =>
  Uint8Array.of(2, 30, mdType, 3, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, ...new Array<number>(12).fill(0));

function masked(bytes: Readonly<Record<number, number>>): Uint8Array {
  const mask = new Uint8Array(24);
  for (const [at, bits] of Object.entries(bytes)) mask[Number(at)] = bits;
  return mask;
}

describe('formatNsh()', () => {
  it('names the fields that are matched', () => {
    expect(formatNsh(header(1), masked({}), 1)).toBe('nsh()');
    expect(formatNsh(header(1), masked({ 1: 0xff, 2: 0xff }), 1)).toBe('nsh(ttl=30,mdtype=1)');
  });

  it('pads bytes and words under a partial mask', () => {
    expect(formatNsh(header(1), masked({ 0: 0x01 }), 1)).toBe('nsh(flags=0x02/0x01)');
    expect(formatNsh(header(1), masked({ 6: 0x01 }), 1)).toBe('nsh(spi=0xffffff/0x00000001)');
    expect(formatNsh(header(1), masked({ 7: 0x01 }), 1)).toBe('nsh(si=0x00/0x01)');
    expect(formatNsh(header(1), masked({ 11: 0x01 }), 1)).toBe('nsh(c1=0x1/0x00000001)');
  });

  it('shows zeroes for the context of other metadata than type 1', () => {
    expect(formatNsh(header(2), masked({ 2: 0xff }), 2)).toBe('nsh(mdtype=2,c1=0x0,c2=0x0,c3=0x0,c4=0x0)');
  });
});
