// The load scenario: how long a switch takes for many flow-mods, their dump and their deletion, as Open vSwitch's own
// ovs-ofctl sees it (its reading of the file is in every figure), and what processor time the daemon spends on it.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../lib/errors.ts';
import { runCommand } from '../harness/children.ts';
import { parseProcessTicks } from '../harness/interference.ts';
import { residentMemory } from '../harness/machine.ts';
import type { Peer } from '../peers/peer.ts';
import { EchoProbe } from './echo-probe.ts';
import { type FlowFile, fileText } from './flow-files.ts';

const MS_PER_TICK = 10;
/** A daemon that spent nothing for so long has ended what it was asked. */
const CALM_MS = 120;

export const LOAD_STEPS = ['add', 'add in a bundle', 'dump', 'delete'] as const;
export type LoadStep = (typeof LOAD_STEPS)[number];

export interface LoadResult {
  readonly file: string;
  readonly step: LoadStep;
  /** Of the ovs-ofctl command. */
  readonly wallMs: number;
  /** Of the daemon, until it has nothing more to do. */
  readonly cpuMs: number;
  /** Longest echo meanwhile. */
  readonly echoMs: number;
  /** That the switch says it has afterwards. */
  readonly flows: number;
}

export interface LoadRound {
  readonly results: LoadResult[];
  /** Resident memory that the first file's flows took in a fresh daemon. */
  bytesPerFlow: number | undefined;
}

/** Undefined when flows can be loaded here, else what is missing. */
export function ofctlMissing(): string | undefined {
  try {
    execFileSync('ovs-ofctl', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'ovs-ofctl is not there (apt-get install openvswitch-common)';
  }
}

/** Starts every switch, measures each step in turn on all of them, and stops them. */
export async function loadRound(
  peers: readonly Peer[],
  files: readonly FlowFile[],
  count: number,
  measured: (peer: Peer, result: LoadResult) => void,
): Promise<Map<string, LoadRound>> {
  const rounds = new Map<string, LoadRound>();
  try {
    for (const peer of peers) {
      await peer.start();
      await peer.addBridge();
      rounds.set(peer.name, { results: [], bytesPerFlow: undefined });
    }
    for (const file of files) {
      await measureFile(file, count, peers, (peer, result, bytesPerFlow) => {
        const round = rounds.get(peer.name)!;
        round.results.push(result);
        round.bytesPerFlow ??= bytesPerFlow;
        measured(peer, result);
      });
    }
  } finally {
    for (const peer of peers) await peer.stop();
  }
  return rounds;
}

async function measureFile(
  file: FlowFile,
  count: number,
  peers: readonly Peer[],
  measured: (peer: Peer, result: LoadResult, bytesPerFlow: number) => void,
): Promise<void> {
  for (const peer of peers) writeFileSync(pathOf(peer, file), fileText(file, count));
  for (const step of LOAD_STEPS) {
    for (const peer of peers) {
      if (step === 'add in a bundle') await measureStep(peer, 'delete', file);
      const before = residentMemory(peer.daemonPid).ordinary;
      const result = await measureStep(peer, step, file);
      measured(peer, result, (residentMemory(peer.daemonPid).ordinary - before) / count);
    }
  }
}

const pathOf = (peer: Peer, file: FlowFile): string => join(peer.rundir, `${file.name}.flows`);

function argumentsOf(step: LoadStep, peer: Peer, file: FlowFile): string[] {
  switch (step) {
    case 'add':
      return ['add-flows', 'br0', pathOf(peer, file)];
    case 'add in a bundle':
      return ['--bundle', 'add-flows', 'br0', pathOf(peer, file)];
    case 'dump':
      return ['dump-flows', 'br0'];
    default:
      return ['del-flows', 'br0'];
  }
}

async function measureStep(peer: Peer, step: LoadStep, file: FlowFile): Promise<LoadResult> {
  await calm(peer);
  const echo = new EchoProbe(join(peer.rundir, 'br0.mgmt'));
  const cpuBefore = cpuMs(peer);
  const startMs = performance.now();
  await toNowhere(peer, argumentsOf(step, peer, file));
  const wallMs = performance.now() - startMs;
  const echoMs = echo.stop();
  await calm(peer);
  const result = { file: file.name, step, wallMs, cpuMs: cpuMs(peer) - cpuBefore, echoMs };
  return { ...result, flows: await flowCount(peer) };
}

/** Runs Open vSwitch's ovs-ofctl, its output to nowhere. */
function toNowhere(peer: Peer, args: readonly string[]): Promise<void> {
  const nowhere = openSync('/dev/null', 'w');
  const child = spawn('ovs-ofctl', [...args], {
    env: { ...process.env, OVS_RUNDIR: peer.rundir },
    stdio: ['ignore', nowhere, 'pipe'],
  });
  closeSync(nowhere);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`${peer.name}: ovs-ofctl ${args.join(' ')}: ${said}`));
    });
  });
}

async function flowCount(peer: Peer): Promise<number> {
  const args = ['dump-aggregate', 'br0'];
  const text = await runCommand({ file: 'ovs-ofctl', args, env: { ...process.env, OVS_RUNDIR: peer.rundir } });
  return Number(/flow_count=(\d+)/.exec(text)?.[1] ?? -1);
}

const cpuMs = (peer: Peer): number =>
  parseProcessTicks(readFileSync(`/proc/${peer.daemonPid}/stat`, 'utf8')) * MS_PER_TICK;

/** Waits until the daemon has nothing to do but its upkeep: what a command left it counts as the command's. */
async function calm(peer: Peer): Promise<void> {
  for (let before = Number.NEGATIVE_INFINITY; cpuMs(peer) - before > MS_PER_TICK; ) {
    before = cpuMs(peer);
    await sleep(CALM_MS);
  }
}
