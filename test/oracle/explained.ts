// Differences that are meant: each with what it is and why. The tester counts them, and allows few.
import type { Mismatch, OracleCase } from './oracle-case.ts';

export interface Explanation {
  readonly why: string;
  readonly applies: (mismatch: Mismatch, oracleCase: OracleCase) => boolean;
}

export const EXPLAINED: readonly Explanation[] = [];

/** What explains a mismatch; nothing explains a difference in packets that come out. */
export function explanationOf(mismatch: Mismatch, oracleCase: OracleCase): Explanation | undefined {
  if (mismatch.aspect === 'packets') return undefined;
  return EXPLAINED.find(({ applies }) => applies(mismatch, oracleCase));
}
