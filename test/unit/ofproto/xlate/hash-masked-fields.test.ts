import { describe, expect, it } from 'vitest';
import { exactMask, field } from '../../../../ofproto/model/fields.ts';
import { parseTraceFlow } from '../../../../ofproto/text/parse-flow.ts';
import { hashFields } from '../../../../ofproto/xlate/hash-fields.ts';
import { hashMaskedFields } from '../../../../ofproto/xlate/hash-masked-fields.ts';
import { hashWords } from '../../../../ofproto/xlate/hash-primitives.ts';

const tcp = parseTraceFlow('in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tcp_src=5,tcp_dst=6,nw_ttl=64');
const scores = (hash: number, buckets: readonly number[]) => buckets.map((id) => hashWords(id, hash) & 0xffff);

/** The scores that Open vSwitch shows in ofproto/trace for buckets of weight 1. */
describe('hashes of select groups equal those of Open vSwitch', () => {
  it('without fields', () => {
    expect(scores(hashFields(tcp, 'symmetric_l4', 0), [0, 1])).toEqual([59893, 36468]);
  });

  it('over fields', () => {
    const fields = ['nw_src', 'tcp_src'].map((name) => ({ field: field(name), mask: exactMask(field(name)) }));
    expect(scores(hashMaskedFields(tcp, fields, 0n), [0, 1])).toEqual([53928, 28506]);
  });

  it('over part of a field, with a basis', () => {
    const fields = [
      { field: field('nw_src'), mask: Uint8Array.of(255, 255, 0, 0) },
      { field: field('tcp_src'), mask: exactMask(field('tcp_src')) },
    ];
    expect(scores(hashMaskedFields(tcp, fields, 5n), [0, 1, 50])).toEqual([58844, 1332, 22483]);
  });
});
