// Runs the offload scenario and prints it: the same traffic between two vhost-user ports, between two functions of a NIC
// model in software (hw-offload=false: every packet passes the card, the PMD thread and the card again), and with flows
// in the card; with one flow, and with ten times more than the card's table holds. Then what another pair of guests
// on the same PMD thread gains, what first packets take, and how many flows a second move into the card.

import { availableParallelism } from 'node:os';
import type { BenchOptions } from '../bench-options.ts';
import type { Cleanup } from '../harness/children.ts';
import type { FirstPackets } from '../harness/generator-process.ts';
import { median, quantile } from '../harness/statistics.ts';
import { formatPps, formatRatio, formatTable } from '../harness/table.ts';
import { insertionRate } from './insertions.ts';
import { type Load, Session, TABLE_SIZE } from './session.ts';

const MANY = 10 * TABLE_SIZE;
const WARM_UP_MS = 1500;
/** Ten thousand first packets; and, with a full table, rankings and those that give way. */
const WARM_UP_MANY_MS = 3500;

interface Round {
  readonly loads: Map<string, Load>;
  readonly first: Map<string, FirstPackets>;
  insertions: number;
}

const VHOST = 'vhost-user ports, 1 flow';
const SOFTWARE = 'functions in software, 1 flow';
const CARD = 'functions, flow in the card';
const SOFTWARE_OTHERS = 'functions in software, others send';
const CARD_OTHERS = 'functions, flow in the card, others send';
const VHOST_MANY = `vhost-user ports, ${MANY} flows`;
const SOFTWARE_MANY = `functions in software, ${MANY} flows`;
const CARD_MANY = `functions, ${TABLE_SIZE} of ${MANY} flows in the card`;
/** What each is compared with. */
const BASES = new Map([
  [CARD, SOFTWARE],
  [CARD_OTHERS, SOFTWARE_OTHERS],
  [CARD_MANY, SOFTWARE_MANY],
]);

export async function runOffload(options: BenchOptions, cleanup: Cleanup, say: (text: string) => void): Promise<void> {
  const { pmdCore, guestCore, offloadRuns } = options;
  const cardCore = coreOfCard(options);
  say(`PMD thread on core ${pmdCore}, the card's on core ${cardCore}, guests and control thread on core ${guestCore}`);
  if (cardCore === pmdCore || cardCore === guestCore) {
    const other = cardCore === pmdCore ? 'the PMD thread' : 'the guests';
    say(`WARNING: the card has no core of its own. It and ${other} take turns: these are not the figures of a card.`);
    say('Least so where only one of the two has work: a flow in the card leaves the PMD thread none.');
  }
  const rounds: Round[] = [];
  for (let i = 0; i < offloadRuns; i++) rounds.push(await runRound(options, cardCore, cleanup));
  say(`\noffload (medians of ${offloadRuns}):\n${loadTable(rounds)}\n`);
  for (const line of takenOver(rounds)) say(line);
  const [round] = rounds;
  for (const [name] of round!.first) say(`first packets, ${name}: ${firstPackets(rounds, name)}`);
  say(`flows into the card: ${Math.round(median(rounds.map(({ insertions }) => insertions)))} a second`);
}

/** A core that neither the PMD thread nor the guests have; the PMD thread's where there is none. */
function coreOfCard({ pmdCore, guestCore, cardCore }: BenchOptions): number {
  if (cardCore !== undefined) return cardCore;
  const cores = Array.from({ length: availableParallelism() }, (_, core) => core);
  return cores.find((core) => core !== pmdCore && core !== guestCore) ?? pmdCore;
}

async function runRound(options: BenchOptions, cardCore: number, cleanup: Cleanup): Promise<Round> {
  const round: Round = { loads: new Map(), first: new Map(), insertions: Number.NaN };
  for (const onCard of [false, true]) {
    for (const flowCount of [1, MANY]) {
      const session = new Session(options, cleanup, { onCard, flowCount, cardCore });
      try {
        await session.start();
        if (!onCard) await runVhost(session, flowCount, round);
        else if (flowCount === 1) await runOne(session, round);
        else await runMany(session, round);
      } finally {
        await session.stop();
      }
    }
  }
  return round;
}

async function runVhost(session: Session, flowCount: number, { loads, first }: Round): Promise<void> {
  const isMany = flowCount > 1;
  if (isMany) first.set('vhost-user ports', await session.generator.firstPackets());
  session.generator.send('start');
  loads.set(isMany ? VHOST_MANY : VHOST, await session.measure(isMany ? WARM_UP_MANY_MS : WARM_UP_MS));
}

async function runOne(session: Session, { loads }: Round): Promise<void> {
  session.generator.send('start');
  loads.set(SOFTWARE, await session.measure(WARM_UP_MS));
  await session.offload(true);
  loads.set(CARD, await session.measure(WARM_UP_MS));
  await session.addOthers();
  loads.set(CARD_OTHERS, await session.measure(WARM_UP_MS));
  await session.offload(false);
  loads.set(SOFTWARE_OTHERS, await session.measure(WARM_UP_MS));
}

async function runMany(session: Session, round: Round): Promise<void> {
  await session.offload(true);
  round.first.set('functions', await session.generator.firstPackets());
  await session.offload(false);
  session.generator.send('start');
  round.loads.set(SOFTWARE_MANY, await session.measure(WARM_UP_MANY_MS));
  // As many as fit in at once, while nobody sends.
  session.generator.send('stop');
  round.insertions = await insertionRate(session.peer.unixctl, TABLE_SIZE, () => session.offload(true));
  session.generator.send('start');
  round.loads.set(CARD_MANY, await session.measure(WARM_UP_MANY_MS));
}

/** What the card is there for, in numbers. */
function takenOver(rounds: readonly Round[]): string[] {
  const of = (name: string, value: (load: Load) => number) =>
    median(rounds.map(({ loads }) => value(loads.get(name)!)));
  const pps = (name: string) => of(name, (load) => load.pps);
  const busy = (name: string) => `${of(name, ({ pmdBusy }) => pmdBusy).toFixed(1)}%`;
  const others = (name: string) => of(name, ({ othersPps }) => othersPps);
  const ratio = (name: string, base: string) => (pps(name) / pps(base)).toFixed(2);
  const gain = (others(CARD_OTHERS) / others(SOFTWARE_OTHERS)).toFixed(2);
  return [
    `PMD thread: busy ${busy(SOFTWARE)} before, ${busy(CARD)} once the flow is in the card`,
    `two functions by the card: ${ratio(CARD, VHOST)}x two vhost-user ports on one PMD thread (wanted: 0.95x)`,
    `others on that PMD thread: ${gain}x once the flow is in the card`,
    `${MANY / TABLE_SIZE} times the flows that the table holds: ${ratio(CARD_MANY, SOFTWARE_MANY)}x software alone (wanted: 1x)`,
  ];
}

function loadTable(rounds: readonly Round[]): string {
  const names = [VHOST, SOFTWARE, CARD, SOFTWARE_OTHERS, CARD_OTHERS, VHOST_MANY, SOFTWARE_MANY, CARD_MANY];
  const of = (name: string, value: (load: Load) => number) =>
    median(rounds.map(({ loads }) => value(loads.get(name)!)));
  const rows = names.map((name) => {
    const pps = of(name, (load) => load.pps);
    const others = of(name, ({ othersPps }) => othersPps);
    const base = BASES.get(name);
    const ratio = base === undefined ? undefined : pps / of(base, (load) => load.pps);
    const busy = `${of(name, ({ pmdBusy }) => pmdBusy).toFixed(1)}%`;
    return [name, formatPps(pps), formatRatio(ratio), busy, Number.isNaN(others) ? '-' : formatPps(others)];
  });
  return formatTable([['', 'frames/s', 'to software', 'PMD busy', "others' frames/s"], ...rows]);
}

function firstPackets(rounds: readonly Round[], name: string): string {
  const all = rounds.flatMap(({ first }) => first.get(name)!.ms);
  const lost = rounds.reduce((sum, { first }) => sum + first.get(name)!.lost, 0);
  if (all.length === 0) return `all ${lost} lost`;
  const [middle, most] = [median(all), quantile(all, 0.99)].map((ms) => ms.toFixed(2));
  return `median ${middle} ms, 99% ${most} ms of ${all.length}, ${lost} lost`;
}
