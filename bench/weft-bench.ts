#!/usr/bin/env node
// weft-bench: measures weft, and OVS-DPDK in turn with it, with the built-in virtio guests. Entry of the program.

import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '../lib/errors.ts';
import { type BenchOptions, type PeerName, parseBenchOptions, USAGE } from './bench-options.ts';
import { Cleanup } from './harness/children.ts';
import { DISTURBED } from './harness/interference.ts';
import { describeMachine, reserveHugepages } from './harness/machine.ts';
import { formatPercent, formatPps, formatTable } from './harness/table.ts';
import { FLOW_FILES } from './load/flow-files.ts';
import { runLoad } from './load/load-main.ts';
import { check, measure } from './measure.ts';
import { runOffload } from './offload/offload-main.ts';
import { OvsDpdkPeer, ovsDpdkMissing } from './peers/ovs-dpdk.ts';
import type { Peer } from './peers/peer.ts';
import { WeftPeer } from './peers/weft.ts';
import { formatWaits } from './probes.ts';
import {
  disturbance,
  negotiated,
  type PeerResults,
  type Results,
  speedTable,
  startTable,
  toJson,
  waitsTable,
} from './report.ts';
import { LOAD_SCENARIO, OFFLOAD_SCENARIO, SCENARIOS } from './scenarios.ts';

/** Guest RAM, OVS-DPDK's memory and weft's, with room to spare: 1 GiB. */
const HUGEPAGES_WANTED = 512;

const say = (text: string) => process.stdout.write(`${text}\n`);

function makePeer(name: PeerName, cleanup: Cleanup, options: BenchOptions): Peer {
  const settings = { pmdCore: options.pmdCore, controlCore: options.guestCore, hugepages: options.hugepages };
  return name === 'weft' ? new WeftPeer(cleanup, settings) : new OvsDpdkPeer(cleanup, settings);
}

/** Leaves out what cannot run here: an error, unless the user only wanted it where installed. */
function availablePeers(options: BenchOptions): BenchOptions {
  const missing = options.peers.includes('ovs-dpdk') ? ovsDpdkMissing() : undefined;
  if (missing === undefined) return options;
  if (!options.ifInstalled) throw new UserError(`cannot measure ovs-dpdk: ${missing}`);
  say(`ovs-dpdk is left out: ${missing}`);
  return { ...options, peers: options.peers.filter((peer) => peer !== 'ovs-dpdk') };
}

/** One switch's part of a round: start, every scenario, stop. */
async function measurePeer(
  peer: Peer,
  first: boolean,
  cleanup: Cleanup,
  options: BenchOptions,
  results: PeerResults,
): Promise<void> {
  results.starts.push(await peer.start());
  try {
    if (options.scenarios.length > 0) await peer.addPorts();
    results.version = await peer.version();
    for (const scenario of options.scenarios) {
      await peer.setFlows(scenario.flows());
      const unconfigure = await peer.configure(scenario.settings ?? {});
      const warning = first && options.check ? await check(cleanup, peer, scenario, options) : undefined;
      if (warning) say(`  ${warning}`);
      const measurement = await measure(cleanup, peer, scenario, options);
      await unconfigure();
      const { receivedPps, others, waits } = measurement;
      const disturbed = others > DISTURBED ? `  (other programs took ${formatPercent(others)} of a core)` : '';
      say(`  ${peer.name.padEnd(9)} ${scenario.name.padEnd(27)} ${formatPps(receivedPps).padStart(11)}${disturbed}`);
      if (waits) say(`  ${' '.repeat(9)} echo ${formatWaits(waits.echoMs)}; ovs-vsctl ${formatWaits(waits.vsctlMs)}`);
      results.rounds.set(scenario.name, [...(results.rounds.get(scenario.name) ?? []), measurement]);
    }
  } finally {
    await peer.stop();
  }
}

async function runRounds(options: BenchOptions, cleanup: Cleanup): Promise<Results> {
  const results = new Map<PeerName, PeerResults>();
  for (const name of options.peers) results.set(name, { version: '', rounds: new Map(), starts: [] });
  for (let round = 0; round < options.runs; round++) {
    say(`round ${round + 1} of ${options.runs}`);
    for (const [name, peerResults] of results) {
      await measurePeer(makePeer(name, cleanup, options), round === 0, cleanup, options, peerResults);
    }
  }
  return results;
}

function printReport(machine: string, options: BenchOptions, results: Results): void {
  say(`\nmachine: ${machine}`);
  for (const [name, { version }] of results) say(`${name}: ${version}`);
  say(`PMD on core ${options.pmdCore}, both guests on core ${options.guestCore}, rings of ${options.ringSize}`);
  if (options.scenarios.length > 0) {
    say(`${negotiated(results)}\n`);
    say('frames per second that reached the second guest (median of the rounds +- furthest round):');
    say(speedTable(options, results));
    const waits = waitsTable(options, results);
    if (waits) say(`\n${waits}`);
    const warning = disturbance(results);
    if (warning) say(`\nNOTE: ${warning}`);
  }
  if (options.start) say(`\n${startTable(options, results)}`);
}

async function run(args: readonly string[], cleanup: Cleanup): Promise<void> {
  const asked = parseBenchOptions(args, availableParallelism());
  const machine = describeMachine();
  say(`machine: ${machine}`);
  if (asked.load) await runLoad(asked, cleanup, machine, say);
  if (asked.offload) await runOffload(asked, cleanup, say);
  if (asked.scenarios.length === 0 && !asked.start) return;
  const options = availablePeers(asked);
  if (options.hugepages) {
    const reservation = reserveHugepages(HUGEPAGES_WANTED);
    cleanup.add(() => reservation.release());
    say(`memory: ${reservation.note}`);
  }
  const results = await runRounds(options, cleanup);
  printReport(machine, options, results);
  if (options.jsonFile) writeFileSync(options.jsonFile, toJson(machine, options, results));
}

const LOAD_ROW = [LOAD_SCENARIO, `flows added, dumped and deleted: ${FLOW_FILES.map(({ name }) => name).join(', ')}`];

const OFFLOAD_ROW = [OFFLOAD_SCENARIO, 'between two functions of a NIC model, flows in the card, against software'];

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    say(USAGE);
    return 0;
  }
  if (args.includes('--list')) {
    say(formatTable([['scenario', ''], ...SCENARIOS.map(({ name, about }) => [name, about]), LOAD_ROW, OFFLOAD_ROW]));
    return 0;
  }
  const cleanup = new Cleanup();
  try {
    await run(args, cleanup);
    return 0;
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`weft-bench: ${text}\n`);
    return 1;
  } finally {
    await cleanup.run();
  }
}

process.exit(await main());
