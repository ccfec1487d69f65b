// Which actions and fields the cases used, counted in the text that both switches were given: a case counts once for each
// name in a flow that Open vSwitch took, and once more as a hit when a packet of the case took that flow.
import { isOn } from './features.ts';
import { ACTIONS, ALONE, INSTRUCTIONS } from './generate/actions.ts';
import { ALIASES, FIELDS } from './generate/fields.ts';
import type { OracleCase } from './oracle-case.ts';

/** Fields that no OpenFlow message can carry: listed, not counted. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  skb_priority: 'no OpenFlow code point: set_queue, enqueue and pop_queue set it',
};

export class Coverage {
  readonly #cases = new Map<string, number>();
  readonly #hits = new Map<string, number>();

  /** `taken` and `hit` are positions of flows. */
  add({ flows, groups }: OracleCase, taken: ReadonlySet<number>, hit: ReadonlySet<number>): void {
    countNames(this.#cases, [...flows.filter((_, i) => taken.has(i)), ...groups]);
    const ran = flows.filter((_, i) => hit.has(i));
    countNames(this.#hits, [...ran, ...conjunctionsOf(flows, ran), ...groupsOf(groups, ran)]);
  }

  /** What occurs in fewer than `least` cases that a packet ran it in, features that are off included. */
  rare(least: number): string[] {
    return names().filter((name) => (this.#hits.get(name) ?? 0) < least);
  }

  table(): string {
    const cell = (name: string) => {
      const [kind, word] = name.split(/ (.*)/s) as [string, string];
      if (isOff(kind, word)) return `${word} off`;
      return `${word} ${this.#hits.get(name) ?? 0}/${this.#cases.get(name) ?? 0}`;
    };
    const rows = (kind: string) =>
      wrap(
        names()
          .filter((name) => name.startsWith(kind))
          .map(cell),
      );
    const beyond = Object.entries(UNREACHABLE).map(([name, why]) => `  ${name}: ${why}`);
    return [
      'cases in which a packet took a flow with each action / cases with it:',
      ...rows('action'),
      'the same for each field:',
      ...rows('field'),
      ...beyond,
    ].join('\n');
  }
}

function countNames(counts: Map<string, number>, lines: readonly string[]): void {
  for (const name of new Set(lines.flatMap(namesIn))) counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Flows of the conjunctions whose conj_id flows ran: those alone are counted by a switch. */
function conjunctionsOf(flows: readonly string[], ran: readonly string[]): string[] {
  const ids = new Set(ran.flatMap((flow) => /conj_id=(\d+)/.exec(flow)?.[1] ?? []));
  return flows.filter((flow) => [...flow.matchAll(/conjunction\((\d+),/g)].some(([, id]) => ids.has(id!)));
}

function groupsOf(groups: readonly string[], ran: readonly string[]): string[] {
  const ids = new Set(ran.flatMap((flow) => [...flow.matchAll(/group:(\d+)/g)].map(([, id]) => id)));
  return groups.filter((group) => ids.has(/group_id=(\d+)/.exec(group)?.[1]));
}

const OTHERS = [...INSTRUCTIONS, ...ALONE] as const;

function names(): string[] {
  return [
    ...ACTIONS.map(({ name }) => `action ${name}`),
    ...OTHERS.map((name) => `action ${name}`),
    ...FIELDS.map(({ name }) => `field ${name}`),
  ];
}

function isOff(kind: string, name: string): boolean {
  const feature = (kind === 'action' ? ACTIONS : FIELDS).find((one) => one.name === name)?.feature;
  return !isOn(name === 'conjunction' ? 'conjunction' : feature);
}

const ACTION_TESTS: Readonly<Record<string, RegExp>> = {
  output: /(^|[,(])(output:)?\d+(?=$|[,)])/,
  'output(max_len)': /output\(port=/,
  'output:field': /output:NXM/,
  controller: /controller/i,
  'controller(pause)': /controller\([^)]*pause/,
  'dec_ttl(ids)': /dec_ttl\(/,
};

/** `action NAME` and `field NAME` for all in a line of flow or group text. */
function namesIn(line: string): string[] {
  const at = line.indexOf('actions=');
  const match = at < 0 ? '' : line.slice(0, at);
  const actions = at < 0 ? line : line.slice(at + 'actions='.length);
  const words = new Set(actions.match(/[a-z_0-9]+/gi) ?? []);
  const isUsed = (name: string) => ACTION_TESTS[name]?.test(actions) ?? words.has(name);
  const named = new Set([...words, ...(match.match(/[a-z_0-9]+/gi) ?? [])].map((word) => ALIASES[word] ?? word));
  return [
    ...[...ACTIONS.map(({ name }) => name), ...OTHERS].filter(isUsed).map((name) => `action ${name}`),
    ...FIELDS.filter(({ name }) => named.has(name)).map(({ name }) => `field ${name}`),
  ];
}

function wrap(cells: readonly string[]): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const cell of cells) {
    if (line.length + cell.length > 116) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${cell.padEnd(22)}`;
  }
  return [...lines, line].map((text) => text.trimEnd());
}
