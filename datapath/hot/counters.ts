// Counters of one datapath thread: only that thread writes them, the control thread reads them.

import { FS_PACKETS, FS_TCP_FLAGS, FS_USED_MS, PS_RX_DROPPED } from '../layout/flow.ts';
import { FLOW_STATS_SIZE, PORT_STATS_SIZE, T_FLOW_STATS, T_PORT_STATS } from '../layout/memory-map.ts';
import { TB_DROPS } from '../layout/thread-block.ts';
import { Flow, Thread } from './views.ts';

/** Adds `n` to the u64 counter at `offset` of the thread's block. */
export function count(t: Thread, offset: u32, n: u32): void {
  const at = changetype<usize>(t) + offset;
  store<u64>(at, load<u64>(at) + <u64>n);
}

export function countDrop(t: Thread, reason: u32, n: u32): void {
  const at = changetype<usize>(t) + TB_DROPS + (reason << 3);
  store<u64>(at, load<u64>(at) + <u64>n);
}

/** Address of this thread's counters of a port. */
export function portStats(t: Thread, port: u32): u32 {
  return changetype<u32>(t) + T_PORT_STATS + port * PORT_STATS_SIZE;
}

export function addStat(stats: u32, offset: u32, n: u64): void {
  store<u64>(stats + offset, load<u64>(stats + offset) + n);
}

/** Counts `n` frames that the port received and that go no further. */
export function dropReceived(t: Thread, port: u32, reason: u32, n: u32): void {
  countDrop(t, reason, n);
  addStat(portStats(t, port), PS_RX_DROPPED, n);
}

/** Flow statistics of a run of packets with the same flow. */
export function credit(t: Thread, flow: u32, packets: u32, bytes: u32, tcpFlags: u32): void {
  const at = changetype<u32>(t) + T_FLOW_STATS + changetype<Flow>(flow).index * FLOW_STATS_SIZE;
  // Packets and bytes are neighbours: one addition.
  const more = i64x2.replace_lane(i64x2.splat(packets), 1, bytes);
  v128.store(at, i64x2.add(v128.load(at, FS_PACKETS), more), FS_PACKETS);
  store<u64>(at, t.nowMs, FS_USED_MS);
  if (tcpFlags != 0) store<u32>(at, load<u32>(at, FS_TCP_FLAGS) | tcpFlags, FS_TCP_FLAGS);
}
