// Fields: code points, places in a Flow, VLAN and port conversions.
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  FIELDS,
  field,
  fieldByHeader,
  fieldByName,
  fieldMask,
  getField,
  getFieldBigint,
  getFieldNumber,
  getSubfield,
  matchField,
  matchFieldNumber,
  setField,
  setFieldMasked,
  setFieldNumber,
  setSubfield,
  unwildcardField,
} from '../../../../ofproto/model/fields.ts';
import { emptyMatch, Flow, KEY_IN_PORT, KEY_TP_SRC, KEY_VLAN0_TCI } from '../../../../ofproto/model/flow.ts';
import { prerequisitesMet } from '../../../../ofproto/model/prerequisites.ts';

describe('the field table', () => {
  it('has each name, alias and header once', () => {
    const names = FIELDS.flatMap((f) => [f.name, ...f.aliases, f.nxmName, f.oxmName].filter((name) => name !== ''));
    expect(new Set(names).size).toBe(names.length);
    const headers = FIELDS.flatMap((f) => [f.nxm, f.oxm].filter((header) => header !== 0));
    expect(new Set(headers).size).toBe(headers.length);
  });

  it('has the headers of the specifications', () => {
    expect(field('tcp_dst').nxm).toBe(0x00001402);
    expect(field('tcp_dst').oxm).toBe(0x80001c02);
    expect(field('reg1').nxm).toBe(0x00010204);
    expect(field('xreg1').oxm).toBe(0x80010208);
    expect(fieldByHeader(0x80000004)?.name).toBe('in_port_oxm');
    expect(fieldByName('NXM_OF_ETH_SRC')).toBe(fieldByName('dl_src'));
  });

  it('writes and reads every field back, and nothing beside it', () => {
    for (const f of FIELDS) {
      const flow = new Flow();
      const value = bytesOf(f.valid & 0xa5a5_5a5a_a5a5_5a5a_0ff0_a5a5_5a5a_007dn, f.size);
      setField(flow, f, value);
      if (f.name !== 'arp_op' && f.name !== 'dl_vlan') expect([f.name, getField(flow, f)]).toEqual([f.name, value]);
      const mask = new Flow();
      unwildcardField(mask, f);
      if (!f.name.includes('vlan')) {
        flow.applyMask(mask);
        if (f.name !== 'arp_op') expect([f.name, getField(flow, f)]).toEqual([f.name, value]);
      }
    }
  });
});

describe('field access', () => {
  it('converts between 16-bit and 32-bit reserved ports', () => {
    const flow = new Flow();
    setFieldNumber(flow, field('in_port'), 0xfffe);
    expect(flow.u32(KEY_IN_PORT)).toBe(0xfffffffe);
    expect(getFieldNumber(flow, field('in_port'))).toBe(0xfffe);
    expect(getFieldNumber(flow, field('in_port_oxm'))).toBe(0xfffffffe);
  });

  it('puts the ICMP type in the low byte of tp_src', () => {
    const flow = new Flow();
    setFieldNumber(flow, field('icmp_type'), 8);
    expect(flow.u16(KEY_TP_SRC)).toBe(8);
  });

  it('makes a tag present when an action writes dl_vlan or vlan_pcp', () => {
    const flow = new Flow();
    setFieldNumber(flow, field('vlan_pcp'), 5);
    expect(flow.u16(KEY_VLAN0_TCI)).toBe(0xb000);
    setFieldNumber(flow, field('dl_vlan'), 100);
    expect(flow.u16(KEY_VLAN0_TCI)).toBe(0xb064);
    setFieldNumber(flow, field('dl_vlan'), 0xffff);
    expect(flow.u16(KEY_VLAN0_TCI)).toBe(0);
  });

  it('writes masked values and subfields without touching other bits', () => {
    const flow = new Flow();
    setField(flow, field('reg0'), Uint8Array.of(1, 2, 3, 4));
    setFieldMasked(flow, field('reg0'), Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0, 0xf0, 0, 0));
    expect(getFieldNumber(flow, field('reg0'))).toBe(0x01f20304);
    const sub = { field: field('xreg0'), ofs: 40, bits: 4 };
    expect(getSubfield(flow, sub)).toBe(3n);
    setSubfield(flow, sub, 0xabn);
    expect(getFieldBigint(flow, field('xreg0'))).toBe(0x01f20b0400000000n);
  });
});

describe('matchField()', () => {
  it('keeps the flow inside the mask', () => {
    const match = emptyMatch();
    matchField(match, field('ip_src'), Uint8Array.of(10, 1, 2, 3), Uint8Array.of(255, 0, 0, 0));
    expect(getField(match.flow, field('ip_src'))).toEqual(Uint8Array.of(10, 0, 0, 0));
    expect(fieldMask(match.mask, field('ip_src'))).toEqual(Uint8Array.of(255, 0, 0, 0));
  });

  it('says "no tag" for dl_vlan 0xffff and combines vid and priority', () => {
    const none = emptyMatch();
    matchFieldNumber(none, field('dl_vlan'), 0xffff);
    expect([none.flow.u16(KEY_VLAN0_TCI), none.mask.u16(KEY_VLAN0_TCI)]).toEqual([0, 0xffff]);
    const both = emptyMatch();
    matchFieldNumber(both, field('dl_vlan'), 7);
    matchFieldNumber(both, field('vlan_pcp'), 3);
    expect([both.flow.u16(KEY_VLAN0_TCI), both.mask.u16(KEY_VLAN0_TCI)]).toEqual([0x7007, 0xffff]);
  });

  it('knows prerequisites', () => {
    const match = emptyMatch();
    expect(prerequisitesMet(match.flow, field('tcp_dst'))).toBe(false);
    matchFieldNumber(match, field('eth_type'), 0x86dd);
    matchFieldNumber(match, field('nw_proto'), 6);
    expect(prerequisitesMet(match.flow, field('tcp_dst'))).toBe(true);
    expect(prerequisitesMet(match.flow, field('udp_dst'))).toBe(false);
    expect(prerequisitesMet(match.flow, field('ip_src'))).toBe(false);
  });
});
