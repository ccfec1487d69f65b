// Where windows for guest memory lie in the arena.
import { describe, expect, it } from 'vitest';
import { GuestWindows } from '../../../../datapath/arena/guest-windows.ts';
import { GUEST_BASE, MIB } from '../../../../datapath/layout/memory-map.ts';

const GIB = 1024 * MIB;

describe('GuestWindows', () => {
  it.each([0n, 0x7f12_3401_0000n, 0x7f12_341f_0000n, 0x7f00_0000_0000n])(
    'aligns addresses, wherever the arena lies (%s)',
    (base) => {
      const windows = new GuestWindows(base);
      for (const alignment of [65536, 2 * MIB, GIB, 2 * MIB]) {
        const at = windows.reserve(2 * MIB, alignment);
        expect((base + BigInt(at)) % BigInt(alignment)).toBe(0n);
        expect(at).toBeGreaterThanOrEqual(GUEST_BASE);
      }
    },
  );

  it('keeps a guard between windows, and gives a place again that was released', () => {
    const windows = new GuestWindows(0x7f12_341b_0000n);
    const first = windows.reserve(4 * MIB, 2 * MIB);
    const second = windows.reserve(2 * MIB, 2 * MIB);
    expect(second).toBeGreaterThan(first + 4 * MIB);
    windows.release(first);
    expect(windows.reserve(4 * MIB, 2 * MIB)).toBe(first);
  });

  it('says how much is free when there is no room', () => {
    expect(() => new GuestWindows(0n).reserve(4 * GIB, 2 * MIB)).toThrow('bytes are free; use smaller guests');
  });
});
