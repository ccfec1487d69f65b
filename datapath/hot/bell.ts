// The bell that wakes the control thread: datapath threads ring it when they queued work, or want memory mapped.

import { CONTROL_BLOCK } from '../layout/memory-map.ts';
import { CB_ASLEEP, CB_BELL } from '../layout/thread-block.ts';

/** The control thread is only woken when it said that it sleeps. */
export function ringBell(): void {
  atomic.add<u32>(CONTROL_BLOCK + CB_BELL, 1);
  // The control thread sets `asleep`, then checks for work once more: one of us sees the other.
  if (atomic.load<u32>(CONTROL_BLOCK + CB_ASLEEP) != 0) atomic.notify(CONTROL_BLOCK + CB_BELL, 1);
}
