import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { BUNDLE_IDLE_TIMEOUT_MS, Bundles } from '../../../../ofproto/connmgr/bundles.ts';

const MESSAGE = new Uint8Array(16);
const entry = { apply: () => {} };

describe('Bundles', () => {
  it('gives up a bundle that was not used for a while, and only that', () => {
    const clock = new VirtualClock();
    const gone: number[] = [];
    const bundles = new Bundles(clock, ({ id }) => gone.push(id));
    bundles.open(1, 0, MESSAGE);
    bundles.open(2, 0, MESSAGE);
    clock.warp(BUNDLE_IDLE_TIMEOUT_MS - 1);
    bundles.add(2, 0, entry, MESSAGE);
    clock.warp(1);
    expect(gone).toEqual([1]);
    clock.warp(BUNDLE_IDLE_TIMEOUT_MS);
    expect(gone).toEqual([1, 2]);
    expect(() => bundles.take(2, 0)).toThrow('OFPBFC_BAD_ID');
  });

  it('holds a bounded number of bundles', () => {
    const bundles = new Bundles(new VirtualClock(), () => {});
    for (let id = 0; id < 256; id++) bundles.open(id, 0, MESSAGE);
    expect(() => bundles.open(256, 0, MESSAGE)).toThrow('OFPBFC_OUT_OF_BUNDLES');
  });
});
