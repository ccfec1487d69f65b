// The action set: what write_actions collects and the end of the pipeline runs, in its own order whatever the order of
// writing (OpenFlow 1.5.1, 5.6; ovs-actions(7), "Action Sets"). Groups' buckets run in the same order.

import type { OfAction } from './actions.ts';

type Type = OfAction['type'];

/** Run first, in this order: of each the last that was written. */
const BEFORE_SETS: readonly Type[] = [
  'pop_vlan',
  'pop_mpls',
  'decap',
  'encap',
  'push_mpls',
  'push_vlan',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
];

/** Changes of fields and of the queue: all are run, in the order written. */
const SETS: ReadonlySet<Type> = new Set<Type>([
  'set_field',
  'reg_move',
  'set_eth_src',
  'set_eth_dst',
  'set_ip_src',
  'set_ip_dst',
  'set_ip_dscp',
  'set_ip_ecn',
  'set_ip_ttl',
  'set_l4_src_port',
  'set_l4_dst_port',
  'set_vlan_vid',
  'set_vlan_pcp',
  'set_mpls_label',
  'set_mpls_tc',
  'set_mpls_ttl',
  'set_tunnel',
  'set_queue',
]);

/** The first of these that the set holds is run, and no other. */
const FINAL: readonly Type[] = ['group', 'output', 'resubmit', 'ct_clear', 'ct'];

const ALLOWED: ReadonlySet<Type> = new Set<Type>([...BEFORE_SETS, ...SETS, ...FINAL]);

/** Whether an action set may hold such an action. */
export const allowedInActionSet = (type: Type): boolean => ALLOWED.has(type);

/** The set as it would run: empty when nothing in it sends the packet anywhere. */
export function orderActionSet(written: readonly OfAction[]): OfAction[] {
  const last = (type: Type) => written.findLast((action) => action.type === type);
  const each = (types: readonly Type[]) => types.map(last).filter((action) => action !== undefined);
  const [final] = each(FINAL);
  if (!final) return [];
  return [...each(BEFORE_SETS), ...written.filter((action) => SETS.has(action.type)), final];
}
