// OpenFlow port numbers.
import { describe, expect, it } from 'vitest';
import { OfportAllocator } from '../../../../src/daemon/bridge/ofports.ts';

describe('OfportAllocator', () => {
  it('gives what is asked for when it can, else the next number', () => {
    const ofports = new OfportAllocator();
    expect([44, undefined, 44, 0, -1, 0xff00, 70_000].map((wanted) => ofports.take(wanted))).toEqual([
      44, 1, 2, 3, 4, 5, 6,
    ]);
  });

  it('lets a freed number rest', () => {
    const ofports = new OfportAllocator();
    ofports.take(undefined);
    ofports.free(1);
    expect(ofports.take(undefined)).toBe(2);
    expect(ofports.take(1)).toBe(1);
  });

  it('has an end', () => {
    const ofports = new OfportAllocator();
    for (let count = 0; count < 0xfeff; count++) expect(ofports.take(undefined)).toBeDefined();
    expect(ofports.take(undefined)).toBeUndefined();
    ofports.free(0x100);
    expect(ofports.take(undefined)).toBe(0x100);
  });
});
