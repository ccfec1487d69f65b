// The grammar that datapath flows and actions share: `name(inside),name(inside)`, where inside may nest.

import { UserError } from '../../lib/errors.ts';

export interface Group {
  readonly name: string;
  /** What is between its parentheses; undefined for a bare word. */
  readonly inside: string | undefined;
  /** The whole, for complaints. */
  readonly text: string;
}

/** Splits at commas outside parentheses; empty items are left out. Throws UserError for unbalanced parentheses. */
export function splitItems(text: string): string[] {
  const items: string[] = [];
  let [depth, start] = [0, 0];
  for (let i = 0; i <= text.length; i++) {
    const char = text[i];
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (depth < 0) throw new UserError(`syntax error at ${text.slice(i)}`);
    if (i < text.length && (char !== ',' || depth > 0)) continue;
    const item = text.slice(start, i).trim();
    if (item !== '') items.push(item);
    start = i + 1;
  }
  if (depth !== 0) throw new UserError(`syntax error at ${text}`);
  return items;
}

export function parseGroup(text: string): Group {
  const open = text.indexOf('(');
  if (open < 0) return { name: text, inside: undefined, text };
  if (!text.endsWith(')')) throw new UserError(`syntax error at ${text}`);
  return { name: text.slice(0, open), inside: text.slice(open + 1, -1), text };
}

/** `a=1,b=2/3` as words with their values. */
export function parseWords(inside: string): Map<string, string> {
  return new Map(
    splitItems(inside).map((item) => {
      const at = item.indexOf('=');
      return at < 0 ? [item, ''] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}
