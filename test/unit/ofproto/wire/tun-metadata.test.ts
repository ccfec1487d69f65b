import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../../../lib/cursors.ts';
import { releaseSlot, takeSlot, withTunMetadata } from '../../../../ofproto/model/tun-metadata.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { decodeOxm } from '../../../../ofproto/wire/oxm.ts';
import { encodeOxm } from '../../../../ofproto/wire/oxm-encode.ts';

const NXM_NX_TUN_METADATA3 = '00015';

/** The text of a match for a bridge with a field of four bytes, and the match's bytes again. */
function both(hex: string): [text: string, again: string] {
  const field = takeSlot(3, 4)!;
  try {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const { match } = withTunMetadata(new Map([[3, field]]), () => decodeOxm(new Reader(bytes, 'OFPBMC_BAD_LEN')));
    const w = new Writer();
    encodeOxm(w, match, 1);
    return [formatMatch(match), Buffer.from(w.finish()).toString('hex')];
  } finally {
    releaseSlot(field);
  }
}

describe('tunnel metadata on the wire', () => {
  it.each([
    ['less than the option', '6021234', 'tun_metadata3=0x1234', '6021234'],
    ['as much', '60400001234', 'tun_metadata3=0x1234', '6021234'],
    ['more, of which the first bytes count', '605123456789a', 'tun_metadata3=0x12345678', '60412345678'],
    ['part of it', '7040200ff00', 'tun_metadata3=0x200/0xff00', '7040200ff00'],
    ['that it is 0', '600', 'tun_metadata3=0', '600'],
    ['that it is there', '700', 'tun_metadata3', '700'],
  ])('says %s', (_, sent, text, again) => {
    expect(both(NXM_NX_TUN_METADATA3 + sent)).toEqual([text, NXM_NX_TUN_METADATA3 + again]);
  });

  it.each([
    ['6031234', 'OFPBMC_BAD_LEN'],
    [`6ff${'00'.repeat(255)}`, 'OFPBMC_BAD_LEN'],
    ['70403000100', 'OFPBMC_BAD_WILDCARDS'],
    [`6021234${NXM_NX_TUN_METADATA3}6021234`, 'OFPBMC_DUP_FIELD'],
  ])('refuses %s with %s', (sent, code) => {
    expect(() => both(NXM_NX_TUN_METADATA3 + sent)).toThrow(code);
  });

  it('is no field without a mapping', () => {
    const bytes = Uint8Array.from(Buffer.from(`${NXM_NX_TUN_METADATA3}6021234`, 'hex'));
    expect(() => decodeOxm(new Reader(bytes, 'OFPBMC_BAD_LEN'))).toThrow('NXFMFC_INVALID_TLV_FIELD');
  });
});
