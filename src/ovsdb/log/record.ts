// Records of an OVSDB log (ovsdb(5), "Standalone Database Format"): a header line with length and SHA-1, then JSON.
//
//     OVSDB JSON <length in bytes> <sha1 in hex>\n
//     <JSON>\n                                       the newline counts
import { createHash } from 'node:crypto';
import type { Json } from '../../json-rpc/json.ts';

/** A header is at most this long, so that a file of anything else is not searched to its end for a newline. */
const HEADER_MAX = 128;
const HEADER = /^OVSDB (JSON|CLUSTER) (\d{1,15}) ([0-9a-f]{40})$/;

export interface LogRecord {
  readonly json: Json;
  /** Offset of the byte after this record. */
  readonly end: number;
}

/** Why the bytes from some offset on are not a whole record. */
export class BadRecord extends Error {}

export function encodeRecord(json: Json): Buffer {
  const body = Buffer.from(`${JSON.stringify(json)}\n`);
  return Buffer.concat([Buffer.from(`OVSDB JSON ${body.length} ${sha1(body)}\n`), body]);
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** Reads the record at `offset`, which is before the end of `bytes`. Throws BadRecord. */
export function decodeRecord(bytes: Buffer, offset: number): LogRecord {
  const lineEnd = bytes.subarray(offset, offset + HEADER_MAX).indexOf('\n');
  if (lineEnd < 0) throw new BadRecord('record header is cut short or missing');
  const line = bytes.toString('latin1', offset, offset + lineEnd);
  const [, kind, length, digest] = HEADER.exec(line) ?? [];
  if (kind === undefined) throw new BadRecord('no record header');
  if (kind === 'CLUSTER') throw new BadRecord('this is a clustered database, which is not supported');
  const start = offset + lineEnd + 1;
  const end = start + Number(length);
  if (end > bytes.length) throw new BadRecord(`record of ${length} bytes is cut short after ${bytes.length - start}`);
  const body = bytes.subarray(start, end);
  const actual = sha1(body);
  if (actual !== digest) throw new BadRecord(`record has SHA-1 hash ${actual} but should have hash ${digest}`);
  return { json: parse(body), end };
}

function parse(body: Buffer): Json {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch (error) {
    throw new BadRecord(`record is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
