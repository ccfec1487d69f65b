// Makes a failing case as small as it can be while both switches still differ in the same aspect.
import type { Aspect, OracleCase } from './oracle-case.ts';

type StillFails = (smaller: OracleCase) => Promise<boolean>;

/** Tries of one shrink at most: each is a run of both switches. */
const TRIES_MAX = 250;

export async function shrink(oracleCase: OracleCase, fails: StillFails): Promise<OracleCase> {
  let best = oracleCase;
  let tries = 0;
  const attempt = async (smaller: OracleCase): Promise<boolean> => {
    if (tries++ > TRIES_MAX || !(await fails(smaller))) return false;
    best = smaller;
    return true;
  };
  for (let before = ''; before !== JSON.stringify(best) && tries <= TRIES_MAX; ) {
    before = JSON.stringify(best);
    for (const key of ['packets', 'flows', 'groups', 'meters'] as const) await dropItems(() => best, key, attempt);
    for (const key of ['flows', 'groups'] as const) await shortenLines(() => best, key, attempt);
  }
  return best;
}

type Attempt = (smaller: OracleCase) => Promise<boolean>;

async function dropItems(
  best: () => OracleCase,
  key: 'packets' | 'flows' | 'groups' | 'meters',
  attempt: Attempt,
): Promise<void> {
  for (let size = Math.ceil(best()[key].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best()[key].length; ) {
      const list: readonly unknown[] = best()[key];
      const smaller = { ...best(), [key]: list.filter((_, i) => i < at || i >= at + size) };
      if (!(await attempt(smaller))) at += size;
    }
  }
}

/** Drops parts of a line between commas, actions first. */
async function shortenLines(best: () => OracleCase, key: 'flows' | 'groups', attempt: Attempt): Promise<void> {
  for (let i = 0; i < best()[key].length; i++) {
    for (let part = topLevelParts(best()[key][i]!).length - 1; part > 0; part--) {
      const parts = topLevelParts(best()[key][i]!);
      if (part >= parts.length) continue;
      const shorter = parts.filter((_, at) => at !== part).join(',');
      if (!shorter.includes('actions=')) continue;
      const lines = best()[key].map((line, at) => (at === i ? shorter : line));
      await attempt({ ...best(), [key]: lines });
    }
  }
}

/** Splits at commas outside parentheses. */
export function topLevelParts(line: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of line) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

/** Most telling first: what the others may follow from. */
const ASPECTS: readonly Aspect[] = [
  'errors',
  'trace-flow',
  'datapath-actions',
  'packets',
  'megaflow',
  'final-flow',
  'trace-steps',
  'datapath-flows',
  'packet-ins',
  'flow-stats',
  'group-stats',
  'meter-stats',
  'flow-text',
];

/** The aspect that a failing case is shrunk for. */
export function mainAspect(mismatches: readonly { readonly aspect: Aspect }[]): Aspect {
  return ASPECTS.find((one) => mismatches.some(({ aspect }) => aspect === one))!;
}
