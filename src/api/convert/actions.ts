// Actions of the typed API, to and from ofproto's model. What has no message of its own travels as text.

import { UserError } from '../../../lib/errors.ts';
import { OFPP, type OfAction } from '../../../ofproto/model/actions.ts';
import { isValidValue } from '../../../ofproto/model/fields.ts';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { parseActions } from '../../../ofproto/text/parse-actions.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import type { ActionMessage, FieldValue } from '../messages.ts';
import { fieldMessage, fieldValue } from './match.ts';
import { NO_CUT, PACKET_IN_REASON_NAMES, reasonNumber, shortText, uint } from './values.ts';

const ETH_TYPE_VLAN = 0x8100;
const ALL_BITS_64 = 0xffff_ffff_ffff_ffffn;
const TABLE_SAME = 255;
/** As deep as messages may nest: action sets and clones hold no others in OpenFlow. */
const DEPTH_MAX = 4;

/** Throws UserError, OfError. */
export function actionsOf(messages: readonly ActionMessage[], names: Names, depth = 0): OfAction[] {
  if (depth > DEPTH_MAX) throw new UserError('actions are nested too deep');
  return messages.flatMap((message) => actionOf(message, names, depth));
}

function actionOf(message: ActionMessage, names: Names, depth: number): OfAction[] {
  if (message.text !== undefined) return parseActions(shortText(message.text), names);
  for (const [kind, read] of READERS) {
    if (message[kind] !== undefined && message[kind] !== null) return [read(message as Whole, names, depth)];
  }
  throw new UserError('an action says nothing');
}

/** For readers, which are only called when their member is there. */
type Whole = { readonly [K in keyof ActionMessage]-?: NonNullable<ActionMessage[K]> };
type ActionReader = (message: Whole, names: Names, depth: number) => OfAction;

const READERS: readonly (readonly [kind: keyof ActionMessage, read: ActionReader])[] = [
  ['output', ({ output }) => ({ type: 'output', port: output.port, maxLen: outputLength(output) })],
  [
    'controller',
    ({ controller: { maxLen, controllerId, reason, userdata } }) => ({
      type: 'controller',
      maxLen: uint(maxLen, 16, 'max_len') || NO_CUT,
      controllerId: uint(controllerId, 16, 'controller_id'),
      reason: reasonNumber(reason),
      ...(userdata.length > 0 ? { userdata } : {}),
    }),
  ],
  ['setField', ({ setField }, names) => setFieldAction(setField.field, names)],
  ['pushVlan', ({ pushVlan }) => ({ type: 'push_vlan', ethertype: pushVlan.ethertype || ETH_TYPE_VLAN })],
  ['popVlan', () => ({ type: 'pop_vlan' })],
  ['decTtl', () => ({ type: 'dec_ttl', controllerIds: [] })],
  ['group', ({ group }) => ({ type: 'group', groupId: group })],
  ['setQueue', ({ setQueue }) => ({ type: 'set_queue', queue: setQueue })],
  [
    'resubmit',
    ({ resubmit: { inPort = OFPP.IN_PORT, tableId = TABLE_SAME } }) => ({
      type: 'resubmit',
      inPort,
      tableId: uint(tableId, 8, 'table_id'),
      withCtOrig: false,
    }),
  ],
  ['meter', ({ meter }) => ({ type: 'meter', meterId: meter })],
  ['clearActions', () => ({ type: 'clear_actions' })],
  [
    'writeActions',
    ({ writeActions }, names, depth) => ({
      type: 'write_actions',
      actions: actionsOf(writeActions.actions, names, depth + 1),
    }),
  ],
  [
    'writeMetadata',
    ({ writeMetadata: { metadata, mask } }) => ({
      type: 'write_metadata',
      metadata: BigInt(metadata),
      mask: BigInt(mask) || ALL_BITS_64,
    }),
  ],
  ['gotoTable', ({ gotoTable }) => ({ type: 'goto_table', tableId: uint(gotoTable, 8, 'goto_table') })],
];

function outputLength({ port, maxLen = 0 }: { readonly port: number; readonly maxLen?: number }): number {
  if (port !== OFPP.CONTROLLER) return 0;
  return uint(maxLen, 16, 'max_len') || NO_CUT;
}

function setFieldAction(item: FieldValue | null, names: Names): OfAction {
  if (!item) throw new UserError('set_field names no field');
  const { field, value, mask } = fieldValue(item, names);
  if (!isValidValue(field, value)) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return { type: 'set_field', field, value: value.map((byte, i) => byte & mask[i]!), mask, form: 'set_field' };
}

export function actionMessages(actions: readonly OfAction[]): ActionMessage[] {
  return actions.map((action) => typed(action) ?? { text: formatActions([action]) });
}

/** The message of an action, where it says all that the action does. */
function typed(action: OfAction): ActionMessage | undefined {
  switch (action.type) {
    case 'output':
      return { output: { port: action.port, maxLen: action.maxLen === NO_CUT ? 0 : action.maxLen } };
    case 'controller':
      return action.pause || action.meterId ? undefined : { controller: controllerMessage(action) };
    case 'set_field':
      return { setField: { field: fieldMessage(action.field, action) } };
    case 'push_vlan':
      return { pushVlan: { ethertype: action.ethertype } };
    case 'pop_vlan':
      return { popVlan: {} };
    case 'dec_ttl':
      return action.controllerIds.length === 0 ? { decTtl: {} } : undefined;
    case 'group':
      return { group: action.groupId };
    case 'set_queue':
      return { setQueue: action.queue };
    case 'resubmit':
      return action.withCtOrig ? undefined : { resubmit: resubmitMessage(action) };
    case 'meter':
      return { meter: action.meterId };
    case 'clear_actions':
      return { clearActions: {} };
    case 'write_actions':
      return { writeActions: { actions: actionMessages(action.actions) } };
    case 'write_metadata':
      return { writeMetadata: { metadata: String(action.metadata), mask: String(action.mask) } };
    case 'goto_table':
      return { gotoTable: action.tableId };
    default:
      return undefined;
  }
}

function controllerMessage(action: OfAction & { type: 'controller' }) {
  return {
    maxLen: action.maxLen === NO_CUT ? 0 : action.maxLen,
    controllerId: action.controllerId,
    reason: PACKET_IN_REASON_NAMES[action.reason] ?? 'OFPR_ACTION',
    userdata: action.userdata ?? new Uint8Array(),
  };
}

function resubmitMessage({ inPort, tableId }: OfAction & { type: 'resubmit' }) {
  return { ...(inPort === OFPP.IN_PORT ? {} : { inPort }), ...(tableId === TABLE_SAME ? {} : { tableId }) };
}
