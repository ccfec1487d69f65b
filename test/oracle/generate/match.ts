// Matches that packets of the case are likely, but not sure, to meet.
import { chance, type Environment, isAllowed, promises, randomBits } from './environment.ts';
import { FIELDS, type FieldSpec, fieldOnes, formatMatch } from './fields.ts';
import type { GeneratedPacket } from './packets.ts';

export interface GeneratedMatch {
  readonly text: string;
  readonly promised: ReadonlySet<string>;
}

type MatchEnvironment = Omit<Environment, 'promised'>;

/** Of each of these sets, a match has one at most: they share bits. */
const EXCLUSIVE: readonly RegExp[] = [
  /^(vlan_tci|dl_vlan|dl_vlan_pcp|vlan_vid|vlan_pcp)$/,
  /^x*reg\d+$/,
  /^(nw_tos|ip_dscp|nw_ecn)$/,
  /^(icmpv6_type|icmpv6_code)$/,
];

export function makeMatch(env: MatchEnvironment): GeneratedMatch {
  const { random } = env;
  const packet = random.pick(env.packets);
  const shorthand = random.pick(shorthandsOf(packet));
  const promised = promises(shorthand);
  const terms = shorthand === '' ? [] : [shorthand];
  const taken: FieldSpec[] = [];
  for (let n = random.pick([0, 1, 1, 2, 2, 3, 4]); n > 0; n--) {
    const field = pickField(env, packet, promised, taken, shorthand);
    if (!field) continue;
    taken.push(field);
    terms.push(makeTerm(env, field, packet));
    if (field.name === 'vlan_tci' || field.name === 'dl_vlan' || field.name === 'vlan_vid') {
      if (!/=0(x0+)?(\/|$)/.test(terms.at(-1)!)) promised.add('vlan_tci=0x1000/0x1000');
    }
  }
  return { text: terms.join(','), promised };
}

/** A tagged packet, whatever its tag. */
export const VLAN_PRESENT = 'vlan_tci=0x1000/0x1000';

/** Ways to say what kind of packet it is, `` among them. */
export function shorthandsOf({ fields }: GeneratedPacket): string[] {
  const has = (name: string) => fields.has(name);
  const type = fields.get('eth_type');
  const out = [''];
  const l4 = (['tcp', 'udp', 'sctp'] as const).filter((name) => has(`${name}_src`));
  if (type === 0x0800n) out.push('ip', ...l4, ...l4, ...(has('icmp_type') ? ['icmp', 'icmp'] : []));
  if (type === 0x86ddn) {
    out.push('ipv6', ...l4.flatMap((name) => [`${name}6`, `${name}6`]));
    if (has('icmpv6_type')) out.push('icmp6');
    const nd = fields.get('icmpv6_code') === 0n ? fields.get('icmpv6_type') : undefined;
    if (nd === 135n || nd === 136n) {
      const solicit = `icmp6,icmpv6_type=${nd},icmpv6_code=0`;
      out.push(solicit, solicit, solicit);
    }
  }
  if (type === 0x0806n) out.push('arp', 'arp');
  if (type === 0x8035n) out.push('rarp', 'rarp', 'rarp');
  if (type === 0x8847n) out.push('mpls', 'mpls');
  if (type === 0x8848n) out.push('mplsm', 'mplsm', 'mplsm');
  if (has('vlan_vid')) out.push(VLAN_PRESENT);
  if (type === 0x894fn) out.push('eth_type=0x894f', 'eth_type=0x894f');
  return out;
}

function pickField(
  env: MatchEnvironment,
  packet: GeneratedPacket,
  promised: ReadonlySet<string>,
  taken: readonly FieldSpec[],
  shorthand: string,
): FieldSpec | undefined {
  const fits = (field: FieldSpec): boolean => {
    if (!isAllowed(field, { ...env, promised }) || taken.includes(field)) return false;
    if (shorthand === VLAN_PRESENT && /vlan/.test(field.name)) return false;
    if (field.matchable === false || field.needs?.[0]?.startsWith('vlan')) return false;
    if ((field.name === 'eth_type' || field.name === 'nw_proto') && !/^(ip|ipv6)?$/.test(shorthand)) return false;
    if (field.name === 'eth_type' && shorthand !== '') return false;
    if (/^icmpv6_/.test(field.name) && shorthand.includes(',')) return false;
    return !EXCLUSIVE.some((set) => set.test(field.name) && taken.some((other) => set.test(other.name)));
  };
  const candidates = FIELDS.filter(fits);
  // Fields of this very packet are worth more than registers.
  const own = candidates.filter((field) => packet.fields.has(field.name));
  const narrow = own.filter((field) => field.needs !== undefined);
  const from = chance(env, 30) && narrow.length > 0 ? narrow : chance(env, 65) && own.length > 0 ? own : candidates;
  return from.length === 0 ? undefined : env.random.pick(from);
}

export function makeTerm(
  env: Pick<Environment, 'random'>,
  field: FieldSpec,
  packet: GeneratedPacket,
  { exact = false } = {},
): string {
  const { random } = env;
  const all = fieldOnes(field);
  const known = packet.fields.get(field.name);
  const other = field.pool ? random.pick(field.pool) : randomBits(random, field.bits);
  let value = known === undefined || (!exact && chance(env, 12)) ? other : known;
  if (field.name === 'vlan_vid' && !exact && !chance(env, 5)) value |= 0x1000n;
  if (field.name === 'ip_frag' && !exact && chance(env, 30)) return `ip_frag=${random.pick(['yes', 'not_later'])}`;
  if (!field.maskable || chance(env, 50)) return formatMatch(field, value, all);
  return formatMatch(field, value, makeMask(env, field));
}

/** Prefixes, single bits, and any bits. */
function makeMask({ random }: Pick<Environment, 'random'>, field: FieldSpec): bigint {
  const all = fieldOnes(field);
  const shape = random.below(4);
  if (field.name === 'vlan_tci' && shape < 2) return random.pick([0x1000n, 0x1fffn, 0xf000n, 0x0fffn, 0xe000n]);
  if (field.name === 'vlan_vid') return random.pick([0x1000n, 0x1fffn, 0x1001n]);
  if (shape < 2) return all ^ ((1n << BigInt(random.below(field.bits))) - 1n);
  if (shape === 2) return 1n << BigInt(random.below(field.bits));
  return randomBits(random, field.bits) || 1n;
}
