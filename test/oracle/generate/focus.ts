// What a case is about: chance alone brings some actions and fields up too rarely, or in flows that no packet takes. Three
// cases of four have a flow in front of all others that uses one of them and a packet that takes it.
import type { Random } from '../../support/random-frames.ts';
import { type Version, versionsFrom } from '../openflow-link.ts';
import { ACTIONS, type ActionMaker, makeActions } from './actions.ts';
import { chance, type Environment, promises, randomBits } from './environment.ts';
import { FIELDS, type FieldSpec, formatValue } from './fields.ts';
import { makeTerm, shorthandsOf } from './match.ts';
import { type GeneratedPacket, KINDS, type Kind, makePacket } from './packets.ts';

export type Focus =
  | { readonly kind: 'action'; readonly maker: ActionMaker }
  | { readonly kind: 'field'; readonly field: FieldSpec }
  | { readonly kind: 'conjunction' };

/** By name; one that is there twice gets twice as many cases. */
const NAMES = [
  'conjunction meter arp_sha in_port_oxm in_port_oxm dp_hash recirc_id',
  'actset_output mpls_bos arp_op arp_tha arp_tpa icmp_type icmp_code',
  'nd_sll nd_sll nd_tll nd_tll nd_target nd_target nd_reserved nd_reserved nd_options_type nd_options_type',
  'sctp_src sctp_dst tcp_src tcp_dst tcp_flags udp_src udp_dst mod_tp_src mod_tp_dst',
  'nsh_flags nsh_ttl nsh_mdtype nsh_np nsh_spi nsh_si nsh_ttl nsh_c2 nsh_c3 nsh_c4',
  'dec_nsh_ttl pop_mpls set_mpls_label set_mpls_tc set_mpls_ttl dec_mpls_ttl',
  'fin_timeout arp_spa pop_vlan nsh_c1 dec_ttl(ids) mod_nw_src mod_nw_dst mod_nw_tos mod_nw_ecn mod_nw_ttl',
].flatMap((line) => line.split(' '));

const FOCI: readonly Focus[] = NAMES.map((name) => {
  const maker = ACTIONS.find((one) => one.name === name);
  if (maker) return { kind: 'action', maker };
  const field = FIELDS.find((one) => one.name === name);
  return field ? { kind: 'field', field } : { kind: 'conjunction' };
});

export function focusOf(index: number): Focus | undefined {
  return index % 4 === 3 ? undefined : FOCI[(index - Math.floor(index / 4)) % FOCI.length];
}

const needsOf = (focus: Focus): readonly string[] | undefined =>
  focus.kind === 'action' ? focus.maker.needs : focus.kind === 'field' ? focus.field.needs : undefined;

/** A version that has it. */
export function versionFor(random: Random, focus: Focus): Version {
  const { since } = focus.kind === 'action' ? focus.maker : focus.kind === 'field' ? focus.field : {};
  // Set as a field, which 1.5 always does, OpenFlow refuses it.
  if (focus.kind === 'field' && focus.field.name === 'in_port_oxm') return random.pick(['OpenFlow10', 'OpenFlow13']);
  return random.pick(versionsFrom(since));
}

const TRIES = 400;

/** A packet that has what the focus needs. */
export function packetFor(random: Random, focus: Focus, port: number): GeneratedPacket {
  const kinds = Object.keys(KINDS) as Kind[];
  const needs = needsOf(focus);
  const name = focus.kind === 'field' && needs ? focus.field.name : undefined;
  const fits = (packet: GeneratedPacket) =>
    (!needs || needs.some((need) => shorthandsOf(packet).includes(need))) && (!name || packet.fields.has(name));
  let packet = makePacket(random, random.pick(kinds), port, { isWhole: true });
  for (let n = 0; n < TRIES && !fits(packet); n++)
    packet = makePacket(random, random.pick(kinds), port, { isWhole: true });
  return packet;
}

type FlowEnvironment = Omit<Environment, 'promised'>;

/** A flow that `packet` takes before all others of table 0, and what has to be there for it. */
export function focusFlows(partial: FlowEnvironment, focus: Focus, packet: GeneratedPacket): string[] {
  const { random } = partial;
  if (focus.kind === 'field' && focus.field.name === 'actset_output') return actionSetFlows(partial);
  const fitting = needsOf(focus)?.filter((need) => shorthandsOf(packet).includes(need)) ?? [];
  const shorthand = fitting.length > 0 ? random.pick(fitting) : '';
  const env: Environment = { ...partial, promised: promises(shorthand) };
  const terms = shorthand === '' ? [] : [shorthand];
  if (focus.kind === 'field' && focus.field.name !== 'dp_hash' && !shorthand.includes(`${focus.field.name}=`)) {
    terms.push(makeTerm(env, focus.field, withMetadata(packet), { exact: true }));
  }
  return [`table=0,priority=65535,${[...terms, actionsText(env, focusActions(env, focus))].join(',')}`];
}

function actionsText(env: Environment, actions: readonly string[]): string {
  const more = makeActions(env, env.random.pick([0, 0, 1, 2])).filter((text) => text !== 'exit');
  const end = chance(env, 50) ? `output:${1 + env.random.below(6)}` : 'resubmit(,1)';
  return `actions=${[...actions, ...more, end].join(',')}`;
}

/** An output in the action set, and a flow that looks at it. */
function actionSetFlows(partial: FlowEnvironment): string[] {
  const env: Environment = { ...partial, promised: new Set() };
  const port = env.random.pick([1, 2, 3]);
  const [first] = makeActions(env, 1).filter((text) => text !== 'exit');
  return [
    `table=0,priority=65535,actions=${first ? `${first},` : ''}write_actions(output:${port}),goto_table:1`,
    `table=1,priority=65535,actset_output=${port},${actionsText({ ...env, tableId: 1 }, [])}`,
  ];
}

function focusActions(env: Environment, focus: Focus): string[] {
  if (focus.kind === 'action') {
    for (let n = 0; n < TRIES; n++) {
      const text = focus.maker.make(env);
      if (text !== undefined) return [text];
    }
  }
  if (focus.kind !== 'field') return [];
  const { field } = focus;
  const value = randomBits(env.random, field.bits);
  const reads = READS[field.name];
  if (reads) return env.random.pick(reads);
  if (!field.settable || chance(env, 30)) return [];
  return env.random.pick([
    [`set_field:${formatValue(field, field.name === 'vlan_vid' ? value | 0x1000n : value)}->${field.name}`],
    [`push:${field.name}[]`, `pop:${field.name}[]`],
    field.bits <= 32 ? [`move:${field.name}[]->NXM_NX_REG3[0..${field.bits - 1}]`] : [],
  ]);
}

/** For fields that can be set in few ways or in none. */
const READS: Readonly<Record<string, readonly string[][]>> = {
  in_port_oxm: [
    ['load:0x2->in_port_oxm[]'],
    ['move:in_port_oxm[0..15]->NXM_NX_REG3[0..15]'],
    ['push:in_port_oxm[]', 'pop:NXM_NX_REG3[]'],
    ['load:0x3->in_port_oxm[]', 'move:in_port_oxm[]->NXM_NX_REG4[]'],
  ],
  dp_hash: [['move:dp_hash[0..15]->NXM_NX_REG3[0..15]'], ['push:dp_hash[]', 'pop:NXM_NX_REG3[]']],
};

/** A packet's fields with the metadata that it has in table 0. */
function withMetadata(packet: GeneratedPacket): GeneratedPacket {
  const zero = FIELDS.filter(({ name }) => /^(dp_hash|recirc_id|pkt_mark|metadata|packet_type|x*reg\d+)$/.test(name));
  return { ...packet, fields: new Map([...zero.map(({ name }) => [name, 0n] as const), ...packet.fields]) };
}
