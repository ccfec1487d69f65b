// Runs the load scenario and prints it: rounds over both switches, which are up side by side and take turns at each step.

import { writeFileSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';
import type { BenchOptions } from '../bench-options.ts';
import type { Cleanup } from '../harness/children.ts';
import { OvsPeer, ovsMissing } from '../peers/ovs.ts';
import type { Peer } from '../peers/peer.ts';
import { WeftPeer } from '../peers/weft.ts';
import { type LoadResult, type LoadRound, loadRound, ofctlMissing } from './load.ts';
import { loadTable, memoryLine } from './load-report.ts';

/** Throws UserError when a switch that was asked for is missing. */
export async function runLoad(
  options: BenchOptions,
  cleanup: Cleanup,
  machine: string,
  say: (text: string) => void,
): Promise<void> {
  const compared = withOvs(options, say);
  const rounds = new Map<string, LoadRound[]>();
  for (let round = 0; round < options.runs; round++) {
    say(`load: round ${round + 1} of ${options.runs}, ${options.flows} flows`);
    const peers = makePeers(options, cleanup, compared, round);
    const tell = ({ name }: Peer, { file, step, wallMs, cpuMs }: LoadResult) =>
      say(`  ${name.padEnd(5)} ${`${file}, ${step}`.padEnd(30)} ${Math.round(wallMs)} ms, daemon ${cpuMs} ms`);
    for (const [name, results] of await loadRound(peers, options.files, options.flows, tell)) {
      rounds.set(name, [...(rounds.get(name) ?? []), results]);
    }
  }
  say(`\nwhat ovs-ofctl waits for, and the daemon's processor time (medians; ratio: median of the rounds' ratios):`);
  say(`${loadTable(options.files, rounds)}\n\n${memoryLine(rounds)}`);
  const json = { machine, flows: options.flows, rounds: Object.fromEntries(rounds) };
  if (options.jsonFile) writeFileSync(options.jsonFile, `${JSON.stringify(json, null, 2)}\n`);
}

function withOvs(options: BenchOptions, say: (text: string) => void): boolean {
  const missing = ofctlMissing();
  if (missing !== undefined) throw new UserError(`cannot load flows: ${missing}`);
  if (!options.peers.includes('ovs-dpdk')) return false;
  const lacking = ovsMissing();
  if (lacking !== undefined && !options.ifInstalled) throw new UserError(`cannot measure ovs: ${lacking}`);
  if (lacking !== undefined) say(`ovs is left out: ${lacking}`);
  return lacking === undefined;
}

function makePeers(options: BenchOptions, cleanup: Cleanup, compared: boolean, round: number): Peer[] {
  const settings = { pmdCore: options.pmdCore, controlCore: options.guestCore, hugepages: options.hugepages };
  const peers: Peer[] = options.peers.includes('weft') ? [new WeftPeer(cleanup, settings)] : [];
  if (compared) peers.push(new OvsPeer(cleanup, settings));
  // Neither is always the first.
  return round % 2 === 0 ? peers : peers.reverse();
}
