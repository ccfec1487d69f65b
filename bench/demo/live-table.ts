// The demo's table of rates: the difference of two looks at the switch's counters.

import { formatPercent, formatPps, formatTable } from '../harness/table.ts';
import type { PmdCounters, PortCounters } from './parse-stats.ts';

export interface Look {
  readonly timeMs: number;
  readonly pmds: readonly PmdCounters[];
  readonly ports: ReadonlyMap<string, PortCounters>;
}

const NO_PORT: PortCounters = { rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 };

/** Rates between two looks; `portNames` gives the rows and how a port is called in the counters. */
export function renderTable(before: Look, after: Look, portNames: ReadonlyMap<string, string>): string {
  const perSecond = 1000 / Math.max(1, after.timeMs - before.timeMs);
  const rate = (was: number, is: number) => formatPps(Math.max(0, is - was) * perSecond);
  const ports = [...portNames].map(([key, name]) => {
    const was = before.ports.get(key) ?? NO_PORT;
    const is = after.ports.get(key) ?? NO_PORT;
    const dropped = rate(was.rxDropped + was.txDropped, is.rxDropped + is.txDropped);
    return [name, rate(was.rxPackets, is.rxPackets), rate(was.txPackets, is.txPackets), dropped];
  });
  const pmds = after.pmds.map((is) => {
    const was = before.pmds.find(({ core }) => core === is.core) ?? is;
    const [busy, idle] = [is.busyCycles - was.busyCycles, is.idleCycles - was.idleCycles];
    const load = busy + idle > 0 ? formatPercent(busy / (busy + idle)) : '-';
    const upcalls = rate(was.upcalls + was.failedUpcalls, is.upcalls + is.failedUpcalls);
    const [emc, megaflow] = [rate(was.emcHits, is.emcHits), rate(was.megaflowHits, is.megaflowHits)];
    return [`PMD on core ${is.core}`, emc, megaflow, upcalls, load];
  });
  return [
    formatTable([['port', 'from guest', 'to guest', 'dropped'], ...ports]),
    '',
    formatTable([['thread', 'EMC hits', 'megaflow hits', 'upcalls', 'load'], ...pmds]),
  ].join('\n');
}
