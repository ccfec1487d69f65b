// The command line of weft-bench.

import { parseArgs } from 'node:util';
import { UserError } from '../lib/errors.ts';
import { FLOW_FILES, type FlowFile } from './load/flow-files.ts';
import {
  DEFAULT_SCENARIOS,
  LOAD_SCENARIO,
  OFFLOAD_SCENARIO,
  SCENARIOS,
  type Scenario,
  START_SCENARIO,
} from './scenarios.ts';

export const PEERS = ['weft', 'ovs-dpdk'] as const;
export type PeerName = (typeof PEERS)[number];

export const USAGE = `usage: weft-bench [options]
  --scenario NAME[,NAME]  what to measure, or all (default: ${DEFAULT_SCENARIOS.join(',')},${START_SCENARIO})
  --peer ovs-dpdk         measure this switch too, in turn with weft, and print ratios
  --only PEER             measure this switch alone (weft or ovs-dpdk)
  --runs N                rounds over all switches (default: 5; of 'offload' 3)
  --duration S            seconds of each measurement (default: 2)
  --flows N               flows that the scenario 'load' adds (default: 100000)
  --files NAME[,NAME]     kinds of flows that it adds (default: all)
  --ring N                size of the guests' virtqueues (default: 1024)
  --pmd-core N            core of the switch's PMD thread (default: the last)
  --guest-core N          core of both guests (default: the first)
  --card-core N           core of the NIC model of 'offload' (default: one that nobody has, else the PMD thread's)
  --no-hugepages          ordinary pages for switches and guests
  --no-check              skip the check that the scenario's frames arrive, in order and unharmed
  --if-installed          leave the peer out, saying so, when it cannot run here
  --json FILE             write every measurement to FILE
  --list                  list the scenarios`;

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly start: boolean;
  readonly load: boolean;
  readonly offload: boolean;
  readonly flows: number;
  readonly files: readonly FlowFile[];
  readonly peers: readonly PeerName[];
  readonly runs: number;
  readonly offloadRuns: number;
  readonly durationMs: number;
  readonly ringSize: number;
  readonly pmdCore: number;
  readonly guestCore: number;
  /** Undefined: one that nobody has, or the PMD thread's. */
  readonly cardCore: number | undefined;
  readonly hugepages: boolean;
  readonly check: boolean;
  readonly ifInstalled: boolean;
  readonly jsonFile: string | undefined;
}

const RUNS = 5;
const OFFLOAD_RUNS = 3;

const OPTIONS = {
  scenario: { type: 'string', default: [...DEFAULT_SCENARIOS, START_SCENARIO].join(',') },
  peer: { type: 'string' },
  only: { type: 'string' },
  runs: { type: 'string' },
  duration: { type: 'string', default: '2' },
  flows: { type: 'string', default: '100000' },
  files: { type: 'string', default: FLOW_FILES.map(({ name }) => name).join(',') },
  ring: { type: 'string', default: '1024' },
  'pmd-core': { type: 'string' },
  'guest-core': { type: 'string', default: '0' },
  'card-core': { type: 'string' },
  'no-hugepages': { type: 'boolean', default: false },
  'no-check': { type: 'boolean', default: false },
  'if-installed': { type: 'boolean', default: false },
  json: { type: 'string' },
} as const;

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new UserError(`--${name} ${text}: expected a number from ${min} to ${max}`);
  }
  return value;
}

function peerName(text: string): PeerName {
  const name = PEERS.find((candidate) => candidate === text);
  if (!name) throw new UserError(`unknown switch ${text}: expected ${PEERS.join(' or ')}`);
  return name;
}

function scenario(name: string): Scenario {
  const found = SCENARIOS.find((candidate) => candidate.name === name);
  if (found) return found;
  const known = [
    ...SCENARIOS.map((candidate) => candidate.name),
    START_SCENARIO,
    LOAD_SCENARIO,
    OFFLOAD_SCENARIO,
    'all',
  ];
  throw new UserError(`unknown scenario ${name}: expected one of ${known.join(', ')}`);
}

function flowFile(name: string): FlowFile {
  const found = FLOW_FILES.find((candidate) => candidate.name === name);
  if (found) return found;
  throw new UserError(
    `unknown kind of flows ${name}: expected some of ${FLOW_FILES.map((file) => file.name).join(', ')}`,
  );
}

function words(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n${USAGE}`);
  }
}

/** Parses weft-bench's arguments for a machine of `coreCount` cores; throws UserError with what was expected. */
export function parseBenchOptions(args: readonly string[], coreCount: number): BenchOptions {
  const values = words(args);
  const names = values.scenario.split(',').map((name) => name.trim());
  const all = names.includes('all');
  const scenarios = all
    ? SCENARIOS
    : names.filter((name) => ![START_SCENARIO, LOAD_SCENARIO, OFFLOAD_SCENARIO].includes(name)).map(scenario);
  const compared = values.peer === undefined ? ['weft' as const] : (['weft', peerName(values.peer)] as const);
  const peers = values.only === undefined ? [...new Set(compared)] : [peerName(values.only)];
  const pmdCore = number('pmd-core', values['pmd-core'] ?? String(coreCount - 1), 0, coreCount - 1);
  const guestCore = number('guest-core', values['guest-core'], 0, coreCount - 1);
  const asked = values['card-core'];
  const cardCore = asked === undefined ? undefined : number('card-core', asked, 0, coreCount - 1);
  const runs = values.runs === undefined ? undefined : Math.floor(number('runs', values.runs, 1, 1000));
  if (pmdCore === guestCore) throw new UserError('the PMD thread and the guests need a core each (--pmd-core)');
  return {
    scenarios,
    start: all || names.includes(START_SCENARIO),
    load: names.includes(LOAD_SCENARIO),
    offload: names.includes(OFFLOAD_SCENARIO),
    flows: Math.floor(number('flows', values.flows, 1, 1_000_000)),
    files: values.files.split(',').map(flowFile),
    peers,
    runs: runs ?? RUNS,
    offloadRuns: runs ?? OFFLOAD_RUNS,
    durationMs: number('duration', values.duration, 0.1, 3600) * 1000,
    ringSize: number('ring', values.ring, 16, 32768),
    pmdCore,
    guestCore,
    cardCore,
    hugepages: !values['no-hugepages'],
    check: !values['no-check'],
    ifInstalled: values['if-installed'],
    jsonFile: values.json,
  };
}
