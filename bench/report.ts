// What weft-bench prints: medians, spread, and ratios of rounds measured in turn.

import type { BenchOptions, PeerName } from './bench-options.ts';
import { DISTURBED } from './harness/interference.ts';
import { median, pairedRatio, spread } from './harness/statistics.ts';
import { formatPercent, formatPps, formatRatio, formatTable } from './harness/table.ts';
import type { Measurement } from './measure.ts';
import type { StartCost } from './peers/peer.ts';
import { formatWaits, type Waits } from './probes.ts';

const MIB = 2 ** 20;

/** Everything measured, by switch: scenario name to rounds, and one start per round. */
export interface PeerResults {
  version: string;
  readonly rounds: Map<string, Measurement[]>;
  readonly starts: StartCost[];
}

export type Results = ReadonlyMap<PeerName, PeerResults>;

const received = (results: PeerResults | undefined, scenario: string) =>
  (results?.rounds.get(scenario) ?? []).map(({ receivedPps }) => receivedPps);

function speedCell(values: readonly number[]): string {
  return values.length === 0 ? '-' : `${formatPps(median(values))} +-${formatPercent(spread(values))}`;
}

/** Medians of frames received per second, and weft's ratio to each other switch. */
export function speedTable(options: BenchOptions, results: Results): string {
  const others = options.peers.filter((peer) => peer !== 'weft');
  const ours = results.get('weft');
  const compared = ours !== undefined && others.length > 0;
  const head = ['scenario', ...options.peers, ...(compared ? others.map((peer) => `weft / ${peer}`) : [])];
  const rows = options.scenarios.map(({ name, about }) => {
    const cells = options.peers.map((peer) => speedCell(received(results.get(peer), name)));
    const ratio = (peer: PeerName) => formatRatio(pairedRatio(received(ours, name), received(results.get(peer), name)));
    return [`${name} (${about})`, ...cells, ...(compared ? others.map(ratio) : [])];
  });
  return formatTable([head, ...rows]);
}

/** How long people waited in each round of the scenarios where that was measured; empty when there is none. */
export function waitsTable(options: BenchOptions, results: Results): string {
  const rows: string[][] = [];
  for (const { name } of options.scenarios) {
    for (const peer of options.peers) {
      const waits = (results.get(peer)?.rounds.get(name) ?? []).flatMap((round) => round.waits ?? []);
      const all = (kind: keyof Waits) => formatWaits(waits.flatMap((one) => one[kind]));
      if (waits.length > 0) rows.push([`${name}, ${peer}`, all('echoMs'), all('vsctlMs')]);
    }
  }
  return rows.length === 0 ? '' : formatTable([['waiting', 'OpenFlow echo', 'ovs-vsctl'], ...rows]);
}

/** Start time and memory before any port exists. */
export function startTable(options: BenchOptions, results: Results): string {
  const rows = options.peers.map((peer) => {
    const starts = results.get(peer)?.starts ?? [];
    if (starts.length === 0) return [peer, '-', '-', '-'];
    const mib = (pick: (cost: StartCost) => number) => `${Math.round(median(starts.map(pick)) / MIB)} MiB`;
    const startMs = Math.round(median(starts.map((cost) => cost.startMs)));
    return [peer, `${startMs} ms`, mib((cost) => cost.ordinary), mib((cost) => cost.huge)];
  });
  return formatTable([['start, no guests', 'answers after', 'resident', 'huge pages'], ...rows]);
}

/** A warning when other programs ran during the measurements; empty when the machine was ours. */
export function disturbance(results: Results): string {
  const shares = [...results.values()].flatMap(({ rounds }) => [...rounds.values()].flat().map(({ others }) => others));
  if (shares.length === 0 || Math.max(...shares) < DISTURBED) return '';
  const [typical, worst] = [formatPercent(median(shares)), formatPercent(Math.max(...shares))];
  return `other programs took ${typical} of a core (median; at worst ${worst}): measure again on a quiet machine`;
}

/** What each switch agreed with its guests, and whether that is the same for all. */
export function negotiated(results: Results): string {
  const lines = new Map<PeerName, string>();
  for (const [peer, { rounds }] of results) {
    const guests = [...rounds.values()].flat().flatMap((round) => round.guests);
    const features = new Set(guests.map((guest) => guest.features));
    const pages = new Set(guests.map((guest) => (guest.hugepages ? 'huge pages' : 'ordinary pages')));
    if (guests.length > 0) lines.set(peer, `${[...features].join(' | ')}; guest RAM in ${[...pages].join(' and ')}`);
  }
  const same = new Set(lines.values()).size <= 1;
  const text = [...lines].map(([peer, line]) => `  ${peer}: ${line}`).join('\n');
  return `negotiated with the guests${same ? '' : ' (NOT THE SAME: the ratios do not compare)'}:\n${text}`;
}

/** Every measurement, for --json. */
export function toJson(machine: string, options: BenchOptions, results: Results): string {
  const peers = [...results].map(([name, { version, rounds, starts }]) => ({
    name,
    version,
    starts,
    scenarios: Object.fromEntries(rounds),
  }));
  const { runs, durationMs, ringSize, pmdCore, guestCore, hugepages } = options;
  const settings = { runs, durationMs, ringSize, pmdCore, guestCore, hugepages };
  return `${JSON.stringify({ machine, settings, peers }, null, 2)}\n`;
}
