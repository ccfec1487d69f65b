import { expect, it } from 'vitest';
import { Hurry } from '../../../../ofproto/upcall/hurry.ts';
import { DEFAULT_SETTINGS } from '../../../../ofproto/upcall/settings.ts';

it('a walk hurries from its beginning when it is sure to take more than half of max-revalidator', () => {
  expect(new Hurry(DEFAULT_SETTINGS, 200_000, 0.002).isOn).toBe(true);
  expect(new Hurry({ ...DEFAULT_SETTINGS, maxRevalidatorMs: 3_600_000 }, 200_000, 0.002).isOn).toBe(false);
  expect(new Hurry({ ...DEFAULT_SETTINGS, maxRevalidatorMs: 3_600_000 }, 200_000, 0).isOn).toBe(false);
});

it('deletes what fewer packets use than min-revalidate-pps says, and counts it', () => {
  const hurry = new Hurry(DEFAULT_SETTINGS, 0, 0);
  expect([0, 4, 5, 1000].map((pps) => hurry.deletes(pps))).toEqual([true, true, false, false]);
  expect(hurry.removed).toBe(2);
});
