// LACPDUs in Ethernet frames (IEEE 802.1AX-2014, 6.4.2). Everything is big-endian. What comes in is a stranger's.
//
//   ethernet 14: 01:80:c2:00:00:02 | source | 0x8809
//    0 subtype 1 | version 1
//    2 TLV actor      1, 20: information 15, pad 3
//   22 TLV partner    2, 20: information 15, pad 3
//   42 TLV collector  3, 16: delay 2, pad 12
//   58 TLV terminator 0, 0, pad 50
//
//   information: system priority 2 | system id 6 | key 2 | port priority 2 | port id 2 | state 1

import type { LacpInfo } from './lacp-info.ts';

export const ETH_TYPE_SLOW = 0x8809;
const SLOW_PROTOCOLS_ADDRESS = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x02];
const ETH_HEADER_SIZE = 14;
const PDU_SIZE = 110;
const SUBTYPE_LACP = 1;
const SUBTYPE_MARKER = 2;
const VERSION = 1;
const TLV_ACTOR = 1;
const TLV_PARTNER = 2;
const TLV_COLLECTOR = 3;
const INFO_TLV_SIZE = 20;
const COLLECTOR_TLV_SIZE = 16;
const ACTOR_AT = 2;
const PARTNER_AT = 22;
const COLLECTOR_AT = 42;

export interface Lacpdu {
  readonly actor: LacpInfo;
  readonly partner: LacpInfo;
}

export function encodeLacpFrame(source: Uint8Array, { actor, partner }: Lacpdu): Uint8Array {
  const frame = new Uint8Array(ETH_HEADER_SIZE + PDU_SIZE);
  frame.set(SLOW_PROTOCOLS_ADDRESS, 0);
  frame.set(source, 6);
  new DataView(frame.buffer).setUint16(12, ETH_TYPE_SLOW);
  const pdu = frame.subarray(ETH_HEADER_SIZE);
  pdu.set([SUBTYPE_LACP, VERSION]);
  putInfo(pdu, ACTOR_AT, TLV_ACTOR, actor);
  putInfo(pdu, PARTNER_AT, TLV_PARTNER, partner);
  pdu.set([TLV_COLLECTOR, COLLECTOR_TLV_SIZE], COLLECTOR_AT);
  return frame;
}

function putInfo(pdu: Uint8Array, at: number, type: number, info: LacpInfo): void {
  pdu.set([type, INFO_TLV_SIZE], at);
  const view = new DataView(pdu.buffer, pdu.byteOffset + at + 2);
  view.setUint16(0, info.sysPriority);
  pdu.set(info.sysId, at + 4);
  view.setUint16(8, info.key);
  view.setUint16(10, info.portPriority);
  view.setUint16(12, info.portId);
  view.setUint8(14, info.state);
}

/** A frame of a slow protocol, behind any VLAN tag; `bad` when it does not hold together. */
export function decodeSlowFrame(frame: Uint8Array): Lacpdu | 'marker' | 'bad' {
  const at = payloadOffset(frame);
  const subtype = frame[at];
  if (frame.length < at + PDU_SIZE) return 'bad';
  if (subtype === SUBTYPE_MARKER) return 'marker';
  if (subtype !== SUBTYPE_LACP) return 'bad';
  const pdu = frame.subarray(at, at + PDU_SIZE);
  const hasTlv = (offset: number, type: number) => pdu[offset] === type && pdu[offset + 1] === INFO_TLV_SIZE;
  if (!hasTlv(ACTOR_AT, TLV_ACTOR) || !hasTlv(PARTNER_AT, TLV_PARTNER)) return 'bad';
  return { actor: infoAt(pdu, ACTOR_AT + 2), partner: infoAt(pdu, PARTNER_AT + 2) };
}

function payloadOffset(frame: Uint8Array): number {
  let at = ETH_HEADER_SIZE;
  const typeAt = (end: number) => (frame[end - 2]! << 8) | frame[end - 1]!;
  while (at < frame.length && (typeAt(at) === 0x8100 || typeAt(at) === 0x88a8)) at += 4;
  return at;
}

function infoAt(pdu: Uint8Array, at: number): LacpInfo {
  const view = new DataView(pdu.buffer, pdu.byteOffset + at);
  return {
    sysPriority: view.getUint16(0),
    // A copy, whatever kind of array the frame is.
    sysId: new Uint8Array(pdu.subarray(at + 2, at + 8)),
    key: view.getUint16(8),
    portPriority: view.getUint16(10),
    portId: view.getUint16(12),
    state: view.getUint8(14),
  };
}
