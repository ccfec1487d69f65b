import { expect, it } from 'vitest';
import { Arena } from '../../../datapath/arena/arena.ts';
import { Heap } from '../../../datapath/arena/heap.ts';
import { Quiescence } from '../../../datapath/arena/quiesce.ts';
import type { DpMeterBand } from '../../../datapath/dpif.ts';
import { METER_TABLE } from '../../../datapath/layout/memory-map.ts';
import { BAND_SIZE, BAND_TOKENS, METER_BANDS } from '../../../datapath/layout/meter.ts';
import { Meters } from '../../../datapath/meters.ts';

const band = (unit: DpMeterBand['unit'], rate: number): DpMeterBand => ({
  ...{ unit, rate, burst: rate, type: 'drop', precLevel: 0 },
});
const counts = (packets: number, bytes: number) => ({ packets: BigInt(packets), bytes: BigInt(bytes) });

function tokensAfter(bands: readonly DpMeterBand[], total: [number, number], above: [number, number][]): number[] {
  const arena = new Arena({ lock: false });
  const meters = new Meters(arena, new Heap(arena.views), new Quiescence(arena));
  const id = meters.add(bands)!;
  meters.charge(id, { ...counts(...total), bands: above.map((one) => counts(...one)) });
  const { u32, u64 } = arena.views;
  const at = u32[(METER_TABLE + id * 4) >> 2]! + METER_BANDS + BAND_TOKENS;
  return bands.map((_, i) => Number(BigInt.asIntN(64, u64[(at + i * BAND_SIZE) >> 3]!)) / 1e6);
}

it.each([
  ['nothing where the card held nothing back', [band('packets', 100)], [1000, 64000], [[0, 0]], [100]],
  ['packets that it let pass', [band('packets', 100)], [90, 5760], [[40, 2560]], [50]],
  ['bits, in thousands', [band('kbits', 100)], [15, 15000], [[5, 5000]], [20]],
  // 30 were above both rates, 20 more above the lower one alone.
  [
    'of each band what was below its rate',
    [band('packets', 50), band('packets', 100)],
    [90, 0],
    [
      [20, 0],
      [30, 0],
    ],
    [10, 40],
  ],
  ["not more than a second's worth", [band('packets', 100)], [100_000, 0], [[1, 0]], [0]],
] as [string, DpMeterBand[], [number, number], [number, number][], number[]][])(
  'charge() takes %s',
  (_, bands, total, above, left) => {
    expect(tokensAfter(bands, total, above)).toEqual(left);
  },
);
