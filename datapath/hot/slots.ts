// Slots: buffers for packets that outlive their burst (upcalls, slow ports, spilled chains). Each thread owns a pool and
// a stack of free ones; slots go to the control thread as ring entries and come back with its verdict.

import { PORT_MAX, SLOT_MAX, SLOT_SIZE, T_SLOT_USE, T_SLOTS } from '../layout/memory-map.ts';
import { SLOT_CHARGED_PORT, SLOT_NEXT } from '../layout/thread-block.ts';
import { Thread } from './views.ts';

export const NO_SLOT: u32 = 0xffffffff;

export function slotAddress(t: Thread, slot: u32): u32 {
  return changetype<u32>(t) + T_SLOTS + slot * SLOT_SIZE;
}

/** Makes every slot free; only while nobody else uses the thread's rings. */
export function slotsReset(t: Thread): void {
  for (let i: u32 = 0; i < <u32>SLOT_MAX; i++)
    store<u32>(slotAddress(t, i) + SLOT_NEXT, i + 1 < <u32>SLOT_MAX ? i + 2 : 0);
  t.slotFree = 1;
  t.slotFreeCount = SLOT_MAX;
  t.spillHead = 0;
  for (let i: u32 = 0; i < <u32>PORT_MAX; i++) store<u32>(useAddress(t, i), 0);
}

export function slotAlloc(t: Thread): u32 {
  if (t.slotFree == 0) return NO_SLOT;
  const slot = t.slotFree - 1;
  t.slotFree = load<u32>(slotAddress(t, slot) + SLOT_NEXT);
  t.slotFreeCount--;
  store<u32>(slotAddress(t, slot) + SLOT_CHARGED_PORT, NO_SLOT);
  return slot;
}

export function slotFree(t: Thread, slot: u32): void {
  const address = slotAddress(t, slot);
  const port = load<u32>(address + SLOT_CHARGED_PORT);
  if (port != NO_SLOT) store<u32>(useAddress(t, port), load<u32>(useAddress(t, port)) - 1);
  store<u32>(address + SLOT_NEXT, t.slotFree);
  t.slotFree = slot + 1;
  t.slotFreeCount++;
}

function useAddress(t: Thread, port: u32): u32 {
  return changetype<u32>(t) + T_SLOT_USE + (port << 2);
}

/**
 * A slot charged to `port`, or NO_SLOT. A port may hold no more slots than are still free (dynamic thresholds,
 * Choudhury and Hahne 1998): a storm on one port leaves room for the others, and a lone port gets half of the pool.
 */
export function slotAllocFor(t: Thread, port: u32): u32 {
  // A packet-out may come from no port at all, whose number is that of no slot too.
  const charged = min<u32>(port, PORT_MAX - 1);
  const used = load<u32>(useAddress(t, charged));
  if (used >= t.slotFreeCount) return NO_SLOT;
  const slot = slotAlloc(t);
  if (slot == NO_SLOT) return NO_SLOT;
  store<u32>(slotAddress(t, slot) + SLOT_CHARGED_PORT, charged);
  store<u32>(useAddress(t, charged), used + 1);
  return slot;
}

/** Frees the slots that held pieces of the burst that just ended. */
export function freeSpilled(t: Thread): void {
  while (t.spillHead != 0) {
    const slot = t.spillHead - 1;
    t.spillHead = load<u32>(slotAddress(t, slot) + SLOT_NEXT);
    slotFree(t, slot);
  }
}
