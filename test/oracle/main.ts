// `npm run oracle -- --cases N --seed S [options]`: runs cases and prints what differs. README.md says what the options do.
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { MISSING } from './features.ts';
import { Oracle } from './oracle.ts';
import type { Failure } from './oracle-case.ts';
import { reportOf } from './report.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    'stop-after': { type: 'string', default: '1000000' },
    'no-shrink': { type: 'boolean', default: false },
    aspect: { type: 'string', multiple: true, default: [] },
    report: { type: 'string' },
  },
});
const isWanted = (aspect: string): boolean => values.aspect.length === 0 || values.aspect.includes(aspect);
const report = values.report === undefined ? undefined : createWriteStream(values.report);

await using oracle = await Oracle.start();
const started = performance.now();
const seen: Failure[] = [];
const result = await oracle.run(Number(values.seed), Number(values.cases), {
  first: Number(values.first),
  stopAfter: Number(values['stop-after']),
  failed: ({ oracleCase, mismatches }) => {
    const wanted = mismatches.filter(({ aspect }) => isWanted(aspect));
    if (wanted.length === 0) return;
    seen.push({ oracleCase, mismatches: wanted });
    report?.write(`${JSON.stringify(seen.at(-1))}\n`);
  },
});
const seconds = (performance.now() - started) / 1000;
for (const failure of report ? [] : seen) {
  console.log(reportOf(values['no-shrink'] ? failure : await oracle.shrink(failure)));
  console.log();
}
console.log(result.coverage.table());
if (MISSING.length > 0) console.log(`switched off: ${MISSING.join(', ')}`);
const aspects = new Map<string, number>();
for (const { mismatches } of result.failures) {
  for (const aspect of new Set(mismatches.map((one) => one.aspect)))
    aspects.set(aspect, (aspects.get(aspect) ?? 0) + 1);
}
console.log([...aspects].map(([aspect, count]) => `${aspect} ${count}`).join(', '));
for (const [why, count] of result.explained) console.log(`${count} explained: ${why}`);
console.log(
  `${result.cases} cases in ${seconds.toFixed(1)} s, ${result.flows} flows (${result.refusedFlows} refused), ` +
    `${result.failures.length} cases differ, ${result.endedOvs} ended Open vSwitch`,
);
process.exitCode = result.failures.length === 0 ? 0 : 1;
