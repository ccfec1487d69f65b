import { describe, expect, it } from 'vitest';
import { emptyMatch, KEY_NW_FRAG, KEY_TP_SRC } from '../../../../ofproto/model/flow.ts';
import { glanceAt, minimask, PackedMatch, packMatch } from '../../../../ofproto/model/minimask.ts';
import { parseFlow } from '../../../../ofproto/text/parse-flow.ts';

const matchOf = (text: string) => parseFlow(`${text} actions=drop`, 'add').match;

describe('packMatch()', () => {
  it.each([
    '',
    'tcp,nw_src=10.1.2.0/23,tp_dst=0x100/0xff00,in_port=65534',
    'ipv6,ipv6_dst=2001:db8::/33,metadata=0x8000000000000001/0xf000000000000001,reg7=4294967295',
    'ip,nw_frag=later,nw_ttl=255,dl_vlan=7',
  ])('keeps all of "%s"', (text) => {
    const match = matchOf(text);
    const packed = packMatch(match);
    expect(packed.values).toHaveLength(packed.minimask.word.length);
    for (const again of [packed, glanceAt(packed), new PackedMatch(packed.minimask, packed.values)]) {
      expect(again.flow.equals(match.flow) && again.mask.equals(match.mask)).toBe(true);
    }
    expect(packMatch(packed)).toBe(packed);
  });

  it('shares the mask of equal shapes only', () => {
    const mask = (text: string) => packMatch(matchOf(text)).minimask;
    expect(mask('tcp,tp_dst=1')).toBe(mask('tcp,tp_dst=2'));
    expect(mask('tcp,tp_dst=1')).not.toBe(mask('tcp,tp_src=1'));
    expect(mask('ip,nw_src=10.0.0.0/8')).not.toBe(mask('ip,nw_dst=10.0.0.0/8'));
  });
});

describe('minimask()', () => {
  it('has two slots for a word of two stages, whose bits are the word', () => {
    const { mask } = emptyMatch();
    mask.setU32(KEY_NW_FRAG & ~3, 0xffffffff);
    mask.setU32(KEY_TP_SRC, 0xff000000);
    const { word, bits, portsPrefix } = minimask(mask);
    const ored = new Map<number, number>();
    for (const [i, at] of word.entries()) ored.set(at, (ored.get(at) ?? 0) | bits[i]!);
    for (const [at, all] of ored) expect(all >>> 0).toBe(mask.words[at]);
    expect(portsPrefix).toBe(8);
  });
});
