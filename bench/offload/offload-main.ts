// Runs the offload scenario and prints it: the same traffic between two vhost-user ports in software, and between two
// functions of a NIC model whose flows go into the card; with one flow, and with ten times more than the card's table
// holds. Where there are fewer than three cores the card polls on the PMD thread's.

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions } from '../bench-options.ts';
import type { Cleanup } from '../harness/children.ts';
import { GeneratorProcess } from '../harness/generator-process.ts';
import { formatPps, formatTable } from '../harness/table.ts';
import { PORT_A, PORT_B } from '../peers/peer.ts';
import { WeftPeer } from '../peers/weft.ts';
import { perAddress } from '../scenarios.ts';

const TABLE_SIZE = 1000;
/** Learning a flow, and moving it into the card. */
const WARM_UP_MS = 3000;
const WARM_UP_US_PER_FLOW = 300;
/** An idle PMD thread leaves its core to a card that has none of its own. */
const PMD_SLEEP_US = '200';

interface Case {
  readonly name: string;
  readonly onCard: boolean;
  readonly flowCount: number;
}

interface Outcome {
  readonly pps: number;
  /** Share of its time that the PMD thread worked, in percent. */
  readonly pmdBusy: number;
  readonly offloaded: string;
}

const CASES: readonly Case[] = [
  { name: 'software, 1 flow', onCard: false, flowCount: 1 },
  { name: 'card, 1 flow', onCard: true, flowCount: 1 },
  { name: `software, ${10 * TABLE_SIZE} flows`, onCard: false, flowCount: 10 * TABLE_SIZE },
  { name: `card of ${TABLE_SIZE} flows, ${10 * TABLE_SIZE} flows`, onCard: true, flowCount: 10 * TABLE_SIZE },
];

export async function runOffload(options: BenchOptions, cleanup: Cleanup, say: (text: string) => void): Promise<void> {
  const rows: string[][] = [['', 'frames/s', 'PMD busy']];
  for (const each of CASES) {
    const outcomes: Outcome[] = [];
    for (let round = 0; round < options.runs; round++) outcomes.push(await runCase(each, options, cleanup));
    const { pps, pmdBusy, offloaded } = outcomes.sort((a, b) => a.pps - b.pps)[outcomes.length >> 1]!;
    rows.push([each.name, formatPps(pps), `${pmdBusy.toFixed(1)}%`]);
    if (each.onCard) say(`${each.name}:\n${offloaded}`);
  }
  say(`\noffload (medians of ${options.runs}):\n${formatTable(rows)}`);
}

async function runCase({ onCard, flowCount }: Case, options: BenchOptions, cleanup: Cleanup): Promise<Outcome> {
  const { pmdCore, guestCore, hugepages } = options;
  const peer = new WeftPeer(cleanup, { pmdCore, controlCore: guestCore, hugepages });
  await peer.start();
  try {
    if (onCard) await addFunctions(peer, cardCore(options));
    else await peer.addPorts();
    await peer.setFlows(flowCount === 1 ? [`in_port=${PORT_A},actions=output:${PORT_B}`] : perAddress(flowCount));
    return await measureCase(peer, flowCount, options, cleanup);
  } finally {
    await peer.stop();
  }
}

function cardCore({ pmdCore, guestCore }: BenchOptions): number {
  const cores = Array.from({ length: availableParallelism() }, (_, core) => core);
  return cores.find((core) => core !== pmdCore && core !== guestCore) ?? pmdCore;
}

async function addFunctions(peer: WeftPeer, core: number): Promise<void> {
  const ends = (['a', 'b'] as const).map(
    (side, vf) => `vf${vf}-end=vhost-client,vf${vf}-path=${peer.guestSocket(side)}`,
  );
  const line = `vfs=2,table-size=${TABLE_SIZE},core=${core},${ends.join(',')}`;
  const settings = ['other_config:hw-offload=true', `other_config:pmd-sleep-max=${PMD_SLEEP_US}`];
  await peer.vsctl(['set', 'Open_vSwitch', '.', ...settings, `other_config:nic-model0="${line}"`]);
  await peer.addBridge();
  const port = (vf: number, ofPort: number) => [
    ...['--', 'add-port', 'br0', `vf${vf}`, '--', 'set', 'Interface', `vf${vf}`, 'type=vf', 'options:nic=model0'],
    ...[`options:vf=${vf}`, `ofport_request=${ofPort}`],
  ];
  await peer.vsctl([...port(0, PORT_A), ...port(1, PORT_B)].slice(1));
}

async function measureCase(
  peer: WeftPeer,
  flowCount: number,
  options: BenchOptions,
  cleanup: Cleanup,
): Promise<Outcome> {
  const generator = new GeneratorProcess(cleanup, [
    ...['--guest', `side=a,role=tx,listen=${peer.guestSocket('a')}`],
    ...['--guest', `side=b,role=rx,listen=${peer.guestSocket('b')}`],
    ...['--size', '64', '--ring', String(options.ringSize), '--core', String(options.guestCore)],
    ...['--mode', 'saturating', '--flows', String(flowCount), ...(options.hugepages ? [] : ['--no-hugepages'])],
  ]);
  try {
    await generator.ready();
    generator.send('start');
    await sleep(WARM_UP_MS + (flowCount * WARM_UP_US_PER_FLOW) / 1000);
    await peer.appctl(['dpif-netdev/pmd-stats-clear']);
    const before = await generator.stats();
    await sleep(options.durationMs);
    const after = await generator.stats();
    const pmdBusy = busyShare(await peer.appctl(['dpif-netdev/pmd-stats-show']));
    const offloaded = await peer.appctl(['offload/stats']);
    await generator.finish();
    const moved = (after.guests[1]?.rxPackets ?? 0) - (before.guests[1]?.rxPackets ?? 0);
    return { pps: (moved * 1000) / (after.timeMs - before.timeMs), pmdBusy, offloaded };
  } finally {
    await generator.stop();
  }
}

/** `processing cycles: N (12.34%)` of the first PMD thread. */
function busyShare(text: string): number {
  return Number(/processing cycles:\s*\d+ \(([\d.]+)%\)/.exec(text)?.[1] ?? 'NaN');
}
