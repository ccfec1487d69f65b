// Numbers, enums and text in the typed API's messages, checked.

import { UserError } from '../../../lib/errors.ts';
import { PACKET_IN_REASONS } from '../../../ofproto/model/nicira.ts';
import type { PacketInReasonName } from '../messages.ts';

/** A max_len that cuts no packet (OFPCML_NO_BUFFER). */
export const NO_CUT = 0xffff;
/** As much as an OpenFlow message could say. */
const TEXT_LENGTH_MAX = 0x10000;

/** OFPR_* by number. */
export const PACKET_IN_REASON_NAMES = PACKET_IN_REASONS.map(
  (reason) => `OFPR_${reason.toUpperCase()}` as PacketInReasonName,
);

/** A number that has `bits` bits in OpenFlow. Throws UserError. */
export function uint(value: number, bits: number, what: string): number {
  if (value >= 2 ** bits) throw new UserError(`${what}: ${value} is not in 0..${2 ** bits - 1}`);
  return value;
}

/** The number of OFPR_*. Throws UserError for one that this version does not know. */
export function reasonNumber(reason: PacketInReasonName | number): number {
  const number = PACKET_IN_REASON_NAMES.indexOf(reason as PacketInReasonName);
  if (number < 0) throw new UserError(`${reason} is not a known reason`);
  return number;
}

/** Flow text of a bearable length. Throws UserError. */
export function shortText(text: string): string {
  if (text.length > TEXT_LENGTH_MAX) throw new UserError(`text is longer than ${TEXT_LENGTH_MAX} characters`);
  return text;
}
