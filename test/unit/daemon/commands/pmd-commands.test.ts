// dpif-netdev/pmd-stats-show in Open vSwitch's layout.
import { expect, it } from 'vitest';
import type { PmdStats } from '../../../../datapath/dpif.ts';
import { formatPmdStats } from '../../../../src/daemon/commands/pmd-commands.ts';

const PMD: PmdStats = {
  name: 'pmd1',
  core: 1,
  numa: 0,
  packetsReceived: 12n,
  recirculations: 0n,
  emcHits: 0n,
  megaflowHits: 8n,
  subtableLookups: 20n,
  upcallsOk: 4n,
  upcallsFailed: 0n,
  txPackets: 12n,
  txBursts: 12n,
  iterations: 1n,
  sleepIterations: 0n,
  busyNs: 2268032n,
  idleNs: 3555593821n,
  drops: {},
  restarts: 0,
};

it('formatPmdStats() prints what Open vSwitch prints for the same counters', () => {
  expect(formatPmdStats(PMD)).toBe(`pmd thread numa_id 0 core_id 1:
  packets received: 12
  packet recirculations: 0
  avg. datapath passes per packet: 1.00
  phwol hits: 0
  mfex opt hits: 0
  simple match hits: 0
  emc hits: 0
  smc hits: 0
  megaflow hits: 8
  avg. subtable lookups per megaflow hit: 2.50
  miss with success upcall: 4
  miss with failed upcall: 0
  avg. packets per output batch: 1.00
  idle cycles: 3555593821 (99.94%)
  processing cycles: 2268032 (0.06%)
  avg cycles per packet: 296488487.75 (3557861853/12)
  avg processing cycles per packet: 189002.67 (2268032/12)`);
});

it('formatPmdStats() of the control thread has no time', () => {
  expect(formatPmdStats({ ...PMD, core: undefined })).toMatch(
    /^main thread:\n(.*\n)* {2}avg. packets per output batch: 1\.00$/,
  );
});
