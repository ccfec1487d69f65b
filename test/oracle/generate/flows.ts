// Flows, groups and whole cases.
import { Random } from '../../support/random-frames.ts';
import { isOn } from '../features.ts';
import type { Version } from '../openflow-link.ts';
import type { OracleCase } from '../oracle-case.ts';
import { makeActions } from './actions.ts';
import { chance, type Environment, LAST_TABLE } from './environment.ts';
import { makeMatch } from './match.ts';
import { type GeneratedPacket, KINDS, type Kind, makePacket } from './packets.ts';
import { PORT_CONFIGS } from './port-configs.ts';

/** How many cases in a row share a configuration of the ports, which takes longer to set than a case to run. */
export const CASES_PER_CONFIG = 50;

export function makeCase(seed: number, index: number): OracleCase {
  const random = new Random((seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0);
  const version = random.pick(versions());
  const packets = makePackets(random);
  const groups =
    isOn('groups') && version !== 'OpenFlow10' && random.below(3) === 0 ? makeGroups(random, version, packets) : [];
  const groupIds = groups.map((_, i) => i + 1);
  const flows: string[] = [];
  for (let tableId = 0; tableId <= LAST_TABLE; tableId++) {
    for (let n = tableId === 0 ? 1 + random.below(5) : random.below(3); n > 0; n--) {
      flows.push(makeFlow({ random, version, packets, tableId, groupIds, depth: 0 }));
    }
  }
  return {
    seed: index,
    version,
    config: Math.floor(index / CASES_PER_CONFIG) % PORT_CONFIGS.length,
    groups,
    flows,
    packets: packets.map(({ port, hex }) => ({ port, hex })),
  };
}

function versions(): Version[] {
  return isOn('openflow15')
    ? ['OpenFlow10', 'OpenFlow13', 'OpenFlow13', 'OpenFlow15', 'OpenFlow15']
    : ['OpenFlow10', 'OpenFlow13', 'OpenFlow13'];
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
  if (version !== 'OpenFlow10') actions.push(...makeInstructions(env));
  const words = [`table=${tableId}`, `priority=${random.pick([0, 1, 10, 100, 32768, 65535])}`];
  if (chance(env, 15)) words.push(`cookie=0x${random.pick(['1', 'ff', 'ffffffffffffffff'])}`);
  if (chance(env, 8)) words.push('idle_timeout=600');
  if (chance(env, 8)) words.push('hard_timeout=900');
  if (chance(env, 4)) words.push(random.pick(['send_flow_rem', 'check_overlap', 'reset_counts']));
  if (match.text !== '') words.push(match.text);
  return `${words.join(',')},actions=${actions.length === 0 ? 'drop' : actions.join(',')}`;
}

function makeInstructions(env: Environment): string[] {
  const { random } = env;
  const out: string[] = [];
  if (isOn('meters') && chance(env, 5)) out.push(`meter:${1 + random.below(3)}`);
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
