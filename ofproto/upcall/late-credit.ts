// What a card counted for a megaflow until it had taken it out: credited to those that the megaflow was for then.

import type { LateCounts } from '../../datapath/dpif.ts';
import type { Effects } from '../xlate/snapshot.ts';
import type { Ukey } from './ukey.ts';

/** To be given to the datapath with the change that makes `ukey` another, or none. */
export function lateCredit<Owner>(
  { dpFlow, effects }: Ukey<Owner>,
  credit: (effects: Effects, counts: LateCounts) => void,
): (counts: LateCounts) => void {
  return (counts) => {
    // The counts are part of the megaflow's too: its record need not find them there.
    const present = dpFlow.note as Ukey<Owner> | undefined;
    if (present) {
      present.packets += counts.packets;
      present.bytes += counts.bytes;
    }
    credit(effects, counts);
  };
}
