// The action set: what write_actions collects and the end of the pipeline runs, in OpenFlow's order (OpenFlow 1.3.5,
// 5.10) whatever the order of writing.

import type { OfAction } from '../model/actions.ts';

type Type = OfAction['type'];

/** Of each group the set holds one action, the last written. */
const BEFORE_SETS: readonly (readonly Type[])[] = [['pop_vlan'], ['push_vlan'], ['dec_ttl']];
const AFTER_SETS: readonly (readonly Type[])[] = [['set_queue']];
/** The first of these that the set holds is run, and no other. */
const FINAL: readonly (readonly Type[])[] = [
  ['group'],
  ['output', 'output_reg', 'controller', 'enqueue'],
  ['resubmit'],
];
/** Field changes: all are kept, in the order written. */
const SETS: ReadonlySet<Type> = new Set<Type>([
  'set_vlan_vid',
  'set_vlan_pcp',
  'set_eth_src',
  'set_eth_dst',
  'set_ip_src',
  'set_ip_dst',
  'set_ip_dscp',
  'set_ip_ecn',
  'set_ip_ttl',
  'set_l4_src_port',
  'set_l4_dst_port',
  'set_field',
  'reg_move',
  'set_tunnel',
]);

function lastOf(written: readonly OfAction[], types: readonly Type[]): OfAction | undefined {
  return written.findLast((action) => types.includes(action.type));
}

/** The set as it would run: empty when nothing in it outputs. */
export function orderActionSet(written: readonly OfAction[]): OfAction[] {
  const final = FINAL.map((types) => lastOf(written, types)).find((action) => action !== undefined);
  if (!final) return [];
  const once = (groups: readonly (readonly Type[])[]) =>
    groups.map((types) => lastOf(written, types)).filter((action) => action !== undefined);
  return [...once(BEFORE_SETS), ...written.filter((action) => SETS.has(action.type)), ...once(AFTER_SETS), final];
}
