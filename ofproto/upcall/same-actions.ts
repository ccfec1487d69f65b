// Equality of datapath actions: a megaflow whose fresh translation gives the same ones is left alone.

import type { DpAction } from '../../datapath/dpif.ts';

export function sameActions(a: readonly DpAction[], b: readonly DpAction[]): boolean {
  return a.length === b.length && a.every((action, i) => sameAction(action, b[i]!));
}

/** Most are outputs. */
function sameAction(a: DpAction, b: DpAction): boolean {
  if (a.type === 'output' && b.type === 'output') return a.port === b.port;
  return sameValue(a, b);
}

/** Actions are plain data: numbers, strings, bytes, and lists and records of them. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [mine, theirs] = [Object.entries(a), Object.entries(b)];
  return (
    mine.length === theirs.length &&
    mine.every(([name, value]) => sameValue(value, (b as Record<string, unknown>)[name]))
  );
}
