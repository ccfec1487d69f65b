// Offload changes nothing: every case of test/flows on real packets, with offload off, on, and into a table of 4 flows, puts
// out the same packets and counts the same. Cases of which the card forwards nothing are listed in not-offloaded.txt.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { casesOf, type FlowCase, flowFiles, runLine, TreeCase } from '../support/flow-cases.ts';
import { CardRig, CardSwitch, type CaseOutcome } from '../support/nic/card-switch.ts';

/** WEFT_CASES picks some by name; WEFT_RECORD=1 writes the list anew. */
const WANTED = new RegExp(process.env['WEFT_CASES'] ?? '');
const CASES = flowFiles()
  .flatMap((file) => casesOf(file).map((one) => ({ name: `${file}: ${one.name}`, one })))
  .filter(({ name }) => WANTED.test(name));
const LIST = join(import.meta.dirname, 'not-offloaded.txt');
const TABLES = { off: undefined, on: 1000, four: 4 };
const IN_CARD_MIN = 0.6;

type Outcomes = ReadonlyMap<string, CaseOutcome>;
let rig: CardRig;
const outcomes: Partial<Record<keyof typeof TABLES, Outcomes>> = {};
/** Packets that the card forwarded by itself in each run. */
const forwarded: Partial<Record<keyof typeof TABLES, bigint>> = {};

async function outcomeOf({ lines }: FlowCase): Promise<CaseOutcome> {
  const fixture = new CardSwitch(rig);
  const tree = new TreeCase(fixture);
  for (const { text } of lines) {
    const [, packet] = /^(?:trace|packet)(?:@\S+)? (.*)$/.exec(text) ?? [];
    // Time passes here: a meter that drops would do so by chance.
    if (packet === undefined) await runLine(fixture, tree, text.replace(/(?<=^meter .*\brate=)\d+/, '1000000'));
    else await fixture.packet(packet);
  }
  await fixture.finish();
  return fixture.outcome;
}

beforeAll(async () => {
  rig = await CardRig.start();
  for (const [mode, tableSize] of Object.entries(TABLES) as [keyof typeof TABLES, number | undefined][]) {
    await rig.offload(tableSize);
    const before = rig.forwardedByCard();
    const all = new Map<string, CaseOutcome>();
    for (const { name, one } of CASES) all.set(name, await outcomeOf(one));
    outcomes[mode] = all;
    forwarded[mode] = rig.forwardedByCard() - before;
  }
}, 600_000);
afterAll(() => rig.close());

describe.each(['on', 'four'] as const)('with offload (%s) the same packets and statistics as without', (mode) => {
  it.each(CASES)('$name', ({ name }) => {
    const [without, withIt] = [outcomes.off!.get(name)!, outcomes[mode]!.get(name)!];
    expect(withIt.packets).toEqual(without.packets);
    expect(withIt.statistics).toEqual(without.statistics);
  });
});

describe('in the card', () => {
  const isIn = ({ offloaded }: CaseOutcome) => offloaded.has('yes');

  it.runIf(WANTED.source === '(?:)')('are most cases, and of the others the reasons are known', () => {
    const others = [...outcomes.on!].filter(([, outcome]) => !isIn(outcome));
    expect(1 - others.length / CASES.length).toBeGreaterThanOrEqual(IN_CARD_MIN);
    const list = others.map(([name, { offloaded }]) => `${name}\n  ${[...offloaded].sort().join('\n  ')}\n`).join('');
    if (process.env['WEFT_RECORD'] === '1') writeFileSync(LIST, list);
    expect(list).toBe(readFileSync(LIST, 'utf8'));
  });

  it('are packets only when offload is on', () => {
    expect(forwarded.off).toBe(0n);
    // Three of the four packets of each line can be.
    const lines = CASES.reduce(
      (sum, { one }) => sum + one.lines.filter(({ text }) => text.startsWith('trace')).length,
      0,
    );
    if (WANTED.source === '(?:)') expect(Number(forwarded.on)).toBeGreaterThan(lines);
    expect([...outcomes.off!.values()].every(({ offloaded }) => offloaded.size === 0)).toBe(true);
  });
});
