import { describe, expect, it } from 'vitest';
import { NO_POLICING, policingBands } from '../../../../src/daemon/bridge/policing.ts';

describe('policingBands()', () => {
  it('limits nothing by default', () => {
    expect(policingBands(NO_POLICING)).toEqual([]);
    expect(policingBands({ ...NO_POLICING, burst: 5, kpktsBurst: 5 })).toEqual([]);
  });

  it('takes kbit and packets, each with a default burst', () => {
    const drop = { type: 'drop', precLevel: 0 };
    expect(policingBands({ rate: 10, burst: 0, kpktsRate: 2, kpktsBurst: 0 })).toEqual([
      { unit: 'kbits', rate: 10, burst: 8000, ...drop },
      { unit: 'packets', rate: 2000, burst: 16_000, ...drop },
    ]);
    expect(policingBands({ rate: 10, burst: 7, kpktsRate: 0, kpktsBurst: 0 })).toEqual([
      { unit: 'kbits', rate: 10, burst: 7, ...drop },
    ]);
  });
});
