// NXAST_CONTROLLER2: the controller action as a list of properties, for user data, pausing and metering.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { mustBeZero } from './nx-fields.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

type ControllerAction = Extract<OfAction, { type: 'controller' }>;

const NXAST_CONTROLLER2 = 37;
const NXAC2PT_MAX_LEN = 0;
const NXAC2PT_CONTROLLER_ID = 1;
const NXAC2PT_REASON = 2;
const NXAC2PT_USERDATA = 3;
const NXAC2PT_PAUSE = 4;
const NXAC2PT_METER_ID = 5;

type Draft = { -readonly [K in keyof ControllerAction]: ControllerAction[K] };

/** Decodes the action's body. Throws OfError OFPBAC_BAD_ARGUMENT for an unknown property. */
export function decodeController2(r: Reader): ControllerAction {
  mustBeZero(r.take(6));
  const draft: Draft = { type: 'controller', maxLen: 0xffff, controllerId: 0, reason: 1 };
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    switch (type) {
      case NXAC2PT_MAX_LEN:
        draft.maxLen = value.u16();
        break;
      case NXAC2PT_CONTROLLER_ID:
        draft.controllerId = value.u16();
        break;
      case NXAC2PT_REASON:
        draft.reason = value.u8();
        break;
      case NXAC2PT_USERDATA:
        draft.userdata = value.rest().slice();
        break;
      case NXAC2PT_PAUSE:
        draft.pause = true;
        break;
      case NXAC2PT_METER_ID:
        draft.meterId = value.u32();
        break;
      default:
        throw new OfError('OFPBPC_BAD_TYPE');
    }
  }
  return draft;
}

export function encodeController2(e: ActionEncoder, a: ControllerAction): void {
  e.nicira(NXAST_CONTROLLER2, (w) => {
    w.zeros(6);
    if (a.maxLen !== 0xffff) encodeProperty(w, NXAC2PT_MAX_LEN, (p) => p.u16(a.maxLen).zeros(2));
    if (a.controllerId !== 0) encodeProperty(w, NXAC2PT_CONTROLLER_ID, (p) => p.u16(a.controllerId).zeros(2));
    if (a.reason !== 1) encodeProperty(w, NXAC2PT_REASON, (p) => p.u8(a.reason));
    const userdata = a.userdata;
    if (userdata?.length) encodeProperty(w, NXAC2PT_USERDATA, (p) => p.put(userdata));
    if (a.pause) encodeProperty(w, NXAC2PT_PAUSE, () => {});
    const meterId = a.meterId;
    if (meterId) encodeProperty(w, NXAC2PT_METER_ID, (p) => p.u32(meterId));
  });
}
