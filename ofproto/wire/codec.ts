// How a message family describes its messages: which wire form stands for which OfMessage, and how the body is read and
// written. index.ts collects the families into one table.

import { Reader, Writer } from '../../lib/cursors.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { OFP10_VERSION, OFP15_VERSION, type OfBodies, type OfType } from '../model/messages.ts';
import type { TunMetadataFields } from '../model/tun-metadata.ts';

/** Longest message: the length field has 16 bits; multiples of 8 keep parts aligned. */
export const MESSAGE_MAX = 0xfff8;

/** Options that a connection's earlier messages set. */
export interface DecodeState {
  /** The fields of tunnel metadata that the bridge maps. */
  readonly tunMetadata?: TunMetadataFields | undefined;
  /** NXT_FLOW_MOD_TABLE_ID was sent: the high byte of a 1.0 flow-mod's command is a table. */
  readonly flowModTableId: boolean;
  /** Types that are wanted; others are refused with OFPBRC_BAD_TYPE before their body is looked at. */
  readonly takes: (type: OfType) => boolean;
}

export interface DecodeContext extends DecodeState {
  readonly version: number;
  readonly xid: number;
  /** This part of a multipart message is followed by another. */
  readonly more: boolean;
}

/**
 * A place in the protocol's number spaces: `m14` is message type 14, `n13` Nicira's vendor message 13 and `o2300` ONF's
 * 2300, `q1`/`r1` the request and reply of statistics type 1, `qn0`/`rn0` those of Nicira's, `qo1870`/`ro1870` of ONF's.
 */
export type WireId = `${'m' | 'n' | 'o' | 'q' | 'r' | 'qn' | 'rn' | 'qo' | 'ro'}${number}`;

/** The wire ids by version; a version left out cannot say the message. */
export type WireIds = Readonly<Partial<Record<number, WireId>>>;

/** One id in all versions from `first` to `last`. */
export function during(first: number, last: number, id: WireId): WireIds {
  return Object.fromEntries(Array.from({ length: last - first + 1 }, (_, i) => [first + i, id]));
}

export const since = (first: number, id: WireId): WireIds => during(first, OFP15_VERSION, id);
export const always = (id: WireId): WireIds => since(OFP10_VERSION, id);

export interface Codec {
  readonly of: OfType;
  readonly ids: WireIds;
  /** Chooses between wire forms of one OfMessage; the first that accepts is used. */
  readonly accepts: (body: unknown) => boolean;
  readonly decode: (r: Reader, context: DecodeContext) => unknown;
  /** The body in one or more parts, each at most `limit` bytes; only lists give several. */
  readonly encode: (body: unknown, version: number, limit: number) => Uint8Array[];
}

type Body<T extends OfType> = OfBodies[T];

/** A message whose body fits one part. `when` restricts the codec to some bodies. */
export function codec<T extends OfType>(
  of: T,
  ids: WireIds,
  decode: (r: Reader, context: DecodeContext) => Body<T>,
  encode: (w: Writer, body: Body<T>, version: number) => void,
  when: (body: Body<T>) => boolean = () => true,
): Codec {
  return {
    of,
    ids,
    accepts: (body) => when(body as Body<T>),
    decode,
    encode: (body, version) => {
      const w = new Writer();
      encode(w, body as Body<T>, version);
      return [w.finish()];
    },
  };
}

/** A message without a body. */
export function emptyCodec<T extends OfType>(of: T, ids: WireIds): Codec {
  return { of, ids, accepts: () => true, decode: () => ({}), encode: () => [new Uint8Array(0)] };
}

/** A list whose entries are written one after another, and that may take several parts. */
export function listCodec<T extends OfType, Item>(options: {
  readonly of: T;
  readonly ids: WireIds;
  readonly decodeItem: (r: Reader, version: number) => Item;
  readonly encodeItem: (w: Writer, item: Item, version: number) => void;
  readonly items: (body: Body<T>) => readonly Item[];
  readonly body: (items: Item[], more: boolean) => Body<T>;
  readonly when?: (body: Body<T>) => boolean;
}): Codec {
  const { of, ids, decodeItem, encodeItem, items, body, when = () => true } = options;
  return {
    of,
    ids,
    accepts: (value) => when(value as Body<T>),
    decode: (r, { version, more }) => {
      const found: Item[] = [];
      while (r.remaining > 0) found.push(decodeItem(r, version));
      return body(found, more);
    },
    encode: (value, version, limit) => {
      const parts: Uint8Array[] = [];
      const w = new Writer(LIST_ROOM);
      for (const item of items(value as Body<T>)) {
        const before = w.size;
        encodeItem(w, item, version);
        // No message can say it: Open vSwitch leaves it out too.
        if (w.size - before > limit) w.truncate(before);
        // Entries are aligned to 8 bytes, so each is the same wherever it begins.
        else if (before > 0 && w.size > limit) parts.push(w.cut(before));
      }
      parts.push(w.finish());
      return parts;
    },
  };
}

/** Room that most lists fit into. */
const LIST_ROOM = 1024;

/** The next entry of a list, whose first u16 is its length. Throws ProtocolError when that cannot be. */
export function entry(r: Reader): Reader {
  const length = r.peek16(0);
  if (length < 8) throw new ProtocolError(r.code, `list entry of ${length} bytes`);
  return new Reader(r.take(length), r.code);
}
