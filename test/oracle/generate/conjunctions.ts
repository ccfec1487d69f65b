// Conjunctive matches (ovs-fields(7), "Conjunctive Match Fields"): flows of each dimension, one of which the packet meets
// in most cases, and the flow for their conj_id.
import { makeActions } from './actions.ts';
import { chance, type Environment, promises } from './environment.ts';
import { FIELDS, type FieldSpec } from './fields.ts';
import { makeTerm, shorthandsOf } from './match.ts';
import type { GeneratedPacket } from './packets.ts';

export function makeConjunction(env: Omit<Environment, 'promised'>, packet: GeneratedPacket): string[] {
  const { random } = env;
  const id = 1 + random.below(3);
  const shorthand = random.pick(shorthandsOf(packet));
  const promised = promises(shorthand);
  const start = `table=${env.tableId},priority=${random.pick([200, 65533])}`;
  const prefix = shorthand === '' ? '' : `${shorthand},`;
  const dimensions = 2 + random.below(2);
  const fields = dimensionFields(packet, promised);
  const flows: string[] = [];
  for (let k = 1; k <= dimensions; k++) {
    const field = random.pick(fields);
    const action = `conjunction(${id},${k}/${dimensions})`;
    const also = chance(env, 15) ? `,conjunction(${id + 1},${k}/${dimensions})` : '';
    const note = chance(env, 10) ? ',note:01.02' : '';
    for (let n = 1 + random.below(2); n > 0; n--) {
      const term = makeTerm(env, field, packet, { exact: n === 1 });
      flows.push(`${start},${prefix}${term},actions=${action}${also}${note}`);
    }
  }
  const actions = makeActions({ ...env, promised }, 1 + random.below(3));
  const end = chance(env, 60) ? [...actions, `output:${1 + random.below(6)}`] : actions;
  flows.push(`${start},conj_id=${id},${prefix}actions=${end.join(',') || 'drop'}`);
  return flows;
}

/** Fields that the packet has and that stand beside any other in a match. */
function dimensionFields(packet: GeneratedPacket, promised: ReadonlySet<string>): FieldSpec[] {
  const stands =
    /^(in_port|eth_src|eth_dst|nw_src|nw_dst|ipv6_src|ipv6_dst|tcp_src|tcp_dst|udp_src|udp_dst|nw_ttl|nsh_si)$/;
  return FIELDS.filter(
    ({ name, needs }) =>
      stands.test(name) && packet.fields.has(name) && (!needs || needs.some((need) => promised.has(need))),
  );
}
