// The harness measured against itself: every scenario once, briefly, through each switch that is installed; and the
// demo as a user runs it. Rates are not judged here: a loaded machine has none to judge.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FLOW_FILES } from '../../bench/load/flow-files.ts';
import { LOAD_STEPS, ofctlMissing } from '../../bench/load/load.ts';
import { ovsMissing } from '../../bench/peers/ovs.ts';
import { ovsDpdkMissing } from '../../bench/peers/ovs-dpdk.ts';
import { SCENARIOS } from '../../bench/scenarios.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TIMEOUT_MS = 180_000;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

function run(args: readonly string[], interruptAfterMs = 0): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...args], { cwd: root, timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(child.exitCode ?? -1) : 0, output: `${stdout}${stderr}` }),
    );
    if (interruptAfterMs > 0) setTimeout(() => child.kill('SIGINT'), interruptAfterMs);
  });
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('weft-bench-'));

describe.each([
  ['weft', undefined],
  ['ovs-dpdk', ovsDpdkMissing()],
])('weft-bench --only %s', (peer, missing) => {
  it.skipIf(missing !== undefined)(
    'moves the frames of every scenario unharmed and leaves nothing behind',
    async () => {
      const before = leftovers();
      const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
      const json = join(folder, 'result.json');
      const names = SCENARIOS.map(({ name }) => name).filter((name) => name !== 'flows-100000');
      const scenarios = [...names, 'start'].join(',');
      const words = ['--only', peer, '--runs', '1', '--duration', '0.2', '--scenario', scenarios, '--json', json];
      const { code, output } = await run(['dist/bench/weft-bench.js', ...words]);
      expect(output).toContain('negotiated with the guests');
      expect(code, output).toBe(0);
      const [result] = JSON.parse(readFileSync(json, 'utf8')).peers;
      for (const name of names) expect(result.scenarios[name][0].receivedPps, name).toBeGreaterThan(1000);
      rmSync(folder, { recursive: true });
      expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
    },
  );
});

describe('weft-bench --scenario load', () => {
  it.skipIf((ofctlMissing() ?? ovsMissing()) !== undefined)(
    'adds, dumps and deletes flows in both switches',
    async () => {
      const before = leftovers();
      const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
      const json = join(folder, 'result.json');
      const words = ['--scenario', 'load', '--peer', 'ovs-dpdk', '--runs', '1', '--flows', '300', '--json', json];
      const { code, output } = await run(['dist/bench/weft-bench.js', ...words]);
      expect(code, output).toBe(0);
      expect(output).toMatch(/connections, add in a bundle( +[\d.x-]+){8}/);
      const { rounds } = JSON.parse(readFileSync(json, 'utf8'));
      for (const name of ['weft', 'ovs']) {
        const [round] = rounds[name];
        expect(round.results).toHaveLength(FLOW_FILES.length * LOAD_STEPS.length);
        // Every file was there whole before it was deleted.
        for (const { step, flows } of round.results) expect(flows, `${name} ${step}`).toBe(step === 'delete' ? 0 : 300);
      }
      rmSync(folder, { recursive: true });
      expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
    },
  );
});

describe('weft-bench', () => {
  it('names what it does not know and exits 1', async () => {
    const { code, output } = await run(['dist/bench/weft-bench.js', '--scenario', 'warp']);
    expect(code).toBe(1);
    expect(output).toContain('unknown scenario warp: expected one of port-forward-64');
  });

  it('cleans up when it is interrupted', async () => {
    const before = leftovers();
    const { code } = await run(['dist/bench/weft-bench.js', '--scenario', 'port-forward-64', '--duration', '60'], 4000);
    expect(code).toBe(130);
    expect(leftovers()).toEqual(before);
  });
});

describe('npm run demo', () => {
  it('shows traffic, a trace, and ends with 0 and nothing left', async () => {
    const before = leftovers();
    const { code, output } = await run(['tools/demo.mjs']);
    expect(code, output).toBe(0);
    expect(output).toContain('second 10 of 10');
    expect(output).toMatch(/guest-a\s+[\d.]+ [Mk]pps\s+[\d.]+ [Mk]pps/);
    expect(output).toMatch(/Datapath actions: \d+/);
    expect(output).toMatch(/guest-b: \d+ frames sent, [1-9]\d* received and checked, 0 out of order, 0 with a wrong/);
    expect(leftovers()).toEqual(before);
  });
});
