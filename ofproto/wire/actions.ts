// Action lists on the wire: framing (type u16 | length u16, a multiple of 8) and the choice of codec by version.
// Standard actions are in actions10.ts, actions11.ts and actions12.ts (1.2 to 1.5), Nicira's in nx-*.ts.

import { type Reader, Writer } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP11_VERSION, OFP12_VERSION, OFP15_VERSION } from '../model/messages.ts';
import {
  type ActionEncoder,
  type ActionHints,
  hintsAfter,
  NO_HINTS,
  newEncoder,
  ONF_VENDOR_ID,
  ONFACT_ET_COPY_FIELD,
} from './action-encoder.ts';
import { decodeAction10, encodeAction10 } from './actions10.ts';
import { decodeAction11, encodeAction11 } from './actions11.ts';
import {
  decodeAction12,
  encodeAction12,
  OFPAT_COPY_FIELD,
  OFPAT_METER,
  OFPAT_SET_FIELD,
  OFPAT11_COMMON,
} from './actions12.ts';
import { encodeInstruction } from './instruction-encoder.ts';
import { decodeMove, decodeNxAction, hasNxAction, type NxContext } from './nx-actions.ts';
import { encodeNxAction } from './nx-encode.ts';

const OFPAT_VENDOR = 0xffff;
const NX_VENDOR_ID = 0x00002320;
/** ONF extension 320: OpenFlow 1.5's copy_field for 1.3 and 1.4. */

/** Nesting of clone and write_actions: more is an attack on the stack. */
const DEPTH_MAX = 100;

/** Reads actions to the end of `r`. Throws OfError OFPBAC_*, and OFPBRC_BAD_LEN when they cannot fill it. */
export function decodeActions(r: Reader, version: number, depth = 0): OfAction[] {
  if (depth > DEPTH_MAX) throw new OfError('OFPBAC_TOO_MANY');
  if (r.remaining % 8 !== 0) throw new OfError('OFPBRC_BAD_LEN');
  // Flows keep the list: not with the room that push() makes for seventeen.
  const actions = new Array<OfAction>(countActions(r));
  for (let i = 0; r.remaining > 0; i++) {
    const length = r.peek16(2);
    if (length < 8 || length % 8 !== 0 || length > r.remaining) throw new OfError(unknownAction(r, version));
    const body = r.sub(length, 'OFPBAC_BAD_LEN');
    actions[i] = decodeAction(body, version, depth);
    if (body.remaining >= 8) throw new OfError('OFPBAC_BAD_LEN');
  }
  return actions;
}

/** How many actions are to come, by their lengths; those after one whose length cannot be are not counted. */
function countActions(r: Reader): number {
  let count = 0;
  for (let ahead = 0; ahead + 8 <= r.remaining; count++) {
    const length = r.peek16(ahead + 2);
    if (length < 8) break;
    ahead += length;
  }
  return count;
}

/** What is wrong with an action of a length that cannot be: that it is unknown goes first. */
function unknownAction(r: Reader, version: number): string {
  const type = r.peek16(0);
  if (type !== OFPAT_VENDOR) return isKnown(type, version) ? 'OFPBAC_BAD_LEN' : 'OFPBAC_BAD_TYPE';
  const vendor = r.peek16(4) * 0x10000 + r.peek16(6);
  if (vendor !== NX_VENDOR_ID && vendor !== ONF_VENDOR_ID) return 'OFPBAC_BAD_VENDOR';
  if (r.remaining < 16) return 'OFPBAC_BAD_LEN';
  const subtype = r.peek16(8);
  const isKnownOne = vendor === NX_VENDOR_ID ? hasNxAction(subtype, version) : hasOnfAction(subtype, version);
  return isKnownOne ? 'OFPBAC_BAD_LEN' : 'OFPBAC_BAD_VENDOR_TYPE';
}

const hasOnfAction = (subtype: number, version: number): boolean =>
  subtype === ONFACT_ET_COPY_FIELD && version >= OFP12_VERSION && version < OFP15_VERSION;

function isKnown(type: number, version: number): boolean {
  if (version === OFP10_VERSION) return type < 12;
  const isLater = version >= OFP15_VERSION && (type === OFPAT_COPY_FIELD || type === OFPAT_METER);
  return (
    isLater || OFPAT11_COMMON.includes(type) || type <= 14 || (version >= OFP12_VERSION && type === OFPAT_SET_FIELD)
  );
}

function decodeAction(r: Reader, version: number, depth: number): OfAction {
  const type = r.u16();
  r.skip(2);
  if (type !== OFPAT_VENDOR) return decodeStandard(type, r, version);
  const vendor = r.u32();
  if (vendor === NX_VENDOR_ID) return decodeNxAction(r, contextOf(version, depth));
  if (vendor !== ONF_VENDOR_ID) throw new OfError('OFPBAC_BAD_VENDOR');
  const subtype = r.u16();
  if (!hasOnfAction(subtype, version)) throw new OfError('OFPBAC_BAD_VENDOR_TYPE');
  r.skip(2);
  return { ...decodeMove(r, 2), isCopyField: true };
}

function decodeStandard(type: number, r: Reader, version: number): OfAction {
  if (version === OFP10_VERSION) return decodeAction10(type, r);
  return version === OFP11_VERSION ? decodeAction11(type, r) : decodeAction12(type, r, version);
}

function contextOf(version: number, depth: number, hints: ActionHints = NO_HINTS): NxContext {
  return {
    version,
    decodeNested: (r) => decodeActions(r, version, depth + 1),
    encodeNested: (w, actions) => encodeActions(w, actions, version, hints),
  };
}

/**
 * Writes a list; what `version` cannot say natively is translated (set_field to reg_load, mod_vlan_vid to push_vlan and
 * set_field, ...). `hints`: what the flow's match knows.
 */
export function encodeActions(
  w: Writer,
  actions: readonly OfAction[],
  version: number,
  hints: ActionHints = NO_HINTS,
): void {
  const encoder = newEncoder(w, version, hints);
  for (const action of actions) {
    encodeAction(encoder, action);
    encoder.hints = hintsAfter(action, encoder.hints);
  }
}

function encodeAction(encoder: ActionEncoder, action: OfAction): void {
  const { version } = encoder;
  const standard =
    version === OFP10_VERSION ? encodeAction10 : version === OFP11_VERSION ? encodeAction11 : encodeAction12;
  if (standard(encoder, action)) return;
  const context = contextOf(version, 0, encoder.hints);
  if (!encodeInstruction(encoder.w, action, version, context.encodeNested)) encodeNxAction(encoder, action, context);
}

/** The list alone as bytes. */
export function actionBytes(actions: readonly OfAction[], version: number, hints: ActionHints = NO_HINTS): Uint8Array {
  const w = new Writer();
  encodeActions(w, actions, version, hints);
  return w.finish();
}
