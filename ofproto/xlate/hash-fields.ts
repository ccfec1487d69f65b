// The hashes that multipath and bundle choose by (ovs-actions(7), "multipath", "bundle"), equal to Open vSwitch's so that a
// packet takes the same link on both.

import * as F from '../model/flow.ts';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../model/prerequisites.ts';
import { add, finish, hashWords, jhashBytes } from './hash-primitives.ts';
import { isIp, isIpv4, isIpv6 } from './protocols.ts';
import { VLAN_VID_MASK } from './vlan.ts';

const hasPorts = (proto: number): boolean => proto === IPPROTO_TCP || proto === IPPROTO_SCTP;

/** Whether symmetric_l3l4 hashes ports: of whole packets only, so that all fragments of one take the same link. */
const hashesPorts = (flow: F.Flow, proto: number, udp: boolean): boolean =>
  flow.u8(F.KEY_NW_FRAG) === 0 && (hasPorts(proto) || (udp && proto === IPPROTO_UDP));

/** A word as the machine reads it from network order, which is how words are hashed. */
const wordAt = ({ view }: F.Flow, offset: number): number => view.getUint32(offset, true);
const halfAt = ({ view }: F.Flow, offset: number): number => view.getUint16(offset, true);

/**
 * Both directions of a connection alike, over a record of address 16 | eth_type 2 | vlan 2 | port 2 | mac 6 | protocol 1,
 * padded to 32. UDP's ports are left out: they need not be the same both ways.
 */
function symmetricL4(flow: F.Flow, basis: number): number {
  const record = new Uint8Array(32);
  const at = (offset: number) => flow.bytes[offset]!;
  for (let i = 0; i < 6; i++) record[22 + i] = at(F.KEY_ETH_SRC + i) ^ at(F.KEY_ETH_DST + i);
  const view = new DataView(record.buffer);
  view.setUint16(16, flow.u16(F.KEY_ETH_TYPE));
  view.setUint16(18, (flow.u16(F.KEY_VLAN0_TCI) ^ flow.u16(F.KEY_VLAN1_TCI)) & VLAN_VID_MASK);
  if (isIp(flow)) {
    xorAddresses(record, flow);
    record[28] = flow.u8(F.KEY_NW_PROTO);
    if (hasPorts(record[28])) view.setUint16(20, flow.u16(F.KEY_TP_SRC) ^ flow.u16(F.KEY_TP_DST));
  }
  return jhashBytes(record, basis);
}

function addAddresses(flow: F.Flow, hash: number): number {
  if (isIpv4(flow)) return add(hash, wordAt(flow, F.KEY_NW_SRC) ^ wordAt(flow, F.KEY_NW_DST));
  for (let i = 0; i < 16; i += 4) hash = add(hash, wordAt(flow, F.KEY_IPV6_SRC + i) ^ wordAt(flow, F.KEY_IPV6_DST + i));
  return hash;
}

function symmetricL3L4(flow: F.Flow, basis: number, udp: boolean): number {
  if (!isIp(flow)) return symmetricL2(flow, basis);
  const proto = flow.u8(F.KEY_NW_PROTO);
  let hash = add(addAddresses(flow, basis), proto);
  if (hashesPorts(flow, proto, udp)) {
    hash = add(hash, halfAt(flow, F.KEY_TP_SRC) ^ halfAt(flow, F.KEY_TP_DST));
  }
  return finish(hash, basis);
}

/** eth_type 2 | vlan 2 | mac 6 | pad 2. */
function symmetricL2(flow: F.Flow, basis: number): number {
  if (flow.u32(F.KEY_PACKET_TYPE) !== 0) return 0;
  const record = new DataView(new ArrayBuffer(12));
  record.setUint16(0, flow.u16(F.KEY_ETH_TYPE));
  record.setUint16(2, (flow.u16(F.KEY_VLAN0_TCI) ^ flow.u16(F.KEY_VLAN1_TCI)) & VLAN_VID_MASK);
  for (let i = 0; i < 6; i++) record.setUint8(4 + i, flow.bytes[F.KEY_ETH_SRC + i]! ^ flow.bytes[F.KEY_ETH_DST + i]!);
  let hash = basis;
  for (let at = 0; at < 12; at += 4) hash = add(hash, record.getUint32(at, true));
  return finish(hash, basis);
}

/** Over a record of address 16 | eth_type 2 | pad 2. */
function symmetricL3(flow: F.Flow, basis: number): number {
  const record = new Uint8Array(20);
  xorAddresses(record, flow);
  new DataView(record.buffer).setUint16(16, flow.u16(F.KEY_ETH_TYPE));
  return jhashBytes(record, basis);
}

function xorAddresses(record: Uint8Array, flow: F.Flow): void {
  if (!isIp(flow)) return;
  const [src, dst, size] = isIpv4(flow) ? [F.KEY_NW_SRC, F.KEY_NW_DST, 4] : [F.KEY_IPV6_SRC, F.KEY_IPV6_DST, 16];
  for (let i = 0; i < size; i++) record[i] = flow.bytes[src + i]! ^ flow.bytes[dst + i]!;
}

function addressHash(flow: F.Flow, v4: number, v6: number, basis: number): number {
  if (isIpv4(flow)) return jhashBytes(flow.bytes.subarray(v4, v4 + 4), basis);
  return isIpv6(flow) ? jhashBytes(flow.bytes.subarray(v6, v6 + 16), basis) : basis;
}

/** The hash of the fields that `fields` (model/nicira.ts, HASH_FIELDS) names. */
export function hashFields(flow: F.Flow, fields: string, basis: number): number {
  switch (fields) {
    case 'eth_src':
      return jhashBytes(flow.bytes.subarray(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6), basis);
    case 'symmetric_l4':
      return symmetricL4(flow, basis);
    case 'symmetric_l3l4':
    case 'symmetric_l3l4+udp':
      return symmetricL3L4(flow, basis, fields.endsWith('udp'));
    case 'nw_src':
      return addressHash(flow, F.KEY_NW_SRC, F.KEY_IPV6_SRC, basis);
    case 'nw_dst':
      return addressHash(flow, F.KEY_NW_DST, F.KEY_IPV6_DST, basis);
    default:
      return symmetricL3(flow, basis);
  }
}

/** Marks in `wc` what hashFields() reads. */
export function unwildcardHash(flow: F.Flow, wc: F.Flow, fields: string): void {
  const read = (offset: number, size: number) => wc.bytes.fill(0xff, offset, offset + size);
  const addresses = (v4: readonly number[], v6: readonly number[]) => {
    if (isIpv4(flow)) for (const offset of v4) read(offset, 4);
    else if (isIpv6(flow)) for (const offset of v6) read(offset, 16);
  };
  const both = () => addresses([F.KEY_NW_SRC, F.KEY_NW_DST], [F.KEY_IPV6_SRC, F.KEY_IPV6_DST]);
  const transport = (ports: (proto: number) => boolean) => {
    if (!isIp(flow)) return;
    read(F.KEY_NW_PROTO, 1);
    if (ports(flow.u8(F.KEY_NW_PROTO))) read(F.KEY_TP_SRC, 4);
  };
  if (fields === 'eth_src') read(F.KEY_ETH_SRC, 6);
  else if (fields === 'nw_src') addresses([F.KEY_NW_SRC], [F.KEY_IPV6_SRC]);
  else if (fields === 'nw_dst') addresses([F.KEY_NW_DST], [F.KEY_IPV6_DST]);
  else if (fields === 'symmetric_l3') both();
  else if (fields === 'symmetric_l4') {
    read(F.KEY_ETH_SRC, 6);
    read(F.KEY_ETH_DST, 6);
    both();
    // Of every protocol, and of those without ports what has their place, as Open vSwitch does.
    transport((proto) => proto !== IPPROTO_UDP);
    for (const offset of [F.KEY_VLAN0_TCI, F.KEY_VLAN1_TCI]) {
      wc.setU16(offset, wc.u16(offset) | VLAN_VID_MASK | F.VLAN_CFI);
    }
  } else {
    both();
    transport((proto) => hashesPorts(flow, proto, fields === 'symmetric_l3l4+udp'));
  }
}

/** Which of `count` links a hash means, by one of MULTIPATH_ALGORITHMS. */
export function chooseLink(algorithm: string, hash: number, count: number, arg: number): number {
  switch (algorithm) {
    case 'modulo_n':
      return hash % count;
    case 'hash_threshold':
      return count === 1 ? 0 : Math.floor(hash / (Math.floor(0xffffffff / count) + 1));
    case 'hrw':
      return count <= 64 ? highestWeight(hash, count) : iterate(hash, count, arg);
    default:
      return iterate(hash, count, arg);
  }
}

/** Highest random weight (RFC 2991): the link whose hash with the packet's is the greatest. */
function highestWeight(hash: number, count: number): number {
  let best = 0;
  let weight = hashWords(hash, 0);
  for (let link = 1; link < count; link++) {
    const other = hashWords(hash, link);
    if (other > weight) [best, weight] = [link, other];
  }
  return best;
}

/** Hashes again until the value is that of a link. */
function iterate(hash: number, count: number, arg: number): number {
  let modulo = arg;
  if (modulo < count || modulo / 2 > count) modulo = 2 ** Math.ceil(Math.log2(count));
  for (let round = 0; ; round++) {
    const link = hashWords(hash, round) % modulo;
    if (link < count) return link;
  }
}
