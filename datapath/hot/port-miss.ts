// What a port does with packets that have no megaflow, when it does not ask the control thread: the miss flow of its record
// takes them, like a megaflow that matches the rest. So a NIC's eSwitch hands a function's first packets to the representor
// at the speed of any other flow. A port may also be held to one source address: its megaflows are made to match it,
// and here the packets of none are looked at.

import { PORT_SOURCE, PS_RX_SPOOFED } from '../layout/flow.ts';
import { TB_RUNS, RUN_SIZE } from '../layout/thread-block.ts';
import { DROP_SPOOFED } from '../layout/drop-reasons.ts';
import { addStat, countDrop, portStats } from './counters.ts';
import { packetAt } from './vhost-rx.ts';
import { Packet, Port, Run, Thread } from './views.ts';

/** Six bytes of an address in memory order, in a u64. */
const ADDRESS: u64 = 0xffffffffffff;

function allowedSource(port: Port): u64 {
  return load<u64>(changetype<u32>(port), PORT_SOURCE);
}

/**
 * Gives the port's miss flow to the packets of the burst that have none. Returns how many of the `missed` are still without:
 * all where sources are checked, packet by packet then.
 */
export function adoptMisses(t: Thread, port: Port, missed: u32, n: u32): u32 {
  const flow = port.miss;
  if (flow == 0 || allowedSource(port) != 0) return missed;
  for (let r: u32 = 0; r < t.runCount; r++) {
    const run = changetype<Run>(changetype<u32>(t) + TB_RUNS + r * RUN_SIZE);
    if (run.flow == 0) run.flow = flow;
  }
  for (let i = t.mixedFrom; i < n; i++) {
    const p = packetAt(t, i);
    if (p.flow == 0) p.flow = flow;
  }
  return 0;
}

/** Whether a packet without a megaflow, from a port that is held to one source address, has another: it is dropped. */
export function dropSpoofed(t: Thread, port: Port, p: Packet): bool {
  const allowed = allowedSource(port);
  if (allowed == 0 || (load<u64>(p.data, 6) & ADDRESS) == allowed) return false;
  countDrop(t, DROP_SPOOFED, 1);
  addStat(portStats(t, port.number), PS_RX_SPOOFED, 1);
  return true;
}
