// Flows, groups and whole cases.
import { Random } from '../../support/random-frames.ts';
import { isOn } from '../features.ts';
import { type Version, versionsFrom } from '../openflow-link.ts';
import type { OracleCase } from '../oracle-case.ts';
import { makeActions } from './actions.ts';
import { makeConjunction } from './conjunctions.ts';
import { chance, type Environment, LAST_TABLE } from './environment.ts';
import { type Focus, focusFlows, focusOf, packetFor, versionFor } from './focus.ts';
import { makeMatch } from './match.ts';
import { METER_IDS, makeMeters } from './meters.ts';
import { type GeneratedPacket, KINDS, type Kind, makePacket } from './packets.ts';
import { CONFIG_ORDER, PORT_CONFIGS } from './port-configs.ts';

/** How many cases in a row share a configuration of the ports, which takes longer to set than a case to run. */
export const CASES_PER_CONFIG = 50;

export function makeCase(seed: number, index: number): OracleCase {
  const random = new Random((seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0);
  const focus = focusOf(index);
  const version = focus ? versionFor(random, focus) : random.pick(versionsFrom());
  const packets = makePackets(random);
  if (focus) packets[0] = packetFor(random, focus, 1 + random.below(4));
  const groups = version !== 'OpenFlow10' && random.below(3) === 0 ? makeGroups(random, version, packets) : [];
  const config = configOf(index);
  const flows = makeFlows({ random, version, packets, groupIds: groups.map((_, i) => i + 1), depth: 0 }, focus);
  if (PORT_CONFIGS[config]!.isForNormal && random.below(2) === 0) flows.push('table=0,priority=1,actions=normal');
  return {
    seed: index,
    version,
    config,
    meters: flows.some((flow) => flow.includes('meter:')) ? makeMeters(random) : [],
    groups,
    flows: withCookies(random, flows),
    packets: packets.map(({ port, hex }) => ({ port, hex })),
  };
}

const configOf = (index: number) => CONFIG_ORDER[Math.floor(index / CASES_PER_CONFIG) % CONFIG_ORDER.length]!;

type CaseEnvironment = Omit<Environment, 'promised' | 'tableId'>;

function makeFlows(env: CaseEnvironment, focus: Focus | undefined): string[] {
  const { random, packets } = env;
  const flows: string[] = [];
  if (focus?.kind === 'conjunction' || (isOn('conjunction') && random.below(25) === 0)) {
    flows.push(...makeConjunction({ ...env, tableId: 0 }, packets[0]!));
  } else if (focus) flows.push(...focusFlows({ ...env, tableId: 0 }, focus, packets[0]!));
  for (let tableId = 0; tableId <= LAST_TABLE; tableId++) {
    for (let n = tableId === 0 ? 1 + random.below(5) : random.below(3); n > 0; n--) {
      flows.push(makeFlow({ ...env, tableId }));
    }
  }
  return flows;
}

/** Cookies that tell which flow of the case a flow in a dump is, but for one in ten. */
export const COOKIE_BASE = 0x1000;

function withCookies(random: Random, flows: readonly string[]): string[] {
  return flows.map((flow, i) => {
    const chosen = flow.includes('priority=65535') ? 2 : random.below(20);
    if (chosen === 0) return flow;
    const cookie = chosen === 1 ? random.pick(['1', 'ff', 'ffffffffffffffff']) : (COOKIE_BASE + i).toString(16);
    return flow.replace(/priority=\d+/, (priority) => `${priority},cookie=0x${cookie}`);
  });
}

function makePackets(random: Random): GeneratedPacket[] {
  const usableKinds = (Object.entries(KINDS) as [Kind, number][]).filter(
    ([kind]) => (kind !== 'nsh' || isOn('nsh')) && (kind !== 'mpls' || isOn('mpls')),
  );
  const kinds = usableKinds.flatMap(([kind, weight]) => Array(weight).fill(kind) as Kind[]);
  // Few kinds, so that a flow meets more than one packet.
  const chosen = [random.pick(kinds), random.pick(kinds)];
  return Array.from({ length: 2 + random.below(3) }, () =>
    makePacket(random, random.pick(chosen), 1 + random.below(4)),
  );
}

function makeFlow(partial: Omit<Environment, 'promised'>): string {
  const { random, tableId, version } = partial;
  const match = makeMatch(partial);
  const env: Environment = { ...partial, promised: match.promised };
  const actions = makeActions(env, random.pick([0, 1, 1, 2, 2, 3, 4, 6]));
  if (version !== 'OpenFlow10') {
    actions.push(...makeInstructions(env));
    if (isOn('meters') && chance(env, 4)) actions.unshift(`meter:${random.pick(METER_IDS)}`);
  }
  const words = [`table=${tableId}`, `priority=${random.pick([0, 1, 10, 100, 32768, 65534])}`];
  if (chance(env, 8)) words.push('idle_timeout=600');
  if (chance(env, 8)) words.push('hard_timeout=900');
  if (chance(env, 4)) words.push(random.pick(['send_flow_rem', 'check_overlap', 'reset_counts']));
  if (match.text !== '') words.push(match.text);
  return `${words.join(',')},actions=${actions.length === 0 ? 'drop' : actions.join(',')}`;
}

function makeInstructions(env: Environment): string[] {
  const { random } = env;
  const out: string[] = [];
  if (chance(env, 4)) out.push('clear_actions');
  if (chance(env, 20)) {
    const written = makeActions(env, 1 + random.below(4), true);
    if (written.length > 0) out.push(`write_actions(${written.join(',')})`);
  }
  if (chance(env, 6)) out.push(`write_metadata:${random.pick(['0x1', '0x2/0xff', '0x3'])}`);
  if (env.tableId < LAST_TABLE && chance(env, 25)) out.push(`goto_table:${env.tableId + 1 + random.below(2)}`);
  return out;
}

function makeGroups(random: Random, version: Version, packets: readonly GeneratedPacket[]): string[] {
  return Array.from({ length: 1 + random.below(3) }, (_, i) => {
    const env: Environment = {
      random,
      version,
      packets,
      tableId: LAST_TABLE - 2,
      groupIds: [],
      promised: new Set(),
      depth: 0,
    };
    const type = random.pick(['all', 'select', 'indirect', 'fast_failover']);
    const method =
      type === 'select'
        ? random.pick(['', '', 'selection_method=dp_hash,', 'selection_method=hash,fields(ip_dst,ip_src),'])
        : '';
    const buckets = Array.from({ length: type === 'indirect' ? 1 : random.below(4) }, (_, bucket) => {
      const words = [`bucket_id:${bucket}`];
      if (type === 'select' && chance(env, 50)) words.push(`weight:${random.below(5)}`);
      if (type === 'fast_failover') words.push(`watch_port:${1 + random.below(6)}`);
      return `bucket=${words.join(',')},actions=${makeActions(env, 1 + random.below(3), true).join(',') || 'drop'}`;
    });
    return `group_id=${i + 1},type=${type}${method === '' ? '' : `,${method.slice(0, -1)}`}${buckets.map((bucket) => `,${bucket}`).join('')}`;
  });
}
