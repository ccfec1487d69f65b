// Matches and field values of the typed API. Typed fields are read by the OXM decoder, so that what is wrong with them
// gets the same OFPBMC_* as on the wire.

import { Reader, Writer } from '../../../lib/cursors.ts';
import { UserError } from '../../../lib/errors.ts';
import { bigintOf, bytesOf, type Field, fieldByName } from '../../../ofproto/model/fields.ts';
import { emptyMatch, type Match } from '../../../ofproto/model/flow.ts';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import { allOnes } from '../../../ofproto/model/full-mask.ts';
import { OFP13_VERSION, OFP15_VERSION } from '../../../ofproto/model/messages.ts';
import { normalizeMatch } from '../../../ofproto/model/normalize.ts';
import { parseFieldValue } from '../../../ofproto/text/field-values.ts';
import { parseMatchText } from '../../../ofproto/text/parse-match.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { decodeOxm, readFieldHeader, readFieldValue } from '../../../ofproto/wire/oxm.ts';
import { encodeOxm, writeField } from '../../../ofproto/wire/oxm-encode.ts';
import type { FieldValue, MatchMessage } from '../messages.ts';

/** OpenFlow 1.2's in_port has the 32 bits that the API's port numbers have. */
const WIDE_IN_PORT = 'in_port_oxm';

export function matchOf(message: MatchMessage | null | undefined, names: Names): Match {
  const { text = '', fields = [] } = message ?? {};
  if (text === '') return fields.length === 0 ? emptyMatch() : matchOfFields(fields, names);
  if (fields.length > 0) throw new UserError('a match has text or fields, not both');
  const match = parseMatchText(text, names);
  normalizeMatch(match);
  return match;
}

function matchOfFields(fields: readonly FieldValue[], names: Names): Match {
  const w = new Writer();
  for (const item of fields) {
    const { field: f, value, mask } = fieldValue(item, names);
    // 1.0's VLAN fields and the like are only names for bits of others.
    if (f.nxm === 0 && f.oxm === 0) throw new OfError('OFPBMC_BAD_FIELD', `${f.name} is no field of its own`);
    writeField(w, f, value, mask, OFP15_VERSION);
  }
  return decodeOxm(new Reader(w.finish(), 'OFPBMC_BAD_LEN')).match;
}

/** A field with a value and a mask of its size. Throws UserError, OfError OFPBMC_BAD_FIELD. */
export function fieldValue(item: FieldValue, names: Names): { field: Field; value: Uint8Array; mask: Uint8Array } {
  const name = item.name === 'in_port' ? WIDE_IN_PORT : item.name;
  const f = fieldByName(name);
  if (!f) throw new OfError('OFPBMC_BAD_FIELD', `there is no field "${item.name}"`);
  if (item.text !== undefined) {
    if (item.mask?.length) throw new UserError(`${item.name}: a mask goes into the text`);
    return { field: f, ...parseFieldValue(f, item.text, names) };
  }
  const mask = item.mask?.length ? sized(f, item.mask) : allOnes(f);
  return { field: f, value: valueBytes(f, item), mask };
}

function valueBytes(f: Field, { name, value, number }: FieldValue): Uint8Array {
  if (value !== undefined) return sized(f, value);
  if (number === undefined) throw new UserError(`field ${name} has no value`);
  const wanted = BigInt(number);
  if (wanted >= 1n << BigInt(8 * f.size)) throw new UserError(`${name}: ${number} does not fit into ${f.size} bytes`);
  return bytesOf(wanted, f.size);
}

function sized(f: Field, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== f.size) throw new UserError(`${f.name} has ${f.size} bytes, not ${bytes.length}`);
  return bytes;
}

/** A match as typed fields, prerequisites first. */
export function matchMessage(match: Match): MatchMessage {
  const w = new Writer();
  encodeOxm(w, match, OFP13_VERSION);
  const r = new Reader(w.finish(), 'OFPBMC_BAD_LEN');
  const fields: FieldValue[] = [];
  while (r.remaining > 0) {
    const header = readFieldHeader(r);
    const { field: f } = header;
    // A field that this codec itself wrote is known.
    if (!f) break;
    fields.push(fieldMessage(f, readFieldValue(r, { ...header, field: f })));
  }
  return { fields };
}

export function fieldMessage(f: Field, { value, mask }: { value: Uint8Array; mask: Uint8Array }): FieldValue {
  const name = f.name === WIDE_IN_PORT ? 'in_port' : f.name;
  return { name, value, ...((bigintOf(mask) & f.valid) === f.valid ? {} : { mask }) };
}
