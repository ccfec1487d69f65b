// One measurement: a scenario's traffic through a running switch.

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../lib/errors.ts';
import type { BenchOptions } from './bench-options.ts';
import type { GuestCounters } from './guest/guest.ts';
import type { Cleanup } from './harness/children.ts';
import { type AttachedGuest, GeneratorProcess } from './harness/generator-process.ts';
import { DISTURBED, othersShare, sampleLoad } from './harness/interference.ts';
import type { Peer } from './peers/peer.ts';
import { probe, type Waits } from './probes.ts';
import type { Scenario } from './scenarios.ts';

const WARM_UP_MS = 400;
/** Each flow's first packet goes through the slow path before the measurement begins. */
const WARM_UP_US_PER_FLOW = 100;
const LEARN_MS = 300;
/** A switch reports a fresh guest to its control thread, which enables the port a little later. */
const PORT_UP_MS = 300;
/** A probed measurement takes so many times as long: the worst of many tries is looked for. */
const PROBED_TIMES = 5;
const CHECK_PPS = 100_000;
const CHECK_MS = 500;
const CHECK_ATTEMPTS = 3;
const CHECK_FLOWS_MAX = 1000;

export interface Measurement {
  /** Frames per second that reached guest B, and that the switch took from guest A. */
  readonly receivedPps: number;
  readonly takenPps: number;
  readonly guests: readonly AttachedGuest[];
  /** Share of one core that other programs took meanwhile. */
  readonly others: number;
  /** How long people waited meanwhile, where that was measured. */
  readonly waits: Waits | undefined;
}

function generatorArgs(peer: Peer, scenario: Scenario, options: BenchOptions): string[] {
  return [
    ...['--guest', `side=a,role=tx,listen=${peer.guestSocket('a')}`],
    ...['--guest', `side=b,role=rx,listen=${peer.guestSocket('b')}`],
    ...['--size', String(scenario.frameSize), '--ring', String(options.ringSize), '--core', String(options.guestCore)],
    ...(options.hugepages ? [] : ['--no-hugepages']),
  ];
}

/** Attaches a fresh pair of guests; the caller ends them. */
async function attach(cleanup: Cleanup, scenario: Scenario, args: readonly string[]) {
  const generator = new GeneratorProcess(cleanup, args);
  const guests = await generator.ready();
  await sleep(PORT_UP_MS);
  if (scenario.announce) {
    generator.send('announce');
    await sleep(LEARN_MS);
  }
  return { generator, guests };
}

/** Lets the scenario's traffic run at full speed and counts what arrives. */
export async function measure(
  cleanup: Cleanup,
  peer: Peer,
  scenario: Scenario,
  options: BenchOptions,
): Promise<Measurement> {
  const { mode, flowCount, pps, yieldUs, cold } = scenario;
  const pace = [...(pps ? ['--pps', String(pps)] : []), ...(yieldUs ? ['--yield-us', String(yieldUs)] : [])];
  const traffic = ['--mode', mode, '--flows', String(flowCount), ...pace];
  const { generator, guests } = await attach(cleanup, scenario, [
    ...generatorArgs(peer, scenario, options),
    ...traffic,
  ]);
  try {
    generator.send('start');
    await sleep(WARM_UP_MS + (cold ? 0 : (flowCount * WARM_UP_US_PER_FLOW) / 1000));
    const pids = [process.pid, generator.pid, ...peer.pids];
    const loadBefore = sampleLoad(pids);
    const before = await generator.stats();
    const waits = scenario.probed ? await probe(peer, options.durationMs * PROBED_TIMES) : undefined;
    if (!waits) await sleep(options.durationMs);
    const after = await generator.stats();
    const others = othersShare(loadBefore, sampleLoad(pids), availableParallelism());
    await generator.finish();
    const perSecond = 1000 / (after.timeMs - before.timeMs);
    const moved = (guest: 0 | 1, counter: 'rxPackets' | 'txPackets') =>
      ((after.guests[guest]?.[counter] ?? 0) - (before.guests[guest]?.[counter] ?? 0)) * perSecond;
    return { receivedPps: moved(1, 'rxPackets'), takenPps: moved(0, 'txPackets'), guests, others, waits };
  } finally {
    await generator.stop();
  }
}

/**
 * Sends the scenario's frames slowly and throws when one is lost, reordered or harmed on the way. What is lost while
 * the first packets teach the switch does not count: switches differ there, and it is not what is measured. One clean
 * attempt of several is enough. Where other programs hold the switch up it loses bursts through no fault of its own:
 * loss alone is then returned as a warning.
 */
export async function check(
  cleanup: Cleanup,
  peer: Peer,
  scenario: Scenario,
  options: BenchOptions,
): Promise<string | undefined> {
  let damage: Damage | undefined;
  for (let attempt = 0; attempt < CHECK_ATTEMPTS; attempt++) {
    damage = await checkOnce(cleanup, peer, scenario, options);
    if (damage.text === undefined) return undefined;
  }
  const text = `${peer.name} fails ${scenario.name} at ${CHECK_PPS} pps: ${damage?.text}`;
  if (damage?.onlyLoss && damage.others > DISTURBED) return `${text} (other programs hold the machine up)`;
  throw new UserError(text);
}

interface Damage {
  /** Undefined when every frame arrived unharmed. */
  readonly text: string | undefined;
  readonly onlyLoss: boolean;
  readonly others: number;
}

async function checkOnce(cleanup: Cleanup, peer: Peer, scenario: Scenario, options: BenchOptions): Promise<Damage> {
  const flows = Math.min(scenario.flowCount, CHECK_FLOWS_MAX);
  const traffic = ['--pps', String(CHECK_PPS), '--flows', String(flows)];
  const { generator } = await attach(cleanup, scenario, [...generatorArgs(peer, scenario, options), ...traffic]);
  try {
    const pids = [process.pid, generator.pid, ...peer.pids];
    generator.send('start');
    await sleep(WARM_UP_MS);
    const loadBefore = sampleLoad(pids);
    const before = (await generator.stats()).guests[1];
    await sleep(CHECK_MS);
    const others = othersShare(loadBefore, sampleLoad(pids), availableParallelism());
    const after = (await generator.finish()).guests[1];
    if (!before || !after) throw new UserError('the generator gave no statistics');
    return { ...findDamage(before, after), others };
  } finally {
    await generator.stop();
  }
}

/** What went wrong at the receiver between two looks. */
function findDamage(before: GuestCounters, after: GuestCounters): Pick<Damage, 'text' | 'onlyLoss'> {
  const grown = (counter: keyof GuestCounters) => after[counter] - before[counter];
  const [arrived, gaps, late, badChecksum] = [grown('rxPackets'), grown('gaps'), grown('late'), grown('badChecksum')];
  const onlyLoss = arrived > 0 && late === 0 && badChecksum === 0;
  if (onlyLoss && gaps === 0) return { text: undefined, onlyLoss };
  const text = `${arrived} frames arrived, ${gaps} missing, ${late} late, ${badChecksum} with a wrong checksum`;
  return { text, onlyLoss };
}
