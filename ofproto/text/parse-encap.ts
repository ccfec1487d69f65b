// encap and decap from ovs-ofctl's syntax: `encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)))`, `decap(packet_type(ns=1,type=0x894f))`.

import { UserError } from '../../lib/errors.ts';
import { DECAP_NEXT, type EncapProperty, type OfAction } from '../model/actions.ts';
import * as N from '../model/nicira.ts';
import { type KeyValue, keyValues, parseInteger, parseUint } from './lexer.ts';

const HEADERS: Readonly<Record<string, number>> = {
  ethernet: N.PT_ETHERNET,
  nsh: N.PT_NSH,
  mpls: N.PT_MPLS,
  mpls_mc: N.PT_MPLS_MC,
};

/** Parses the text between encap's parentheses. Throws UserError. */
export function parseEncap(text: string): OfAction {
  const [item] = [...keyValues(text)];
  if (!item) throw new UserError('Missing encap hdr: ');
  const packetType = Object.hasOwn(HEADERS, item.key) ? HEADERS[item.key] : undefined;
  if (packetType === undefined) throw new UserError(`Encap hdr not supported: ${item.value}`);
  return {
    type: 'encap',
    packetType,
    props: [...keyValues(item.value)].map((prop) => parseProperty(packetType, prop)),
  };
}

function parseProperty(packetType: number, { key, value }: KeyValue): EncapProperty {
  if (packetType === N.PT_NSH && key === 'md_type') {
    const mdType = parseInteger(value);
    if (mdType !== 1n && mdType !== 2n) throw new UserError('invalid md_type');
    return { class: N.OFPPPC_NSH, type: N.OFPPPT_PROP_NSH_MDTYPE, value: Uint8Array.of(Number(mdType)) };
  }
  if (packetType === N.PT_NSH && key === 'tlv') return parseTlv(value);
  throw new UserError(`Invalid property: ${key}`);
}

/** `CLASS,TYPE,HEX`. */
function parseTlv(text: string): EncapProperty {
  const parts = /^(0x[0-9a-f]+),(\d+),0x((?:[0-9a-f]{2})*)$/i.exec(text);
  if (!parts) throw new UserError(`Invalid NSH TLV header: ${text}`);
  const [tlvClass, type] = [Number(parts[1]) & 0xffff, Number(parts[2]) & 0xff];
  const data = Buffer.from(parts[3]!, 'hex');
  const value = Uint8Array.of(tlvClass >> 8, tlvClass, type, data.length, ...data);
  return { class: N.OFPPPC_NSH, type: N.OFPPPT_PROP_NSH_TLV, value };
}

/** Parses the text between decap's parentheses. Throws UserError. */
export function parseDecap(text: string): OfAction {
  const [item] = [...keyValues(text)];
  if (!item) return { type: 'decap', newPacketType: DECAP_NEXT };
  if (item.key !== 'packet_type') throw new UserError(`Invalid decap argument: ${item.key}`);
  const given = new Map([...keyValues(item.value)].map(({ key, value }) => [key, value]));
  const number = (name: string): number => {
    const value = given.get(name);
    if (value === undefined) throw new UserError(`Missing packet_type attribute ${name}`);
    return parseUint(value, 16, name);
  };
  return { type: 'decap', newPacketType: number('ns') * 0x10000 + number('type') };
}
