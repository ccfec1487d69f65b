// The cookie that packet-ins tell: of the flow whose action sends the packet.

import type { OfAction } from '../model/actions.ts';
import { ALL_TABLES } from '../tables/limits.ts';

/** Of no flow. */
export const NO_COOKIE = 0xffff_ffff_ffff_ffffn;

/** Actions that may send messages which tell the table and cookie they come from. */
const TELLING: ReadonlySet<OfAction['type']> = new Set<OfAction['type']>([
  'output',
  'output_reg',
  'output_trunc',
  'controller',
  'group',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
]);

/** Whether the action depends on where it stands; a resubmit without a table stays in its own. */
export const isTelling = (action: OfAction): boolean =>
  TELLING.has(action.type) || (action.type === 'resubmit' && action.tableId === ALL_TABLES);
