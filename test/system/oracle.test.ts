// 2,000 seeded cases on real Open vSwitch and weft side by side; `npm run oracle` runs more, and prints failing cases in
// their smallest form.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DIFFERENCES_MAX } from '../oracle/explained.ts';
import { MISSING } from '../oracle/features.ts';
import { Oracle } from '../oracle/oracle.ts';
import type { Aspect, Failure } from '../oracle/oracle-case.ts';
import { reportOf } from '../oracle/report.ts';

const CASES = 2000;
const SEED = 1;
/** Cases in which a packet takes a flow with an action or field. */
const OCCURRENCES_MIN = 20;
const REPORTS_MAX = 5;

describe.skipIf(!existsSync('/usr/sbin/ovs-vswitchd'))('Open vSwitch as the oracle', () => {
  it(`differs in no more of ${CASES} cases than is known`, { timeout: 600_000 }, async () => {
    await using oracle = await Oracle.start();
    const failures: Failure[] = [];
    const result = await oracle.run(SEED, CASES, { failed: (failure) => failures.push(failure) });
    console.log(result.coverage.table());
    console.log(`switched off: ${MISSING.join(', ') || 'nothing'}`);
    expect(result.coverage.rare(OCCURRENCES_MIN)).toEqual([]);
    const counts = countsOf(failures);
    console.log(`${failures.length} of ${result.cases} cases differ: ${JSON.stringify(counts)}`);
    const excess = Object.entries(counts).filter(([aspect, count]) => count > DIFFERENCES_MAX[aspect as Aspect]);
    const telling = failures.filter((one) =>
      one.mismatches.some(({ aspect }) => excess.some(([name]) => name === aspect)),
    );
    for (const failure of telling.slice(0, REPORTS_MAX)) console.log(reportOf(await oracle.shrink(failure)));
    expect(excess).toEqual([]);
  });
});

/** In how many cases each aspect differs. */
function countsOf(failures: readonly Failure[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { mismatches } of failures) {
    for (const aspect of new Set(mismatches.map((one) => one.aspect))) counts[aspect] = (counts[aspect] ?? 0) + 1;
  }
  return counts;
}
