// A failing case as text that a person can read and try by hand.

import { PORT_CONFIGS } from './generate/port-configs.ts';
import type { Failure } from './oracle-case.ts';

/** Lines of one answer that a report shows. */
const LINES_MAX = 30;

export function reportOf({ oracleCase, mismatches }: Failure): string {
  const { version, config, flows, meters, groups, packets } = oracleCase;
  return [
    `case ${oracleCase.seed} (${version}; ports: ${PORT_CONFIGS[config]!.name})`,
    ...meters.map((meter) => `  meter ${meter}`),
    ...groups.map((group) => `  group ${group}`),
    ...flows.map((flow) => `  flow ${flow}`),
    ...packets.map(({ port, hex }) => `  trace in_port=${port} ${hex}`),
    ...mismatches.flatMap(({ aspect, about, ovs, weft }) => [`  ${aspect}, ${about}:`, ...difference(ovs, weft)]),
  ].join('\n');
}

/** The lines that only one of them has. */
function difference(ovs: string, weft: string): string[] {
  const [left, right] = [ovs.split('\n'), weft.split('\n')];
  const [onlyLeft, onlyRight] = [missingFrom(left, right), missingFrom(right, left)];
  const same = onlyLeft.length === 0 && onlyRight.length === 0;
  const shown = (mark: string, lines: readonly string[]) =>
    lines.slice(0, LINES_MAX).map((line) => `    ${mark} ${line}`);
  return [...shown('-', same ? left : onlyLeft), ...shown('+', same ? right : onlyRight)];
}

function missingFrom(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
