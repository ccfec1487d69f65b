import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { MultipartRequests } from '../../../../ofproto/connmgr/multipart-requests.ts';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
/** A 1.3 multipart request. */
function part(type: number, more: boolean, body = '', xid = 7): Uint8Array {
  const message = Buffer.from(`041200000000000000000000${'00'.repeat(4)}${body}`, 'hex');
  message.writeUInt16BE(message.length, 2);
  message.writeUInt32BE(xid, 4);
  message.writeUInt16BE(type, 8);
  message.writeUInt16BE(more ? 1 : 0, 10);
  return new Uint8Array(message);
}
const AGGREGATE_BODY = `ff000000ffffffffffffffff00000000${'00'.repeat(16)}0001000400000000`;

let clock: VirtualClock;
let expired: (string | undefined)[];
let requests: MultipartRequests;
beforeEach(() => {
  clock = new VirtualClock();
  expired = [];
  requests = new MultipartRequests(clock, (header) => expired.push(hex(header)));
});

function refusal(bytes: Uint8Array): string {
  try {
    requests.take(bytes);
  } catch (error) {
    if (error instanceof OfError) return error.code;
    throw error;
  }
  return 'none';
}

describe('MultipartRequests', () => {
  it('hands on what is whole, and other messages, as they are', () => {
    const whole = part(0, false);
    expect(requests.take(whole)).toBe(whole);
    const echo = new Uint8Array(Buffer.from('0402000800000001', 'hex'));
    expect(requests.take(echo)).toBe(echo);
  });

  it('joins lists, and a body with empty parts', () => {
    expect(requests.take(part(12, true, '11'.repeat(8)))).toBeUndefined();
    expect(hex(requests.take(part(12, false, '22'.repeat(8))))).toBe(
      hex(part(12, false, '11'.repeat(8) + '22'.repeat(8))),
    );
    expect(requests.take(part(2, true, AGGREGATE_BODY))).toBeUndefined();
    expect(hex(requests.take(part(2, false)))).toBe(hex(part(2, false, AGGREGATE_BODY)));
  });

  it('keeps requests with different xids apart', () => {
    expect(requests.take(part(0, true, '', 1))).toBeUndefined();
    expect(requests.take(part(0, false, '', 2))).toBeDefined();
    expect(hex(requests.take(part(0, false, '', 1)))).toBe(hex(part(0, false, '', 1)));
  });

  it('refuses two bodies where there can be one, another type, and a part that is wrong in itself', () => {
    requests.take(part(2, true, AGGREGATE_BODY));
    expect(refusal(part(2, false, AGGREGATE_BODY))).toBe('OFPBRC_BAD_STAT');
    requests.take(part(0, true));
    expect(refusal(part(3, false))).toBe('OFPBRC_BAD_STAT');
    expect(refusal(part(0, true, '00000000'))).toBe('OFPBRC_BAD_LEN');
    expect(refusal(part(99, true))).toBe('OFPBRC_BAD_STAT');
  });

  it('gives up after a second, and bounds what waits', () => {
    requests.take(part(0, true, '', 9));
    clock.warp(999);
    expect(expired).toEqual([]);
    clock.warp(1);
    expect(expired).toEqual(['04120010000000090000000100000000']);
    const refused = Array.from({ length: 100 }, (_, xid) => refusal(part(0, true, '', xid)));
    expect(refused.filter((code) => code === 'OFPBRC_MULTIPART_BUFFER_OVERFLOW')).toHaveLength(36);
  });

  it('forgets everything when the connection ends', () => {
    requests.take(part(0, true));
    requests.stop();
    clock.warp(5000);
    expect(expired).toEqual([]);
  });

  it('joins lists longer than a message, up to 4 MB', () => {
    const OFPMP_TABLE_FEATURES = 12;
    const body = '00'.repeat(65_000);
    for (let n = 0; n < 20; n++) expect(requests.take(part(OFPMP_TABLE_FEATURES, true, body))).toBeUndefined();
    expect(requests.take(part(OFPMP_TABLE_FEATURES, false))).toHaveLength(16 + 20 * 65_000);
    for (let n = 0; n < 64; n++) requests.take(part(OFPMP_TABLE_FEATURES, true, body));
    expect(refusal(part(OFPMP_TABLE_FEATURES, true, body))).toBe('OFPBRC_MULTIPART_BUFFER_OVERFLOW');
  });

  it('takes no endless number of parts', () => {
    const refused = Array.from({ length: 5000 }, () => refusal(part(12, true, '00'.repeat(8))));
    expect(refused.indexOf('OFPBRC_MULTIPART_BUFFER_OVERFLOW')).toBe(4096);
  });
});
