// What people may not write, whatever switch it is for: instructions out of the order in which OpenFlow 1.1+ runs them,
// instructions inside other actions, conjunction together with actions that do something.

import { UserError } from '../../lib/errors.ts';
import type { OfAction } from '../model/actions.ts';

type Type = OfAction['type'];

/** In the order of execution (OpenFlow 1.3.5, 5.9). */
const INSTRUCTIONS = [
  'meter',
  'apply_actions',
  'clear_actions',
  'write_actions',
  'write_metadata',
  'goto_table',
] as const;
type Instruction = (typeof INSTRUCTIONS)[number];

const instructionOf = ({ type }: OfAction): Instruction =>
  (INSTRUCTIONS as readonly string[]).includes(type) ? (type as Instruction) : 'apply_actions';

/** What Open vSwitch calls an action in messages, where that is not its type. */
const NAMES: Partial<Record<Type, string>> = {
  pop_vlan: 'strip_vlan',
  set_eth_src: 'mod_dl_src',
  set_eth_dst: 'mod_dl_dst',
  set_ip_src: 'mod_nw_src',
  set_ip_dst: 'mod_nw_dst',
  set_ip_dscp: 'mod_nw_tos',
  set_ip_ecn: 'mod_nw_ecn',
  set_ip_ttl: 'mod_nw_ttl',
  set_l4_src_port: 'mod_tp_src',
  set_l4_dst_port: 'mod_tp_dst',
  reg_move: 'move',
  stack_push: 'push',
  stack_pop: 'pop',
};

export const actionName = ({ type }: OfAction): string => NAMES[type] ?? type;

/** Checks a flow's whole list. Throws UserError. */
export function verifyActions(actions: readonly OfAction[]): void {
  verifyConjunction(actions);
  let last = -1;
  for (const action of actions) {
    const instruction = instructionOf(action);
    const rank = INSTRUCTIONS.indexOf(instruction);
    if (rank < last) {
      throw new UserError(
        `invalid instruction ordering: ${instruction} must appear before ${INSTRUCTIONS[last]}, ` +
          'for OpenFlow 1.1+ compatibility',
      );
    }
    if (rank === last && instruction !== 'apply_actions') {
      throw new UserError(`duplicate ${instruction} instruction not allowed, for OpenFlow 1.1+ compatibility`);
    }
    last = rank;
  }
}

function verifyConjunction(actions: readonly OfAction[]): void {
  if (!actions.some(({ type }) => type === 'conjunction')) return;
  const other = actions.find(({ type }) => type !== 'conjunction' && type !== 'note');
  if (!other) return;
  throw new UserError(
    '"conjunction" actions may be used along with "note" but not any other kind of action ' +
      `(such as the "${actionName(other)}" action used here)`,
  );
}

/** Checks the list inside `outer`. Throws UserError. */
export function verifyNested(actions: readonly OfAction[], outer: 'clone' | 'write_actions'): void {
  for (const action of actions) {
    if (instructionOf(action) === 'apply_actions') continue;
    if (action.type === 'meter' && outer === 'write_actions') {
      throw new UserError("write_actions action doesn't support nested action meter");
    }
    if (action.type !== 'meter') throw new UserError(`${action.type} instruction not allowed here`);
  }
}
