// Verdicts: the control thread's answers to upcalls. Each runs an action list on the slot's packet and on those that wait
// behind it, in order (upcall.ts, "Order"), or gives the slot back.

import { DROP_UPCALL_REFUSED } from '../layout/drop-reasons.ts';
import { DEPTH_ALL } from '../layout/flow.ts';
import { RING_MAX, T_FROM_CONTROL } from '../layout/memory-map.ts';
import {
  SLOT_KIND,
  SLOT_KIND_MISS,
  SLOT_KIND_WAITING,
  SLOT_LEN,
  SLOT_NEXT,
  SLOT_WAIT_HEAD,
  TC_UPCALLS_FAILED,
  TC_UPCALLS_OK,
  VERDICT_EXECUTE,
  VERDICT_FREE,
} from '../layout/thread-block.ts';
import { runActions } from './actions.ts';
import { count, countDrop, credit } from './counters.ts';
import { packetFromSlot, resetClones, slotPacket } from './packet.ts';
import { parse } from './parse.ts';
import { slotAddress, slotFree } from './slots.ts';
import { flushAll } from './tx.ts';
import { unlinkPending } from './upcall.ts';
import { PKT_KEY, Thread } from './views.ts';

/** Runs the verdicts that the control thread pushed. Call only while nothing is staged. */
export function drainVerdicts(t: Thread): void {
  // Acquire: the entries behind the head were written before it.
  const head = atomic.load<u32>(changetype<usize>(t) + offsetof<Thread>('fromControlHead'));
  let tail = t.fromControlTail;
  while (tail != head) {
    const entry = changetype<u32>(t) + T_FROM_CONTROL + ((tail & (RING_MAX - 1)) << 4);
    settle(t, load<u32>(entry), load<u32>(entry, 4), load<u32>(entry, 8), load<u32>(entry, 12));
    tail++;
    // Release: the control thread may free the entry's actions once the tail has passed it.
    atomic.store<u32>(changetype<usize>(t) + offsetof<Thread>('fromControlTail'), tail);
  }
}

function settle(t: Thread, slot: u32, verdict: u32, actions: u32, flow: u32): void {
  const address = slotAddress(t, slot);
  if (load<u32>(address + SLOT_KIND) == SLOT_KIND_MISS) {
    unlinkPending(t, slot);
    count(t, verdict == VERDICT_FREE ? TC_UPCALLS_FAILED : TC_UPCALLS_OK, 1);
  }
  let at = slot + 1;
  let waiting = load<u32>(address + SLOT_WAIT_HEAD);
  while (at != 0) {
    if (verdict != VERDICT_FREE) {
      const counted = at == slot + 1 && verdict == VERDICT_EXECUTE;
      if (flow != 0 && !counted) credit(t, flow, 1, load<u32>(slotAddress(t, at - 1) + SLOT_LEN), 0);
      executeSlot(t, at - 1, actions);
    } else if (load<u32>(slotAddress(t, at - 1) + SLOT_KIND) == SLOT_KIND_WAITING) countDrop(t, DROP_UPCALL_REFUSED, 1);
    slotFree(t, at - 1);
    at = waiting;
    if (at != 0) waiting = load<u32>(slotAddress(t, at - 1) + SLOT_NEXT);
  }
}

/** Runs actions on a slot's frame and sends what they staged; the slot is still the caller's. */
export function executeSlot(t: Thread, slot: u32, actions: u32): void {
  const p = slotPacket(t);
  packetFromSlot(t, p, slot);
  const key = changetype<u32>(p) + PKT_KEY;
  store<u64>(key, 0);
  store<u32>(key, bswap<u32>(p.inPort));
  parse(p, load<u64>(key), DEPTH_ALL);
  runActions(t, p, actions);
  flushAll(t);
  resetClones(t);
}
