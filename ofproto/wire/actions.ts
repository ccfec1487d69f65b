// Action lists on the wire: framing (type u16 | length u16, a multiple of 8) and the choice of codec by version.
// Standard actions are in actions10.ts and actions13.ts, Nicira's in nx-*.ts.

import { Reader, Writer } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP12_VERSION } from '../model/messages.ts';
import { type ActionEncoder, newEncoder } from './action-encoder.ts';
import { decodeAction10, encodeAction10 } from './actions10.ts';
import { decodeAction13, encodeAction13 } from './actions13.ts';
import { decodeNxAction, encodeNxAction, type NxContext } from './nx-actions.ts';

const OFPAT_VENDOR = 0xffff;
const NX_VENDOR_ID = 0x00002320;

/** Nesting of clone and write_actions: more is an attack on the stack. */
const DEPTH_MAX = 16;

/** Reads actions to the end of `r`. Throws OfError OFPBAC_*, and OFPBRC_BAD_LEN when they cannot fill it. */
export function decodeActions(r: Reader, version: number, depth = 0): OfAction[] {
  if (depth > DEPTH_MAX) throw new OfError('OFPBAC_TOO_MANY');
  if (r.remaining % 8 !== 0) throw new OfError('OFPBRC_BAD_LEN');
  const actions: OfAction[] = [];
  while (r.remaining > 0) {
    const length = r.peek16(2);
    if (length < 8 || length % 8 !== 0 || length > r.remaining) throw new OfError('OFPBAC_BAD_LEN');
    const body = new Reader(r.take(length), 'OFPBAC_BAD_LEN');
    actions.push(decodeAction(body, version, depth));
    if (body.remaining >= 8) throw new OfError('OFPBAC_BAD_LEN');
  }
  return actions;
}

function decodeAction(r: Reader, version: number, depth: number): OfAction {
  const type = r.u16();
  r.skip(2);
  if (type !== OFPAT_VENDOR) return version >= OFP12_VERSION ? decodeAction13(type, r) : decodeAction10(type, r);
  if (r.u32() !== NX_VENDOR_ID) throw new OfError('OFPBAC_BAD_VENDOR');
  return decodeNxAction(r, contextOf(version, depth));
}

function contextOf(version: number, depth: number): NxContext {
  return {
    version,
    decodeNested: (r) => decodeActions(r, version, depth + 1),
    encodeNested: (w, actions) => encodeActions(w, actions, version),
  };
}

/**
 * Writes a list; what `version` cannot say natively is translated (set_field to reg_load, mod_vlan_vid to push_vlan and
 * set_field, ...). `hasVlan`: the flow's match knows that a tag is present.
 */
export function encodeActions(w: Writer, actions: readonly OfAction[], version: number, hasVlan = false): void {
  const encoder = newEncoder(w, version, hasVlan);
  for (const action of actions) encodeAction(encoder, action);
}

function encodeAction(encoder: ActionEncoder, action: OfAction): void {
  const standard = encoder.version >= OFP12_VERSION ? encodeAction13 : encodeAction10;
  if (!standard(encoder, action)) encodeNxAction(encoder, action, contextOf(encoder.version, 0));
}

/** The list alone as bytes. */
export function actionBytes(actions: readonly OfAction[], version: number, hasVlan = false): Uint8Array {
  const w = new Writer();
  encodeActions(w, actions, version, hasVlan);
  return w.finish();
}
