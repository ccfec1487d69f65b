// A batch of hardware flows on its way to the card's thread: all keys and masks in one piece, which is copied as such.

import type { DpAction } from '../../dpif.ts';
import { KEY_SIZE } from '../../layout/flow-key.ts';
import type { HardwareFlow } from '../provider.ts';

export interface PackedFlows {
  /** Key and mask of each flow. */
  readonly matches: Uint8Array;
  readonly actions: readonly (readonly DpAction[])[];
}

const MATCH_SIZE = 2 * KEY_SIZE;

export function packFlows(flows: readonly HardwareFlow[]): PackedFlows {
  const matches = new Uint8Array(flows.length * MATCH_SIZE);
  for (const [i, { key, mask }] of flows.entries()) {
    matches.set(key, i * MATCH_SIZE);
    matches.set(mask, i * MATCH_SIZE + KEY_SIZE);
  }
  return { matches, actions: flows.map(({ actions }) => actions) };
}

export function unpackFlows({ matches, actions }: PackedFlows): HardwareFlow[] {
  return actions.map((list, i) => {
    const at = i * MATCH_SIZE;
    // A flow that stays must not keep the others' bytes.
    const key = matches.slice(at, at + KEY_SIZE);
    const mask = matches.slice(at + KEY_SIZE, at + MATCH_SIZE);
    return { key, mask, actions: list };
  });
}
