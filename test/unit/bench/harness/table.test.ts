import { describe, expect, it } from 'vitest';
import { formatPps, formatRatio, formatTable } from '../../../../bench/harness/table.ts';

describe('formatTable()', () => {
  it('aligns the first column left and the others right', () => {
    const text = formatTable([
      ['name', 'rate'],
      ['a', '12.5'],
      ['longer', '3'],
    ]);
    expect(text.split('\n')).toEqual(['name    rate', '------  ----', 'a       12.5', 'longer     3']);
  });

  it('is empty without rows', () => {
    expect(formatTable([])).toBe('');
  });
});

describe('formatPps() and formatRatio()', () => {
  it('choose the unit', () => {
    expect([12_345_678, 12_340, 12].map(formatPps)).toEqual(['12.35 Mpps', '12.3 kpps', '12 pps']);
    expect([2.345, undefined].map(formatRatio)).toEqual(['2.35x', '-']);
  });
});
