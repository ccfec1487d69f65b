// What weft-bench prints of the load scenario: medians by file and step, and ratios of rounds measured in turn.

import { median, pairedRatio } from '../harness/statistics.ts';
import { formatRatio, formatTable } from '../harness/table.ts';
import type { FlowFile } from './flow-files.ts';
import { LOAD_STEPS, type LoadResult, type LoadRound, type LoadStep } from './load.ts';

export type LoadRounds = ReadonlyMap<string, readonly LoadRound[]>;

const milliseconds = (values: readonly number[]) => (values.length === 0 ? '-' : `${Math.round(median(values))}`);

function pick(rounds: readonly LoadRound[], file: string, step: LoadStep, what: keyof LoadResult): number[] {
  const found = rounds.flatMap(({ results }) => results.filter((one) => one.file === file && one.step === step));
  return found.map((result) => Number(result[what]));
}

/** One row for each file and step. */
export function loadTable(files: readonly FlowFile[], rounds: LoadRounds): string {
  const names = [...rounds.keys()];
  const [ours, theirs] = [rounds.get('weft'), rounds.get('ovs')];
  const columns = (what: string) => names.map((name) => `${name} ${what}`);
  const ratios = ours && theirs ? ['ratio'] : [];
  const head = ['flows, step', ...columns('ms'), ...ratios, ...columns('CPU ms'), ...ratios, ...columns('echo ms')];
  const rows = files.flatMap(({ name: file }) =>
    LOAD_STEPS.map((step) => {
      const cells = (what: keyof LoadResult) =>
        names.map((name) => milliseconds(pick(rounds.get(name) ?? [], file, step, what)));
      const ratio = (what: keyof LoadResult) =>
        ours && theirs ? [formatRatio(pairedRatio(pick(ours, file, step, what), pick(theirs, file, step, what)))] : [];
      const figures = [
        ...cells('wallMs'),
        ...ratio('wallMs'),
        ...cells('cpuMs'),
        ...ratio('cpuMs'),
        ...cells('echoMs'),
      ];
      return [`${file}, ${step}`, ...figures];
    }),
  );
  return formatTable([head, ...rows]);
}

export function memoryLine(rounds: LoadRounds): string {
  const parts = [...rounds].map(([name, some]) => {
    const sizes = some.flatMap(({ bytesPerFlow }) => (bytesPerFlow === undefined ? [] : [bytesPerFlow]));
    return `${name} ${sizes.length > 0 ? Math.round(median(sizes)) : '-'}`;
  });
  return `resident bytes a flow (first file, fresh daemon): ${parts.join(', ')}`;
}
