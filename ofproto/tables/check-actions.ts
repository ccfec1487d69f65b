// Whether this switch can carry out a flow's actions, asked before the flow enters a table: what is refused here never
// reaches translation. Errors are OpenFlow's (OpenFlow 1.3.5, 6.4 and 7.4.4; ovs-actions(7)).

import { allowedInActionSet } from '../model/action-set.ts';
import { OFPP, type OfAction, type Subfield } from '../model/actions.ts';
import type { Field } from '../model/field.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFPG, OFPM } from '../model/groups.ts';
import { MAX_TABLE } from './limits.ts';
import { mayRefer, referencesOf } from './references.ts';

const ETH_TYPE_VLAN = 0x8100;
const ETH_TYPE_QINQ = 0x88a8;

const RESERVED_OUTPUTS: ReadonlySet<number> = new Set([
  OFPP.IN_PORT,
  OFPP.TABLE,
  OFPP.NORMAL,
  OFPP.FLOOD,
  OFPP.ALL,
  OFPP.CONTROLLER,
  OFPP.LOCAL,
]);

function checkPort(port: number): void {
  if (port >= OFPP.MAX ? !RESERVED_OUTPUTS.has(port) : port > 0xfeff) throw new OfError('OFPBAC_BAD_OUT_PORT');
}

function checkWritable(f: Field): void {
  if (!f.writable) throw new OfError('OFPBAC_BAD_SET_ARGUMENT', `${f.name} cannot be set`);
}

function checkSubfield({ field: f, ofs, bits }: Subfield): void {
  if (bits < 1 || ofs + bits > f.bits) throw new OfError('OFPBAC_BAD_ARGUMENT', `${f.name} has ${f.bits} bits`);
}

const UNSUPPORTED: Partial<Record<OfAction['type'], string>> = {
  // There is no connection tracker yet.
  ct: 'OFPBAC_BAD_TYPE',
  nat: 'OFPBAC_BAD_TYPE',
  ct_clear: 'OFPBAC_BAD_TYPE',
};

/** What a switch has that actions may name. */
export interface Resources {
  hasGroup(groupId: number): boolean;
  hasMeter(meterId: number): boolean;
}

/** Throws OfError when no packet-out can name that in_port. */
export function checkInPort(port: number): void {
  const isReal = port < OFPP.MAX || port === OFPP.LOCAL;
  const isNobody = port === OFPP.CONTROLLER || port === OFPP.ANY;
  if (!isReal && !isNobody) throw new OfError('OFPBRC_BAD_PORT');
}

/** Throws OfError for the first action that table `tableId` cannot have. */
export function checkActions(actions: readonly OfAction[], tableId: number): void {
  checkConjunction(actions);
  for (const action of actions) checkAction(action, tableId);
}

/** Throws OfError for the first group or meter that does not exist. */
export function checkReferences(actions: readonly OfAction[], resources: Resources): void {
  if (!mayRefer(actions)) return;
  for (const [kind, id] of referencesOf(actions)) {
    if (kind === 'group' && !resources.hasGroup(id)) throw new OfError('OFPBAC_BAD_OUT_GROUP');
    if (kind === 'meter' && !resources.hasMeter(id)) throw new OfError('OFPMMFC_INVALID_METER');
  }
}

/** What must hold of actions on every switch: also asked by those who send flows. */
export function checkArguments(actions: readonly OfAction[], tableId: number): void {
  for (const action of actions) checkArgument(action, tableId);
}

/** conjunction only says what the flow is part of: a flow with it does nothing itself. */
function checkConjunction(actions: readonly OfAction[]): void {
  if (!hasConjunction(actions)) return;
  const other = actions.find((action) => action.type !== 'conjunction' && action.type !== 'note');
  if (other) throw new OfError('NXBAC_BAD_CONJUNCTION', `conjunction with ${other.type}`);
}

function hasConjunction(actions: readonly OfAction[]): boolean {
  for (const { type } of actions) if (type === 'conjunction') return true;
  return false;
}

function checkAction(action: OfAction, tableId: number): void {
  const unsupported = UNSUPPORTED[action.type];
  if (unsupported) throw new OfError(unsupported, `${action.type} is not supported`);
  if (action.type === 'clone' || action.type === 'write_actions') checkActions(action.actions, tableId);
  checkArgument(action, tableId);
}

function checkArgument(action: OfAction, tableId: number): void {
  switch (action.type) {
    case 'output':
    case 'output_trunc':
      checkPort(action.port);
      break;
    case 'enqueue':
      if (action.port >= OFPP.MAX && action.port !== OFPP.IN_PORT && action.port !== OFPP.LOCAL) {
        throw new OfError('OFPBAC_BAD_OUT_PORT');
      }
      break;
    case 'output_reg':
      checkSubfield(action.src);
      break;
    case 'group':
      if (action.groupId > OFPG.MAX) throw new OfError('OFPBAC_BAD_OUT_GROUP');
      break;
    case 'meter':
      if (action.meterId === 0 || action.meterId > OFPM.MAX) throw new OfError('OFPMMFC_INVALID_METER');
      break;
    case 'push_vlan':
      if (action.ethertype !== ETH_TYPE_VLAN && action.ethertype !== ETH_TYPE_QINQ) {
        throw new OfError('OFPBAC_BAD_ARGUMENT', `push_vlan takes 0x8100 or 0x88a8`);
      }
      break;
    case 'set_field':
      checkWritable(action.field);
      break;
    case 'reg_move':
      checkMove(action.src, action.dst);
      break;
    case 'stack_push':
      checkSubfield(action.subfield);
      break;
    case 'stack_pop':
      checkSubfield(action.subfield);
      checkWritable(action.subfield.field);
      break;
    case 'goto_table':
      if (action.tableId <= tableId || action.tableId > MAX_TABLE) throw new OfError('OFPBIC_BAD_TABLE_ID');
      break;
    case 'learn':
      checkLearn(action.spec.tableId, action.spec.resultDst);
      break;
    case 'clone':
      checkArguments(action.actions, tableId);
      break;
    case 'write_actions':
      checkActionSet(action.actions, tableId);
      break;
    default:
      checkExtension(action);
  }
}

function checkExtension(action: OfAction): void {
  switch (action.type) {
    case 'multipath':
    case 'check_pkt_larger':
      checkDestination(action.dst);
      break;
    case 'bundle':
      if (action.dst) checkDestination(action.dst);
      break;
    case 'delete_field':
      if (!action.field.name.startsWith('tun_metadata')) {
        throw new OfError('OFPBAC_BAD_ARGUMENT', 'delete_field is for tunnel metadata');
      }
      break;
    default:
  }
}

function checkDestination(dst: Subfield): void {
  checkSubfield(dst);
  checkWritable(dst.field);
}

function checkMove(src: Subfield, dst: Subfield): void {
  checkSubfield(src);
  checkSubfield(dst);
  checkWritable(dst.field);
}

function checkLearn(tableId: number, resultDst: Subfield | undefined): void {
  if (tableId > MAX_TABLE) throw new OfError('OFPBAC_BAD_ARGUMENT', 'learn: no such table');
  if (resultDst) checkWritable(resultDst.field);
}

function checkActionSet(actions: readonly OfAction[], tableId: number): void {
  for (const { type } of actions) {
    if (!allowedInActionSet(type)) throw new OfError('OFPBAC_BAD_TYPE', `${type} cannot be in an action set`);
  }
  checkArguments(actions, tableId);
}
