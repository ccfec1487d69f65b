// Who caused a trap? The thread's guard words name the queue being written and the queue being read; a truncated memory
// file shows in its size. Runs in the thread that trapped, on weft's own records only.

import { fstatSync } from 'node:fs';
import type { ArenaViews } from '../arena/arena.ts';
import { BROKEN_REGISTERS, BROKEN_TRAP } from '../layout/drop-reasons.ts';
import { TB_BURST_VRING, TB_GUARD_SRC, TB_GUARD_VRING } from '../layout/thread-block.ts';
import {
  DEVICE_REGION_COUNT,
  DEVICE_REGIONS,
  LOG_FD,
  LOG_FILE_END,
  REGION_BYTES,
  REGION_FILE_OFFSET,
  REGION_ID,
  REGION_SIZE,
  VRING_BROKEN_REASON,
  VRING_DEVICE,
  VRING_DOORBELL,
  VRING_FLAG_DRIVER,
  VRING_FLAG_LOG,
  VRING_FLAGS,
  VRING_LOG,
  VRING_STATE,
  VRING_STATE_BROKEN,
} from '../layout/vring.ts';
import type { HotExports } from './hot-module.ts';

/** True when a region of the queue's guest no longer has the bytes it was mapped with. */
function memoryVanished(views: ArenaViews, vring: number): boolean {
  if (logVanished(views, vring)) return true;
  const device = views.u32[(vring + VRING_DEVICE) >> 2]!;
  const count = views.u32[(device + DEVICE_REGION_COUNT) >> 2]!;
  for (let i = 0; i < count; i++) {
    const region = device + DEVICE_REGIONS + i * REGION_SIZE;
    const end = views.u64[(region + REGION_FILE_OFFSET) >> 3]! + views.u64[(region + REGION_BYTES) >> 3]!;
    if (fileSize(views.u32[(region + REGION_ID) >> 2]!) < end) return true;
  }
  return false;
}

function logVanished(views: ArenaViews, vring: number): boolean {
  const log = views.u32[(vring + VRING_LOG) >> 2]!;
  const isLogged = (views.u32[(vring + VRING_FLAGS) >> 2]! & VRING_FLAG_LOG) !== 0;
  return isLogged && fileSize(views.u32[(log + LOG_FD) >> 2]!) < views.u64[(log + LOG_FILE_END) >> 3]!;
}

/** 0 when it cannot be told. */
function fileSize(fd: number): bigint {
  try {
    return BigInt(fstatSync(fd).size);
  } catch {
    return 0n;
  }
}

/** A card's ring whose registers a thread writes to: they are gone when the card is. */
function hasDoorbell(views: ArenaViews, vring: number): boolean {
  const isDriver = (views.u32[(vring + VRING_FLAGS) >> 2]! & VRING_FLAG_DRIVER) !== 0;
  return isDriver && views.u32[(vring + VRING_DOORBELL) >> 2] !== 0;
}

function breakVring(views: ArenaViews, vring: number, reason: number): void {
  views.u32[(vring + VRING_BROKEN_REASON) >> 2] = reason;
  Atomics.store(views.u32, (vring + VRING_STATE) >> 2, VRING_STATE_BROKEN);
}

/**
 * Handles a trap of thread `index`: breaks the queue whose guest is to blame (both when neither shows it) and makes the
 * thread whole again. False when no guest was being touched: then the trap is weft's own bug.
 */
export function recoverFromGuestFault(views: ArenaViews, area: number, index: number, hot: HotExports): boolean {
  const target = views.u32[(area + TB_GUARD_VRING) >> 2]!;
  const source = views.u32[(area + TB_GUARD_SRC) >> 2]!;
  if (target === 0 && source === 0) return false;
  const suspects = [...new Set([target, source])].filter((vring) => vring !== 0);
  const guilty = suspects.filter((vring) => memoryVanished(views, vring));
  const pulled = guilty.length > 0 ? [] : suspects.filter((vring) => hasDoorbell(views, vring));
  const broken = guilty.length > 0 ? guilty : pulled.length > 0 ? pulled : suspects;
  for (const vring of broken) breakVring(views, vring, pulled.length > 0 ? BROKEN_REGISTERS : BROKEN_TRAP);
  const burst = views.u32[(area + TB_BURST_VRING) >> 2]!;
  hot.recover(index, broken.includes(burst) ? 0 : 1);
  return true;
}
