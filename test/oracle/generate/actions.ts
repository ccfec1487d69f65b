// Every action of ovs-actions(7), conntrack and tunnels excepted, in ovs-ofctl's syntax.
import type { Feature } from '../features.ts';
import { chance, type Environment, isAllowed, LAST_TABLE, randomBits, usable } from './environment.ts';
import { FIELDS, type FieldSpec, formatValue } from './fields.ts';
import { VLAN_PRESENT } from './match.ts';
import { METER_IDS } from './meters.ts';

export interface ActionMaker {
  /** The manual's name, which the coverage table counts. */
  readonly name: string;
  readonly weight: number;
  readonly feature?: Feature;
  /** 1.1 and later have it. */
  readonly since?: 'OpenFlow13' | 'OpenFlow15';
  /** Of these shorthands one must be matched. */
  readonly needs?: readonly string[];
  /** Also in an action set or a group's bucket. */
  readonly inSet?: boolean;
  /** An instruction, which is no part of other actions, with its place among instructions. */
  readonly make: (env: Environment) => string | undefined;
}

const ANY_IP = ['ip', 'ipv6'] as const;
const L4 = ['tcp', 'udp', 'sctp', 'tcp6', 'udp6', 'sctp6'] as const;
const port = ({ random }: Environment) => random.pick([1, 2, 3, 4, 5, 6]);
const mac = ({ random }: Environment) => random.pick(['00:00:00:00:00:01', '0a:11:22:33:44:55', '01:00:5e:00:00:01']);
const hex = (value: bigint) => `0x${value.toString(16)}`;

const settable = (env: Environment): FieldSpec[] => FIELDS.filter((field) => field.settable && isAllowed(field, env));
const readable = (env: Environment): FieldSpec[] =>
  FIELDS.filter((field) => isAllowed(field, env) && MOVABLE.test(field.name) && (field.settable || chance(env, 20)));
/** Fields that move, push and hashes can name. */
const MOVABLE = /^(?!conj_id|packet_type|actset_output|recirc_id|ip_frag|dl_vlan|nw_tos|nsh_(mdtype|np))/;

/** A field, half of the time one of the packet's headers. */
function pickSettable(env: Environment): FieldSpec {
  const all = settable(env);
  const headers = all.filter((field) => field.needs !== undefined);
  return env.random.pick(headers.length > 0 && chance(env, 60) ? headers : all);
}

/** `name[]`, `name[3]`, `name[0..15]`, and its width. */
function subfield(env: Environment, field: FieldSpec, bits = field.bits): string {
  const { random } = env;
  const width = Math.min(bits, field.bits);
  const start = random.below(field.bits - width + 1);
  if (width === field.bits) return `${field.name}[]`;
  return width === 1 ? `${field.name}[${start}]` : `${field.name}[${start}..${start + width - 1}]`;
}

function setField(env: Environment): string {
  const field = pickSettable(env);
  let value = field.pool && chance(env, 70) ? env.random.pick(field.pool) : randomBits(env.random, field.bits);
  if (field.name === 'vlan_vid') value |= 0x1000n;
  if (!field.maskable || chance(env, 70)) return `set_field:${formatValue(field, value)}->${field.name}`;
  const mask = randomBits(env.random, field.bits) || 1n;
  const as = field.format === 'dec' ? ({ ...field, format: 'hex' } as const) : field;
  return `set_field:${formatValue(as, value & mask)}/${formatValue(as, mask)}->${field.name}`;
}

function load(env: Environment): string {
  const field = pickSettable(env);
  const bits = chance(env, 50) ? Math.min(field.bits, 64) : 1 + env.random.below(Math.min(field.bits, 64));
  return `load:${hex(randomBits(env.random, bits))}->${subfield(env, field, bits)}`;
}

function move(env: Environment): string {
  const [src, dst] = [env.random.pick(readable(env)), pickSettable(env)];
  const most = Math.min(src.bits, dst.bits);
  const bits = chance(env, 50) ? most : 1 + env.random.below(most);
  return `move:${subfield(env, src, bits)}->${subfield(env, dst, bits)}`;
}

const HASHES = ['eth_src', 'symmetric_l4', 'symmetric_l3l4', 'symmetric_l3l4+udp', 'nw_src', 'nw_dst', 'symmetric_l3'];
const register = (env: Environment) => `NXM_NX_REG${env.random.below(16)}[]`;

function learn(env: Environment): string {
  const { random } = env;
  const words = [`table=${1 + random.below(LAST_TABLE)}`, `priority=${random.pick([10, 100, 5000])}`];
  if (chance(env, 30)) words.push('idle_timeout=300');
  if (chance(env, 20)) words.push('hard_timeout=600');
  if (chance(env, 20)) words.push('fin_idle_timeout=10');
  if (chance(env, 20)) words.push('cookie=0x77');
  if (chance(env, 10)) words.push('send_flow_rem');
  if (chance(env, 10)) words.push('delete_learned');
  if (chance(env, 15)) words.push(`limit=${random.pick([1, 10])}`);
  if (chance(env, 10)) words.push(`limit=1,result_dst=${`NXM_NX_REG${random.below(8)}[0]`}`);
  const specs = [
    'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]',
    'NXM_OF_VLAN_TCI[0..11]',
    'eth_type=0x800',
    'NXM_NX_REG1[0..3]=5',
    'in_port=1',
  ];
  words.push(random.pick(specs));
  if (env.promised.has('ip'))
    words.push('eth_type=0x800', random.pick(['NXM_OF_IP_DST[]=NXM_OF_IP_SRC[]', 'nw_proto=6']));
  if (chance(env, 50)) words.push('load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]');
  if (chance(env, 30)) words.push('load:0x1234->NXM_NX_REG2[]');
  if (chance(env, 60)) words.push('output:NXM_OF_IN_PORT[]');
  return `learn(${words.join(',')})`;
}

function controller(env: Environment): string {
  const words: string[] = [];
  if (chance(env, 50)) words.push(`max_len=${env.random.pick([0, 64, 128, 65535])}`);
  if (chance(env, 30)) words.push(`reason=${env.random.pick(['no_match', 'action', 'invalid_ttl'])}`);
  if (chance(env, 20)) words.push('id=5');
  if (chance(env, 30)) words.push('userdata=01.02.03');
  return words.length === 0 ? 'CONTROLLER:65535' : `controller(${words.join(',')})`;
}

function nested(env: Environment): string {
  const inner = makeActions({ ...env, depth: env.depth + 1 }, 1 + env.random.below(3));
  return inner.join(',');
}

const later = (env: Environment) => env.tableId + 1 + env.random.below(2);

export const ACTIONS: readonly ActionMaker[] = [
  {
    name: 'output',
    weight: 14,
    inSet: true,
    make: (env) => (chance(env, 70) ? `output:${port(env)}` : `${port(env)}`),
  },
  {
    name: 'output(max_len)',
    weight: 1,
    make: (env) => `output(port=${port(env)},max_len=${env.random.pick([14, 20, 60, 100])})`,
  },
  { name: 'output:field', weight: 1, make: (env) => `output:${register(env).replace('[]', '[0..15]')}` },
  { name: 'in_port', weight: 2, inSet: true, make: () => 'in_port' },
  { name: 'local', weight: 1, inSet: true, make: () => 'local' },
  { name: 'normal', weight: 2, make: () => 'normal' },
  { name: 'flood', weight: 1, make: () => 'flood' },
  { name: 'all', weight: 1, make: () => 'all' },
  { name: 'controller', weight: 2, feature: 'controller', make: controller },
  {
    name: 'controller(pause)',
    weight: 1,
    feature: 'pause',
    make: (env) => `controller(${chance(env, 50) ? 'userdata=01.02,' : ''}pause)`,
  },
  { name: 'enqueue', weight: 1, make: (env) => `enqueue:${port(env)}:${env.random.below(4)}` },
  {
    name: 'bundle',
    weight: 2,
    feature: 'bundle',
    make: (env) =>
      `bundle(${env.random.pick(HASHES)},${env.random.below(50)},${env.random.pick(['active_backup', 'hrw'])},ofport,members:${port(env)},${port(env)},9)`,
  },
  {
    name: 'bundle_load',
    weight: 2,
    feature: 'bundle',
    make: (env) =>
      `bundle_load(${env.random.pick(HASHES)},${env.random.below(50)},${env.random.pick(['active_backup', 'hrw'])},ofport,${register(env)},members:${port(env)},${port(env)})`,
  },
  {
    name: 'group',
    weight: 8,
    feature: 'groups',
    since: 'OpenFlow13',
    inSet: true,
    make: (env) => (env.groupIds.length > 0 ? `group:${env.random.pick(env.groupIds)}` : undefined),
  },
  {
    name: 'strip_vlan',
    weight: 2,
    inSet: true,
    make: (env) => (env.promised.has(VLAN_PRESENT) || env.version === 'OpenFlow10' ? 'strip_vlan' : undefined),
  },
  {
    name: 'pop_vlan',
    weight: 2,
    inSet: true,
    since: 'OpenFlow13',
    needs: [VLAN_PRESENT],
    make: () => 'pop_vlan',
  },
  { name: 'push_vlan', weight: 3, since: 'OpenFlow13', inSet: true, make: pushVlan },
  {
    name: 'mod_vlan_vid',
    weight: 2,
    make: (env) =>
      env.version === 'OpenFlow10' || env.promised.has(VLAN_PRESENT)
        ? `mod_vlan_vid:${env.random.pick([0, 1, 10, 4095])}`
        : undefined,
  },
  {
    name: 'mod_vlan_pcp',
    weight: 2,
    make: (env) =>
      env.version === 'OpenFlow10' || env.promised.has(VLAN_PRESENT)
        ? `mod_vlan_pcp:${env.random.below(8)}`
        : undefined,
  },
  {
    name: 'push_mpls',
    weight: 3,
    feature: 'mpls',
    make: (env) => `push_mpls:${env.random.pick(['0x8847', '0x8848'])}`,
  },
  {
    name: 'pop_mpls',
    weight: 3,
    feature: 'mpls',
    needs: ['mpls', 'mplsm'],
    make: (env) => `pop_mpls:${env.random.pick(['0x0800', '0x86dd', '0x8847', '0x88b5'])}`,
  },
  {
    name: 'set_mpls_label',
    weight: 3,
    feature: 'mpls',
    needs: ['mpls', 'mplsm'],
    make: (env) => `set_mpls_label:${env.random.pick([0, 16, 1048575])}`,
  },
  {
    name: 'set_mpls_tc',
    weight: 3,
    feature: 'mpls',
    needs: ['mpls', 'mplsm'],
    make: (env) => `set_mpls_tc:${env.random.below(8)}`,
  },
  {
    name: 'set_mpls_ttl',
    weight: 3,
    feature: 'mpls',
    needs: ['mpls', 'mplsm'],
    make: (env) => `set_mpls_ttl:${env.random.pick([0, 1, 64])}`,
  },
  { name: 'dec_mpls_ttl', weight: 4, feature: 'mpls', needs: ['mpls', 'mplsm'], make: () => 'dec_mpls_ttl' },
  {
    name: 'encap',
    weight: 2,
    feature: 'encap',
    make: (env) =>
      env.random.pick([
        'encap(nsh(md_type=1))',
        'encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)))',
        'encap(ethernet)',
        'encap(mpls)',
        'encap(nsh(md_type=1)),encap(ethernet)',
      ]),
  },
  {
    name: 'decap',
    weight: 2,
    feature: 'encap',
    make: (env) => env.random.pick(['decap()', 'decap(packet_type(ns=0,type=0))']),
  },
  { name: 'dec_nsh_ttl', weight: 4, feature: 'nsh', needs: ['eth_type=0x894f'], make: () => 'dec_nsh_ttl' },
  { name: 'set_field', weight: 10, inSet: true, make: setField },
  { name: 'load', weight: 6, inSet: true, make: load },
  { name: 'move', weight: 6, inSet: true, make: move },
  { name: 'mod_dl_src', weight: 2, inSet: true, make: (env) => `mod_dl_src:${mac(env)}` },
  { name: 'mod_dl_dst', weight: 2, inSet: true, make: (env) => `mod_dl_dst:${mac(env)}` },
  {
    name: 'mod_nw_src',
    weight: 3,
    needs: ['ip'],
    make: (env) => `mod_nw_src:${env.random.pick(['10.0.0.9', '1.2.3.4'])}`,
  },
  {
    name: 'mod_nw_dst',
    weight: 3,
    needs: ['ip'],
    make: (env) => `mod_nw_dst:${env.random.pick(['10.0.0.9', '1.2.3.4'])}`,
  },
  { name: 'mod_nw_tos', weight: 2, needs: ANY_IP, make: (env) => `mod_nw_tos:${4 * env.random.below(64)}` },
  { name: 'mod_nw_ecn', weight: 2, needs: ANY_IP, make: (env) => `mod_nw_ecn:${env.random.below(4)}` },
  { name: 'mod_nw_ttl', weight: 2, needs: ANY_IP, make: (env) => `mod_nw_ttl:${env.random.pick([0, 1, 64, 255])}` },
  { name: 'mod_tp_src', weight: 4, needs: L4, make: (env) => `mod_tp_src:${env.random.pick([0, 80, 65535])}` },
  { name: 'mod_tp_dst', weight: 4, needs: L4, make: (env) => `mod_tp_dst:${env.random.pick([0, 80, 65535])}` },
  { name: 'dec_ttl', weight: 5, needs: ANY_IP, inSet: true, make: () => 'dec_ttl' },
  { name: 'dec_ttl(ids)', weight: 2, needs: ANY_IP, make: () => 'dec_ttl(1,2)' },
  {
    name: 'check_pkt_larger',
    weight: 3,
    feature: 'check_pkt_larger',
    make: (env) =>
      `check_pkt_larger(${env.random.pick([60, 100, 1500])})->NXM_NX_REG${env.random.below(4)}[${env.random.below(32)}]`,
  },
  { name: 'delete_field', weight: 1, feature: 'delete_field', make: () => 'delete_field:tun_metadata0' },
  { name: 'set_queue', weight: 2, inSet: true, make: (env) => `set_queue:${env.random.below(4)}` },
  { name: 'pop_queue', weight: 1, make: () => 'pop_queue' },
  { name: 'learn', weight: 3, feature: 'learn', make: learn },
  {
    name: 'fin_timeout',
    weight: 2,
    feature: 'fin_timeout',
    needs: ['tcp', 'tcp6'],
    make: () => 'fin_timeout(idle_timeout=5,hard_timeout=10)',
  },
  {
    name: 'resubmit',
    weight: 8,
    make: (env) =>
      env.random.pick([
        `resubmit(,${later(env)})`,
        `resubmit(,${later(env)})`,
        `resubmit(${port(env)},${later(env)})`,
        `resubmit:${env.depth > 0 ? port(env) : 99}`,
      ]),
  },
  { name: 'clone', weight: 3, feature: 'clone', make: (env) => (env.depth < 2 ? `clone(${nested(env)})` : undefined) },
  {
    name: 'push',
    weight: 2,
    make: (env) => {
      const f = env.random.pick(readable(env));
      return `push:${subfield(env, f, 1 + env.random.below(f.bits))}`;
    },
  },
  {
    name: 'pop',
    weight: 2,
    make: (env) => {
      const f = pickSettable(env);
      return `pop:${subfield(env, f, 1 + env.random.below(f.bits))}`;
    },
  },
  { name: 'exit', weight: 1, make: () => 'exit' },
  {
    name: 'multipath',
    weight: 2,
    feature: 'multipath',
    make: (env) =>
      `multipath(${env.random.pick(HASHES)},${env.random.below(50)},${env.random.pick(['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'])},${1 + env.random.below(8)},0,${register(env)})`,
  },
  { name: 'note', weight: 1, make: () => 'note:11.22.33.44' },
  {
    name: 'sample',
    weight: 2,
    feature: 'sample',
    make: (env) =>
      `sample(probability=${env.random.pick([65535, 1000])},collector_set_id=1,obs_domain_id=2,obs_point_id=3)`,
  },
  // First of a flow's actions or nowhere: makeFlow() and focusFlows() put it there.
  {
    name: 'meter',
    weight: 0,
    feature: 'meters',
    since: 'OpenFlow13',
    make: ({ random }) => `meter:${random.pick(METER_IDS)}`,
  },
  { name: 'debug_recirc', weight: 1, feature: 'debug', make: () => 'debug_recirc' },
  { name: 'debug_slow', weight: 1, feature: 'debug', make: () => 'debug_slow' },
];

function pushVlan(env: Environment): string {
  const push = `push_vlan:${env.random.pick(['0x8100', '0x8100', '0x88a8'])}`;
  return chance(env, 70) ? `${push},set_field:${4096 + env.random.pick([0, 5, 4095])}->vlan_vid` : push;
}

/** What a flow starts with, ends with, or has by itself (flows.ts, conjunctions.ts). */
export const INSTRUCTIONS = ['clear_actions', 'write_actions', 'write_metadata', 'goto_table'] as const;
export const ALONE = ['conjunction', 'drop'] as const;

function candidates(env: Environment, inSet: boolean): ActionMaker[] {
  return ACTIONS.filter(
    ({ feature, since, needs, inSet: setToo }) =>
      usable(feature) &&
      (since === undefined || env.version >= since) &&
      (needs === undefined || needs.some((need) => env.promised.has(need))) &&
      (!inSet || setToo === true),
  );
}

/** `count` actions, or fewer where one cannot be made. */
export function makeActions(env: Environment, count: number, inSet = false): string[] {
  const makers = candidates(env, inSet);
  const total = makers.reduce((sum, { weight }) => sum + weight, 0);
  const out: string[] = [];
  for (let n = 0; n < count; n++) {
    const at = env.random.below(total);
    const maker = pickByWeight(makers, at);
    const text = maker.make(env);
    if (text !== undefined) out.push(text);
  }
  return out;
}

function pickByWeight(makers: readonly ActionMaker[], at: number): ActionMaker {
  let left = at;
  for (const maker of makers) {
    left -= maker.weight;
    if (left < 0) return maker;
  }
  return makers.at(-1)!;
}
