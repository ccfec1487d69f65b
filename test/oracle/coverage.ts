// Which actions and fields the cases used, counted in the text that both switches were given: a case counts once for each
// name in a flow or group that Open vSwitch took.
import { isOn } from './features.ts';
import { ACTIONS, INSTRUCTIONS } from './generate/actions.ts';
import { ALIASES, FIELDS } from './generate/fields.ts';

/** Fields that no OpenFlow message can carry, or that need more than `ovs-ofctl add-flow`: listed, not counted. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  skb_priority: 'no OpenFlow code point: set_queue sets it',
};

export class Coverage {
  readonly #counts = new Map<string, number>();

  add(lines: readonly string[]): void {
    const found = new Set(lines.flatMap(namesIn));
    for (const name of found) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  count(kind: 'action' | 'field', name: string): number {
    return this.#counts.get(`${kind} ${name}`) ?? 0;
  }

  /** What occurs less often than `least`, features that are off included. */
  rare(least: number): string[] {
    return names().filter((name) => (this.#counts.get(name) ?? 0) < least);
  }

  table(): string {
    const cell = (name: string) => {
      const [kind, word] = name.split(/ (.*)/s) as [string, string];
      const note = isOff(kind, word) ? 'off' : String(this.#counts.get(name) ?? 0);
      return `${word} ${note}`;
    };
    const rows = (kind: string) =>
      wrap(
        names()
          .filter((name) => name.startsWith(kind))
          .map(cell),
      );
    const beyond = Object.entries(UNREACHABLE).map(([name, why]) => `  ${name}: ${why}`);
    return ['cases with each action:', ...rows('action'), 'cases with each field:', ...rows('field'), ...beyond].join(
      '\n',
    );
  }
}

function names(): string[] {
  return [
    ...ACTIONS.map(({ name }) => `action ${name}`),
    ...INSTRUCTIONS.map((name) => `action ${name}`),
    'action drop',
    ...FIELDS.map(({ name }) => `field ${name}`),
  ];
}

function isOff(kind: string, name: string): boolean {
  const feature = (kind === 'action' ? ACTIONS : FIELDS).find((one) => one.name === name)?.feature;
  return !isOn(name === 'meter' ? 'meters' : name === 'conjunction' ? 'conjunction' : feature);
}

const ACTION_TESTS: Readonly<Record<string, RegExp>> = {
  output: /(^|[,(])(output:)?\d+(?=$|[,)])/,
  'output(max_len)': /output\(port=/,
  'output:field': /output:NXM/,
  controller: /controller/i,
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
    ...[...ACTIONS.map(({ name }) => name), ...INSTRUCTIONS, 'drop'].filter(isUsed).map((name) => `action ${name}`),
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
    line += ` ${cell.padEnd(20)}`;
  }
  return [...lines, line].map((text) => text.trimEnd());
}
