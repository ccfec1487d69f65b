import { describe, expect, it } from 'vitest';
import { Reader } from '../../../../lib/cursors.ts';
import { OFP10_VERSION, OFP13_VERSION } from '../../../../ofproto/model/messages.ts';
import { parseActions } from '../../../../ofproto/text/parse-actions.ts';
import { ActionCache } from '../../../../ofproto/wire/action-cache.ts';
import { actionBytes, decodeActions } from '../../../../ofproto/wire/actions.ts';

const reader = (bytes: Uint8Array) => new Reader(bytes, 'OFPBAC_BAD_LEN');
const take = (cache: ActionCache, r: Reader, version: number) => cache.take(r, version).actions;

describe('ActionCache.take()', () => {
  it('gives one list for equal bytes of one version, and reads them', () => {
    const cache = new ActionCache(decodeActions);
    const bytes = actionBytes(parseActions('dec_ttl,output:7'), OFP13_VERSION);
    // The first time nothing is kept: most lists that come once do not come again.
    take(cache, reader(bytes), OFP13_VERSION);
    const first = take(cache, reader(bytes), OFP13_VERSION);
    const r = reader(bytes.slice());
    expect(take(cache, r, OFP13_VERSION)).toBe(first);
    expect(r.remaining).toBe(0);
    const other = take(cache, reader(actionBytes(parseActions('dec_ttl,output:8'), OFP13_VERSION)), OFP13_VERSION);
    expect(other).not.toEqual(first);
  });

  it('does not take one version for another', () => {
    const cache = new ActionCache(decodeActions);
    const strip = Uint8Array.of(0, 3, 0, 8, 0, 0, 0, 0);
    for (let i = 0; i < 2; i++) {
      expect(take(cache, reader(strip), OFP10_VERSION)).toEqual([{ type: 'pop_vlan', strip: true }]);
    }
    expect(() => take(cache, reader(strip), OFP13_VERSION)).toThrow('OFPBAC');
  });

  it('keeps nothing of bytes that changed after they were read, nor of a list that is refused', () => {
    const cache = new ActionCache(decodeActions);
    const bytes = actionBytes(parseActions('output:1'), OFP10_VERSION);
    for (let i = 0; i < 2; i++) take(cache, reader(bytes), OFP10_VERSION);
    bytes[5] = 2;
    expect(take(cache, reader(bytes), OFP10_VERSION)).toMatchObject([{ type: 'output', port: 2 }]);
    const bad = Uint8Array.of(0, 99, 0, 8, 0, 0, 0, 0);
    for (let i = 0; i < 2; i++) expect(() => take(cache, reader(bad), OFP10_VERSION)).toThrow('OFPBAC_BAD_TYPE');
  });
});
