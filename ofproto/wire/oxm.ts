// Matches as NXM and OXM TLVs: `class 16 | field 7 | has-mask 1 | length 8`, value, mask (OpenFlow 1.3, 7.2.3;
// ovs-fields(7), "OpenFlow 1.2"). NXM is the same format with Nicira's classes, on OpenFlow 1.0. Read here, and written by
// oxm-encode.ts.

import type { Reader, Writer } from '../../lib/cursors.ts';
import {
  exactMask,
  FIELDS,
  type Field,
  fieldByExperimenter,
  fieldByHeader,
  isPlainNumber,
  isValidValue,
  isWithin,
  matchBytes,
  matchField,
  matchNumber,
  numberOf,
} from '../model/fields.ts';
import { emptyMatch, type Match } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP12_VERSION, OFP13_VERSION } from '../model/messages.ts';
import { prerequisitesMet } from '../model/prerequisites.ts';
import { mappedTunMetadata, TUN_METADATA_FIELDS, tunMetadataNumber } from '../model/tun-metadata.ts';
import { decodeMatch11, OFPMT_STANDARD, OFPMT_STANDARD_LENGTH } from './match11.ts';
import { checkPort } from './port-numbers.ts';
import { readTunMetadata } from './tun-metadata.ts';

export const OFPMT_OXM = 1;
const OFPXMC_EXPERIMENTER = 0xffff;
const ONF_VENDOR = 0x4f4e4600;
const HAS_MASK = 0x100;

/**
 * NXM_NX_COOKIE: not a packet field, selects rules by cookie in NXM requests. It has the number of NXM_NX_MPLS_TTL;
 * their lengths tell them apart.
 */
export const NXM_NX_COOKIE = 0x00013c08;
export const NXM_NX_COOKIE_W = 0x00013d10;

export interface CookieMatch {
  readonly cookie: bigint;
  readonly cookieMask: bigint;
}

/** One TLV's header: experimenter fields have 32 bits more, counted in the length. */
export interface FieldHeader {
  readonly field: Field | undefined;
  readonly hasMask: boolean;
  /** Bytes of value and mask. */
  readonly length: number;
  readonly raw: number;
}

/** Reads a TLV header and says which field it is, undefined for an unknown one. */
export function readFieldHeader(r: Reader): FieldHeader {
  const raw = r.u32();
  const hasMask = (raw & HAS_MASK) !== 0;
  let length = raw & 0xff;
  if (raw >>> 16 === OFPXMC_EXPERIMENTER) {
    const experimenter = r.u32();
    length -= 4;
    if (length < 0) throw new OfError('OFPBMC_BAD_LEN');
    return { field: fieldByExperimenter(experimenter, (raw >>> 9) & 0x7f), hasMask, length, raw };
  }
  return { field: fieldByHeader(raw) ?? mappedTunMetadata(raw), hasMask, length, raw };
}

/** Writes a field's header as `version` spells it: OXM from 1.2 on where there is one, else NXM. */
export function writeFieldHeader(w: Writer, f: Field, hasMask: boolean, version: number, size = f.size): void {
  const { header, experimenter } = headerOf(f, version);
  const extra = experimenter ? 4 : 0;
  const length = size * (hasMask ? 2 : 1) + extra;
  w.u32(((header & ~0x1ff) | (hasMask ? HAS_MASK : 0) | length) >>> 0);
  if (experimenter) w.u32(experimenter);
}

function headerOf(f: Field, version: number): { header: number; experimenter: number } {
  const oxm = f.oxm !== 0 && (f.oxmVersion <= version || (f.nxm === 0 && f.onfExtension === 0));
  if (version >= OFP12_VERSION && oxm) return { header: f.oxm, experimenter: 0 };
  if (f.onfExtension !== 0 && (version >= OFP13_VERSION || f.nxm === 0)) {
    return { header: ((OFPXMC_EXPERIMENTER << 16) | (f.onfExtension << 9)) >>> 0, experimenter: ONF_VENDOR };
  }
  return { header: f.nxm !== 0 ? f.nxm : f.oxm, experimenter: f.experimenter };
}

/** Bytes of a header: 4, and 8 in the experimenter class. */
export function headerSize(f: Field, version = NXM): number {
  return headerOf(f, version).experimenter === 0 ? 4 : 8;
}

/** OpenFlow 1.0, which has NXM headers wherever there are any: how Nicira's actions name fields on all versions. */
export const NXM = 1;

/** Reads the value, and the mask when there is one, that follow a header. Throws OfError OFPBMC_*. */
export function readFieldValue(
  r: Reader,
  { field: f, hasMask, length }: FieldHeader & { field: Field },
  forAction = false,
) {
  // The length is part of what names a field.
  if (length !== f.size * (hasMask ? 2 : 1)) throw new OfError('OFPBMC_BAD_FIELD');
  const value = r.copy(f.size);
  if (!hasMask) return { value, mask: exactMask(f) };
  const mask = r.copy(f.size);
  if (value.some((byte, i) => (byte & ~mask[i]!) !== 0)) throw new OfError('OFPBMC_BAD_WILDCARDS');
  const exact = exactMask(f);
  const isExact = exact.every((byte, i) => (mask[i]! & byte) === byte);
  // Parts of any field can be written, also of those that are only matched whole.
  if (f.mask === 'none' && !isExact && !forAction) throw new OfError('OFPBMC_BAD_MASK');
  return { value, mask };
}

export interface DecodeMatchOptions {
  /** Take NXM_NX_COOKIE (NXM requests). */
  readonly cookie?: boolean;
  /** Skip unknown fields and ignore prerequisites; the match itself must be OFPMT_OXM: metadata of packets. */
  readonly lenient?: boolean;
}

/** Decodes TLVs to the end of `r` into `match`, which is empty. Throws OfError OFPBMC_*. */
export function decodeOxm(
  r: Reader,
  options: DecodeMatchOptions = {},
  match: Match = emptyMatch(),
): { match: Match } & CookieMatch {
  const seen = new SeenFields();
  let cookie = 0n;
  let cookieMask = 0n;
  while (r.remaining > 0) {
    const header = readFieldHeader(r);
    if (header.length > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
    if (header.hasMask) checkWithinMask(r, header.length);
    const isCookie = header.raw === NXM_NX_COOKIE || header.raw === NXM_NX_COOKIE_W;
    if (isCookie && options.cookie) {
      cookie = r.u64();
      cookieMask = header.hasMask ? r.u64() : 0xffffffffffffffffn;
      cookie &= cookieMask;
    } else if (header.field && header.field.tlvSlot >= 0) {
      decodeTunMetadata(r, match, header as FieldHeader & { field: Field });
    } else if (header.field && !isCookie && !(options.lenient && isOtherLength(header))) {
      decodeField(r, match, header as FieldHeader & { field: Field }, options.lenient ?? false);
    } else if (options.lenient) {
      r.skip(header.length);
    } else {
      throw new OfError(tunMetadataNumber(header.raw) >= 0 ? 'NXFMFC_INVALID_TLV_FIELD' : 'OFPBMC_BAD_FIELD');
    }
    const isNew = isCookie || !header.field ? seen.addHeader(header.raw & ~0x1ff) : seen.add(header.field);
    if (!isNew) throw new OfError('OFPBMC_DUP_FIELD');
  }
  return { match, cookie, cookieMask };
}

/** What a match has named so far: a field's entry is the number of the last match that named it. */
class SeenFields {
  static readonly #lastSeen = new Float64Array(FIELDS.length + TUN_METADATA_FIELDS);
  static #matches = 0;
  readonly #match = ++SeenFields.#matches;
  #unknown: Set<number> | undefined;

  /** False when it is there already. */
  add({ index }: Field): boolean {
    const isNew = SeenFields.#lastSeen[index] !== this.#match;
    SeenFields.#lastSeen[index] = this.#match;
    return isNew;
  }

  /** For what is no field of ours. */
  addHeader(header: number): boolean {
    this.#unknown ??= new Set();
    const { size } = this.#unknown;
    return this.#unknown.add(header).size > size;
  }
}

/** The length is part of what names a field. */
function isOtherLength({ field: f, hasMask, length }: FieldHeader): boolean {
  return f !== undefined && length !== f.size * (hasMask ? 2 : 1);
}

/** A value has no bit outside its mask: looked at even before the field is. */
function checkWithinMask(r: Reader, length: number): void {
  const size = Math.floor(length / 2);
  for (let i = 0; i < size; i++) {
    if (r.peek8(i) & ~r.peek8(size + i)) throw new OfError('OFPBMC_BAD_WILDCARDS');
  }
}

function decodeTunMetadata(r: Reader, match: Match, header: FieldHeader & { field: Field }): void {
  const { value, mask } = readTunMetadata(r, header);
  matchBytes(match, header.field, value, mask);
}

function decodeField(r: Reader, match: Match, header: FieldHeader & { field: Field }, lenient: boolean): void {
  const f = header.field;
  if (isPlainNumber(f)) {
    decodeNumber(r, match, header, lenient);
    return;
  }
  decodeBytes(r, match, header, lenient);
}

/** The value and mask at hand, when they are no numbers. */
const valueBytes = new Uint8Array(32);
const maskBytes = new Uint8Array(32);

function decodeBytes(r: Reader, match: Match, header: FieldHeader & { field: Field }, lenient: boolean): void {
  const { field: f, hasMask, length } = header;
  if (length !== f.size * (hasMask ? 2 : 1)) throw new OfError('OFPBMC_BAD_FIELD');
  const valid = exactMask(f);
  r.copyTo(valueBytes, f.size);
  if (hasMask) r.copyTo(maskBytes, f.size);
  const mask = hasMask ? maskBytes : valid;
  if (hasMask && !isCovered(valueBytes, mask, f.size)) throw new OfError('OFPBMC_BAD_WILDCARDS');
  if (f.mask === 'none' && !isCovered(valid, mask, f.size)) throw new OfError('OFPBMC_BAD_MASK');
  if (!lenient && !prerequisitesMet(match.flow, f, match.mask)) throw new OfError('OFPBMC_BAD_PREREQ');
  if (!isValidValue(f, valueBytes)) throw new OfError('OFPBMC_BAD_VALUE');
  if (f.size > 4) matchBytes(match, f, valueBytes, mask);
  else matchField(match, f, valueBytes.slice(0, f.size), mask.slice(0, f.size));
}

function isCovered(value: Uint8Array, mask: Uint8Array, size: number): boolean {
  for (let i = 0; i < size; i++) if ((value[i]! & ~mask[i]!) !== 0) return false;
  return true;
}

/** decodeField() for plain numbers, which most fields are. */
function decodeNumber(r: Reader, match: Match, header: FieldHeader & { field: Field }, lenient: boolean): void {
  const { field: f, hasMask, length } = header;
  if (length !== f.size * (hasMask ? 2 : 1)) throw new OfError('OFPBMC_BAD_FIELD');
  const valid = f.validNumber;
  const value = readNumber(r, f.size);
  const mask = hasMask ? readNumber(r, f.size) : valid;
  if (hasMask && (value & ~mask) !== 0) throw new OfError('OFPBMC_BAD_WILDCARDS');
  if (f.mask === 'none' && (mask & valid) >>> 0 !== valid) throw new OfError('OFPBMC_BAD_MASK');
  if (!lenient && !prerequisitesMet(match.flow, f, match.mask)) throw new OfError('OFPBMC_BAD_PREREQ');
  if ((value & ~valid) !== 0 || (f.range && !isWithin(f.range, value))) throw new OfError('OFPBMC_BAD_VALUE');
  if (f.name === 'in_port_oxm' || f.name === 'actset_output') checkPort(value, 'OFPBMC_BAD_VALUE');
  matchNumber(match, f, value, mask);
}

function readNumber(r: Reader, size: number): number {
  if (size === 4) return r.u32();
  if (size === 2) return r.u16();
  return size === 1 ? r.u8() : numberOf(r.take(size));
}

/** Reads the `struct ofp_match` of 1.1 and later: TLVs (OFPMT_OXM) or 1.1's fixed form, whatever the version. */
export function decodeMatch(r: Reader, options: DecodeMatchOptions = {}, match: Match = emptyMatch()): Match {
  if (r.remaining < 4) throw new OfError('OFPBMC_BAD_LEN');
  const type = r.u16();
  const length = r.u16();
  if (options.lenient && length < 4) throw new OfError('OFPBMC_BAD_LEN');
  if (type !== OFPMT_OXM && (type !== OFPMT_STANDARD || options.lenient)) throw new OfError('OFPBMC_BAD_TYPE');
  const padded = (length + 7) & ~7;
  if (length < 4 || padded - 4 > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  if (type === OFPMT_STANDARD) {
    if (length !== OFPMT_STANDARD_LENGTH) throw new OfError('OFPBMC_BAD_LEN');
    return decodeMatch11(r, match);
  }
  const body = r.sub(length - 4, 'OFPBMC_BAD_LEN');
  r.skip(padded - length);
  return decodeOxm(body, options, match).match;
}
