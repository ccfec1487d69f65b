// A second parser, written for clarity: fills the datapath key from a frame as the hot module must.
import * as K from '../../../datapath/layout/flow-key.ts';

const VLAN_TPIDS = [0x8100, 0x88a8];
const IPV6_EXTENSIONS = [0, 43, 44, 51, 60, 135];

/** Where a frame's layers begin, as far as its headers are sound. */
export interface Layers {
  readonly l3: number;
  /** undefined without a sound IP header. */
  l4: number | undefined;
}

export interface Parsed extends Layers {
  readonly key: Uint8Array;
}

/** KEY_SIZE bytes for a frame of at least 14 bytes. */
export function parseFrame(frame: Uint8Array, inPort: number, vlanLimit = 0): Parsed {
  const packet = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const key = Buffer.alloc(K.KEY_SIZE);
  key.writeUInt32BE(inPort, K.KEY_IN_PORT);
  key.set(frame.subarray(0, 6), K.KEY_ETH_DST);
  key.set(frame.subarray(6, 12), K.KEY_ETH_SRC);
  let at = 14;
  let type = packet.getUint16(12);
  for (const slot of [K.KEY_VLAN0_TPID, K.KEY_VLAN1_TPID].slice(0, vlanLimit || 2)) {
    if (!VLAN_TPIDS.includes(type) || frame.length < at + 4) break;
    key.writeUInt16BE(type, slot);
    key.writeUInt16BE(packet.getUint16(at) | K.VLAN_CFI, slot + 2);
    type = packet.getUint16(at + 2);
    at += 4;
  }
  if (type < 0x600) {
    type = llcType(frame, packet, at);
    if (isSnap(frame, packet, at)) at += 8;
  }
  key.writeUInt16BE(type, K.KEY_ETH_TYPE);
  const parsed: Parsed = { key, l3: at, l4: undefined };
  if (type === 0x0800) parseIpv4(packet, parsed);
  else if (type === 0x86dd) parseIpv6(packet, parsed);
  else if (type === 0x0806 || type === 0x8035) parseArp(frame, packet, key, at);
  else if (type === 0x8847 || type === 0x8848) parseMpls(packet, key, at);
  else if (type === 0x894f) parseNsh(packet, key, at);
  return parsed;
}

function llcType(frame: Uint8Array, packet: DataView, at: number): number {
  const type = isSnap(frame, packet, at) ? packet.getUint16(at + 6) : 0;
  return type >= 0x600 ? type : 0x05ff;
}

const isSnap = (frame: Uint8Array, packet: DataView, at: number): boolean =>
  frame.length >= at + 8 && packet.getUint32(at) === 0xaaaa0300 && packet.getUint16(at + 4) === 0;

function keyView({ key }: Parsed): DataView {
  return new DataView(key.buffer, key.byteOffset, K.KEY_SIZE);
}

function copy(from: DataView, at: number, size: number, to: Uint8Array, offset: number): void {
  to.set(new Uint8Array(from.buffer, from.byteOffset + at, size), offset);
}

function parseMpls(packet: DataView, key: Buffer, at: number): void {
  for (let i = 0; i < 3 && at + 4 * i + 4 <= packet.byteLength; i++) {
    const entry = packet.getUint32(at + 4 * i);
    key.writeUInt32BE(entry, K.KEY_MPLS_LSE0 + 4 * i);
    if (entry & 0x100) break;
  }
}

function parseNsh(packet: DataView, key: Buffer, at: number): void {
  if (packet.byteLength < at + 8) return;
  const word = packet.getUint16(at);
  const size = (word & 0x3f) * 4;
  const mdType = packet.getUint8(at + 2) & 15;
  if (word >> 14 !== 0 || size < 8 || at + size > packet.byteLength || (mdType === 1 && size !== 24)) return;
  key.set([(word >> 12) & 3, (word >> 6) & 0x3f, mdType, packet.getUint8(at + 3)], K.KEY_NSH_FLAGS);
  copy(packet, at + 4, 4, key, K.KEY_NSH_PATH);
  if (mdType === 1) copy(packet, at + 8, 16, key, K.KEY_NSH_C1);
}

function parseArp(frame: Uint8Array, packet: DataView, key: Buffer, at: number): void {
  if (frame.length < at + 28 || packet.getUint32(at) !== 0x00010800 || packet.getUint16(at + 4) !== 0x0604) return;
  const op = packet.getUint16(at + 6);
  if (op <= 0xff) key[K.KEY_NW_PROTO] = op;
  copy(packet, at + 14, 4, key, K.KEY_NW_SRC);
  copy(packet, at + 24, 4, key, K.KEY_NW_DST);
  copy(packet, at + 8, 6, key, K.KEY_ARP_SHA);
  copy(packet, at + 18, 6, key, K.KEY_ARP_THA);
}

function parseIpv4(packet: DataView, parsed: Parsed): void {
  const { l3: at, key } = parsed;
  const rest = packet.byteLength - at;
  if (rest < 20) return;
  const headerSize = (packet.getUint8(at) & 15) * 4;
  const total = packet.getUint16(at + 2);
  if (headerSize < 20 || headerSize > rest || total < headerSize || total > rest) return;
  const fragment = packet.getUint16(at + 6);
  const isLater = (fragment & 0x1fff) !== 0;
  key[K.KEY_NW_FRAG] = (fragment & 0x3fff ? K.FLOW_NW_FRAG_ANY : 0) | (isLater ? K.FLOW_NW_FRAG_LATER : 0);
  key[K.KEY_NW_PROTO] = packet.getUint8(at + 9);
  key[K.KEY_NW_TOS] = packet.getUint8(at + 1);
  key[K.KEY_NW_TTL] = packet.getUint8(at + 8);
  copy(packet, at + 12, 8, key, K.KEY_NW_SRC);
  parsed.l4 = at + headerSize;
  if (!isLater) parseTransport(packet, parsed, at + headerSize);
}

function parseIpv6(packet: DataView, parsed: Parsed): void {
  const { l3: at, key } = parsed;
  const rest = packet.byteLength - at;
  if (rest < 40 || packet.getUint16(at + 4) + 40 > rest) return;
  copy(packet, at + 8, 16, key, K.KEY_IPV6_SRC);
  copy(packet, at + 24, 16, key, K.KEY_IPV6_DST);
  let next = packet.getUint8(at + 6);
  let l4 = at + 40;
  const end = l4 + packet.getUint16(at + 4);
  let frag = 0;
  while (IPV6_EXTENSIONS.includes(next) && !(frag & K.FLOW_NW_FRAG_LATER)) {
    if (l4 + 8 > end) return;
    const size = packet.getUint8(l4 + 1);
    const following = packet.getUint8(l4);
    if (next === 44) {
      const word = packet.getUint16(l4 + 2);
      frag |= (word !== 0 ? K.FLOW_NW_FRAG_ANY : 0) | (word & 0xfff8 ? K.FLOW_NW_FRAG_LATER : 0);
      l4 += 8;
    } else l4 += next === 51 ? (size + 2) * 4 : (size + 1) * 8;
    if (l4 > end) return;
    next = following;
  }
  if (frag & K.FLOW_NW_FRAG_LATER) next = 44;
  key[K.KEY_NW_FRAG] = frag;
  key[K.KEY_NW_PROTO] = next;
  const first = packet.getUint32(at);
  keyView(parsed).setUint32(K.KEY_IPV6_LABEL, first & 0xfffff);
  key[K.KEY_NW_TOS] = (first >> 20) & 0xff;
  key[K.KEY_NW_TTL] = packet.getUint8(at + 7);
  parsed.l4 = l4;
  if (!(frag & K.FLOW_NW_FRAG_LATER) && l4 < end) parseTransport(packet, parsed, l4);
}

/** Shortest header of each transport that has ports (or a type and a code) in the key. */
const TRANSPORT_SIZE: Readonly<Record<number, number>> = { 6: 20, 17: 8, 132: 12, 1: 8, 58: 8, 2: 8 };

function parseTransport(packet: DataView, parsed: Parsed, at: number): void {
  const { key } = parsed;
  const protocol = key[K.KEY_NW_PROTO]!;
  const isIpv6 = keyView(parsed).getUint16(K.KEY_ETH_TYPE) === 0x86dd;
  const size = TRANSPORT_SIZE[protocol];
  if (size === undefined || packet.byteLength < at + size) return;
  if (protocol === 6 || protocol === 17 || protocol === 132) {
    copy(packet, at, 4, key, K.KEY_TP_SRC);
    if (protocol === 6) keyView(parsed).setUint16(K.KEY_TCP_FLAGS, packet.getUint16(at + 12) & 0x0fff);
    return;
  }
  keyView(parsed).setUint16(K.KEY_TP_SRC, packet.getUint8(at));
  keyView(parsed).setUint16(K.KEY_TP_DST, packet.getUint8(at + 1));
  if (protocol === 2) copy(packet, at + 4, 4, key, K.KEY_IGMP_GROUP);
  if (protocol === 58 && isIpv6) parseNd(packet, key, at);
}

function parseNd(packet: DataView, key: Uint8Array, at: number): void {
  const type = packet.getUint8(at);
  if ((type !== 135 && type !== 136) || packet.getUint8(at + 1) !== 0 || packet.byteLength < at + 24) return;
  copy(packet, at + 8, 16, key, K.KEY_ND_TARGET);
  copy(packet, at + 4, 4, key, K.KEY_ND_RESERVED);
  for (let option = at + 24; option + 8 <= packet.byteLength; ) {
    const size = packet.getUint8(option + 1) * 8;
    if (size === 0 || option + size > packet.byteLength) return;
    const kind = packet.getUint8(option);
    if (size === 8 && (kind === 1 || kind === 2)) {
      const field = kind === 1 ? K.KEY_ARP_SHA : K.KEY_ARP_THA;
      if (key.subarray(field, field + 6).some((byte) => byte !== 0)) {
        key.fill(0, K.KEY_ND_TARGET, K.KEY_ND_TARGET + 16);
        key.fill(0, K.KEY_ARP_SHA, K.KEY_ARP_SHA + 6);
        key.fill(0, K.KEY_ARP_THA, K.KEY_ARP_THA + 6);
        return;
      }
      copy(packet, option + 2, 6, key, field);
      key[K.KEY_ND_OPTIONS_TYPE] ||= kind;
    }
    option += size;
  }
}
