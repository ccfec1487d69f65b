// OpenFlow messages to bytes and back: the one table of all codecs, the headers around bodies, and splitting of long
// lists.
//
//   header   version u8 | type u8 | length u16 | xid u32
//   vendor   header | vendor u32 | subtype u32
//   stats    header | type u16 | flags u16 | (1.1+: pad 4) | (a vendor's: vendor u32 | subtype u32 | (1.0: pad 4))

import { assert, must } from '../../lib/assert.ts';
import { Reader, Writer } from '../../lib/cursors.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  OFP10_VERSION,
  OFP11_VERSION,
  OFP15_VERSION,
  type OfMessage,
  type OfType,
  type SwitchDesc,
} from '../model/messages.ts';
import { withTunMetadata } from '../model/tun-metadata.ts';
import { ASYNC_CODECS } from './async.ts';
import { BUNDLE_CODECS } from './bundle.ts';
import { always, type Codec, codec, type DecodeState, emptyCodec, MESSAGE_MAX, type WireId } from './codec.ts';
import { CT_FLUSH_CODECS } from './ct-flush.ts';
import { FLOW_MOD_CODECS } from './flow-mods.ts';
import { FLOW_MONITOR_CODECS } from './flow-monitor.ts';
import { FLOW_REMOVED_CODECS } from './flow-removed.ts';
import { FLOW_STATS_CODECS } from './flow-stats.ts';
import { GROUP_METER_CODECS } from './groups-meters.ts';
import { fitsLength, type Length, lengthOf } from './lengths.ts';
import { PACKET_IN2_CODECS } from './packet-in2.ts';
import { PACKET_CODECS } from './packets.ts';
import { PORT_STATS_CODECS } from './port-stats.ts';
import { PORT_CODECS } from './ports.ts';
import { QUEUE_CODECS } from './queues.ts';
import { SESSION_CODECS } from './session-messages.ts';
import { TABLE_FEATURE_CODECS } from './table-features.ts';
import { TABLE_CODECS } from './tables.ts';
import { TLV_TABLE_CODECS } from './tlv-table.ts';

export { OFPAT10_SUPPORTED } from './actions10.ts';
export { OFPAT13_SUPPORTED } from './actions12.ts';
export { asyncMasks } from './async.ts';
export type { DecodeState } from './codec.ts';
export { groupActionNames, groupActions } from './group-actions.ts';
export { OFPIT_SUPPORTED } from './instructions.ts';
export { fitsMatch10, OFPFW_ALL } from './match10.ts';
export { fitsMatch11 } from './match11.ts';
export { OFPQ_ALL } from './queues.ts';
export { evictionAsked } from './tables.ts';

const HEADER_SIZE = 8;
const OFPT_HELLO = 0;
const OFPT_VENDOR = 4;
const STATS_VENDOR = 0xffff;
const OFPSF_MORE = 1;

/** Vendors with messages of their own, by their letter in a WireId. */
const VENDORS: readonly (readonly [letter: 'n' | 'o', id: number])[] = [
  ['n', 0x00002320],
  ['o', 0x4f4e4600],
];

/** Type of statistics requests; the reply is one more. */
const statsRequest = (version: number): number => (version === OFP10_VERSION ? 16 : 18);

/** Versions that weft speaks, lowest first. */
export const VERSIONS: readonly number[] = Array.from({ length: OFP15_VERSION }, (_, i) => OFP10_VERSION + i);

const isKnown = (version: number): boolean => VERSIONS.includes(version);

const DESC_FIELDS: readonly (readonly [name: keyof SwitchDesc, size: number])[] = [
  ['manufacturer', 256],
  ['hardware', 256],
  ['software', 256],
  ['serialNumber', 32],
  ['datapath', 256],
];

const DESC_CODECS: readonly Codec[] = [
  emptyCodec('desc_request', always('q0')),
  codec(
    'desc_reply',
    always('r0'),
    (r, { more }) => {
      const entries = DESC_FIELDS.map(([name, size]) => [name, r.text(size)]);
      return { desc: Object.fromEntries(entries) as unknown as SwitchDesc, more };
    },
    (w, body) => {
      for (const [name, size] of DESC_FIELDS) w.text(body.desc[name], size);
    },
  ),
];

const CODECS: readonly Codec[] = [
  ...SESSION_CODECS,
  ...PORT_CODECS,
  ...PORT_STATS_CODECS,
  ...QUEUE_CODECS,
  ...FLOW_MOD_CODECS,
  ...FLOW_REMOVED_CODECS,
  ...PACKET_CODECS,
  ...PACKET_IN2_CODECS,
  ...DESC_CODECS,
  ...FLOW_STATS_CODECS,
  ...TABLE_CODECS,
  ...TABLE_FEATURE_CODECS,
  ...GROUP_METER_CODECS,
  ...FLOW_MONITOR_CODECS,
  ...BUNDLE_CODECS,
  ...ASYNC_CODECS,
  ...TLV_TABLE_CODECS,
  ...CT_FLUSH_CODECS,
];

/** A message that a version has: how long it may be, and its codec where weft takes or sends it. */
interface Known {
  readonly id: WireId;
  readonly length: Length;
  readonly found: Codec | undefined;
}

/** Messages by version and place in the number spaces; entered when one first comes. */
const known = new Map<number, Known>();

const byWire = new Map<string, Codec>();
/** The codecs of each version by the message that they are of. */
const byType: readonly Map<OfType, Codec[]>[] = Array.from({ length: OFP15_VERSION + 1 }, () => new Map());
for (const one of CODECS) {
  for (const [version, id] of Object.entries(one.ids)) {
    assert(!byWire.has(`${version}:${id}`), `two codecs for ${version}:${id}`);
    byWire.set(`${version}:${id}`, one);
    const ofVersion = byType[Number(version)]!;
    ofVersion.set(one.of, [...(ofVersion.get(one.of) ?? []), one]);
  }
}

/**
 * Decodes one whole message; its version is the header's. Throws OfError with the code to answer with
 * (OFPBRC_BAD_TYPE, OFPBRC_BAD_LEN, OFPBMC_*, OFPBAC_*, ...).
 */
export function decodeMessage(bytes: Uint8Array, state: Partial<DecodeState> = {}): OfMessage {
  try {
    return withTunMetadata(state.tunMetadata, () => decode(bytes, state));
  } catch (error) {
    if (error instanceof ProtocolError) throw new OfError(error.code, error.message);
    throw error;
  }
}

/** Multipart types whose requests are lists, which may come in parts: table features, flow monitors. */
export const OFPMP_LISTS: ReadonlySet<number> = new Set([12, 16]);

/** Checks a message's header and length without reading its body. Throws OfError as decodeMessage() does. */
export function checkMessage(bytes: Uint8Array): void {
  try {
    open(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) throw new OfError(error.code, error.message);
    throw error;
  }
}

/** Reads up to the body. */
function open(bytes: Uint8Array) {
  const r = new Reader(bytes, 'OFPBRC_BAD_LEN');
  const version = r.u8();
  const type = r.u8();
  // A request that came in parts may be longer than this can say.
  if (r.u16() !== (bytes.length & 0xffff)) throw new OfError('OFPBRC_BAD_LEN');
  const xid = r.u32();
  // A hello comes before a version is agreed on, in whatever version the peer has best.
  const bodyVersion = type === OFPT_HELLO && !isKnown(version) ? OFP10_VERSION : version;
  if (!isKnown(bodyVersion)) throw new OfError('OFPBRC_BAD_VERSION');
  const stats = statsRequest(bodyVersion);
  const isStats = type === stats || type === stats + 1;
  const more = isStats && r.remaining >= 4 && (r.peek16(2) & OFPSF_MORE) !== 0;
  const message = isStats ? openStats(r, type === stats ? 'q' : 'r', bodyVersion) : openPlain(r, type, bodyVersion);
  if (!fitsLength(message.length, r.remaining)) throw new OfError('OFPBRC_BAD_LEN');
  return { r, version, xid, more, message };
}

function decode(bytes: Uint8Array, state: Partial<DecodeState>): OfMessage {
  const { r, version, xid, more, message } = open(bytes);
  const { found, id } = message;
  const { flowModTableId = false, takes } = state;
  if (!found || (takes && !takes(found.of))) throw new OfError(NOT_TAKEN[id] ?? 'OFPBRC_BAD_TYPE');
  const body = found.decode(r, { flowModTableId, takes: takes ?? takesAll, version, xid, more }) as Decoded;
  if (r.remaining > 0) throw new OfError('OFPBRC_BAD_LEN');
  body.type = found.of;
  body.xid = xid;
  return body as OfMessage;
}

/** A body that becomes its message. */
type Decoded = { type: OfType; xid: number };

const takesAll = () => true;

/** The message of a type, or of a vendor's subtype. */
function openPlain(r: Reader, type: number, version: number): Known {
  if (type !== OFPT_VENDOR) return knownAt('m', '', type, version);
  if (r.remaining < 8) throw new OfError('OFPBRC_BAD_LEN');
  return knownAt('', vendorLetter(r), r.u32(), version);
}

/** Steps over a statistics header. */
function openStats(r: Reader, kind: 'q' | 'r', version: number): Known {
  const type = r.u16();
  r.skip(version >= OFP11_VERSION ? 6 : 2);
  if (type !== STATS_VENDOR) return knownAt(kind, '', type, version);
  const vendor = vendorLetter(r);
  // ONF has statistics of its own on 1.1 and later only.
  if (vendor === 'o' && version === OFP10_VERSION) throw new OfError('OFPBRC_BAD_VENDOR');
  const subtype = r.u32();
  if (version === OFP10_VERSION) r.skip(4);
  return knownAt(kind, vendor, subtype, version);
}

/** Throws OfError OFPBRC_BAD_TYPE, OFPBRC_BAD_SUBTYPE or OFPBRC_BAD_STAT for a message that `version` does not have. */
function knownAt(kind: 'm' | 'q' | 'r' | '', vendor: 'n' | 'o' | '', number: number, version: number): Known {
  const space = (kind === 'q' ? 1 : kind === 'r' ? 2 : 0) + (vendor === 'n' ? 3 : vendor === 'o' ? 6 : 0);
  const place = (number * 9 + space) * 8 + version;
  let message = known.get(place);
  if (!message) {
    const id = `${kind}${vendor}${number}` as WireId;
    const length = lengthOf(id, version);
    if (!length) throw new OfError(unknownCode(id));
    message = { id, length, found: byWire.get(`${version}:${id}`) };
    known.set(place, message);
  }
  return message;
}

function vendorLetter(r: Reader): 'n' | 'o' {
  const vendor = r.u32();
  const ours = VENDORS.find(([, id]) => id === vendor);
  if (!ours) throw new OfError('OFPBRC_BAD_VENDOR');
  return ours[0];
}

/** IPFIX statistics, which tell that there is no exporter to ask. */
const NOT_TAKEN: Readonly<Partial<Record<WireId, string>>> = { qn3: 'NXST_NOT_CONFIGURED', qn4: 'NXST_NOT_CONFIGURED' };

function unknownCode(id: WireId): string {
  if (/[no]/.test(id)) return 'OFPBRC_BAD_SUBTYPE';
  return id.startsWith('m') ? 'OFPBRC_BAD_TYPE' : 'OFPBRC_BAD_STAT';
}

/** Whether `version` has a form for this message. */
export function canEncode(message: OfMessage, version: number): boolean {
  return codecFor(message, version) !== undefined;
}

function codecFor(message: OfMessage, version: number): Codec | undefined {
  // Hellos carry the sender's best version, which need not be one of ours.
  const spoken = message.type === 'hello' && !isKnown(version) ? OFP10_VERSION : version;
  return byType[spoken]?.get(message.type)?.find((one) => one.accepts(message));
}

/**
 * Encodes a message: one byte array, or several for a list too long for one. The version must have the message (see
 * canEncode()); asking otherwise is a bug.
 */
export function encodeMessage(message: OfMessage, version: number): Uint8Array[] {
  const found = codecFor(message, version);
  assert(found !== undefined, `${message.type} cannot be said in version ${version}`);
  const id = found.ids[version] ?? 'm0';
  // A caller may itself send a long list piece by piece.
  const more = 'more' in message && message.more;
  const parts = found.encode(message, version, MESSAGE_MAX - headerSize(id, version));
  return parts.map((part, i) => withHeader(id, version, message.xid, part, more || i < parts.length - 1));
}

/** The same as one message, undefined where that and `extra` bytes would be longer than one can be. */
export function encodeWhole(message: OfMessage, version: number, extra = 0): Uint8Array | undefined {
  const found = codecFor(message, version);
  const id = found?.ids[version];
  if (!found || !id) return undefined;
  const [body, more] = found.encode(message, version, MESSAGE_MAX);
  const tooLong = more !== undefined || body!.length > MESSAGE_MAX - headerSize(id, version) - extra;
  return tooLong ? undefined : withHeader(id, version, message.xid, body!, false);
}

/** What a WireId says. */
interface WirePlace {
  readonly kind: string;
  readonly vendor: number | undefined;
  readonly number: number;
}

const wirePlaces = new Map<WireId, WirePlace>();

function placeOf(id: WireId): WirePlace {
  let place = wirePlaces.get(id);
  if (!place) {
    const [, kind, letter, digits] = must(/^([mqr]?)([no]?)(\d+)$/.exec(id));
    const vendor = VENDORS.find(([one]) => one === letter)?.[1];
    place = { kind: kind!, vendor, number: Number(digits) };
    wirePlaces.set(id, place);
  }
  return place;
}

/** Bytes in front of the body. */
function headerSize(id: WireId, version: number): number {
  const { kind, vendor } = placeOf(id);
  const isStats = kind === 'q' || kind === 'r';
  const vendorSize = vendor === undefined ? 0 : 8;
  if (!isStats) return HEADER_SIZE + vendorSize;
  if (version >= OFP11_VERSION) return HEADER_SIZE + 8 + vendorSize;
  return HEADER_SIZE + 4 + (vendor === undefined ? 0 : 12);
}

function withHeader(id: WireId, version: number, xid: number, body: Uint8Array, more: boolean): Uint8Array {
  const { kind, vendor, number } = placeOf(id);
  const isStats = kind === 'q' || kind === 'r';
  const type = isStats ? statsRequest(version) + (kind === 'r' ? 1 : 0) : vendor === undefined ? number : OFPT_VENDOR;
  const w = new Writer(32 + body.length);
  w.u8(version).u8(type).u16(0).u32(xid);
  if (isStats) {
    w.u16(vendor === undefined ? number : STATS_VENDOR).u16(more ? OFPSF_MORE : 0);
    if (version >= OFP11_VERSION) w.zeros(4);
  }
  if (vendor !== undefined) w.u32(vendor).u32(number);
  if (isStats && vendor !== undefined && version === OFP10_VERSION) w.zeros(4);
  w.put(body);
  assert(w.size <= 0xffff, `${id} of ${w.size} bytes`);
  w.patch16(2, w.size);
  return w.finish();
}
