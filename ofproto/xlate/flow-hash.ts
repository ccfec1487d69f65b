// Hashes by which translation chooses a group's bucket. They are public-domain functions - MurmurHash3's 32-bit variant
// (A. Appleby) and lookup3 (B. Jenkins) - over the bytes that Open vSwitch hashes, so that both switches choose alike.

import type { Field } from '../model/field.ts';
import { getField } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { IPPROTO_SCTP, IPPROTO_TCP } from '../model/prerequisites.ts';
import { isIpv4, isIpv6 } from './protocols.ts';

const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;

function add(hash: number, word: number): number {
  const k = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ k, 13), 5) + 0xe6546b64) >>> 0;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Little-endian words of the bytes; the last one is filled up with zeroes. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

export const hashNumber = (value: number, basis: number): number => finish(add(add(value, 0), basis) ^ 8);

function hashBytes(bytes: Uint8Array, basis: number): number {
  return finish(wordsOf(bytes).reduce(add, basis) ^ bytes.length);
}

function hashUint64(value: bigint): number {
  return finish(add(add(0, Number(value & 0xffffffffn)), Number(value >> 32n)) ^ 8);
}

/** The fields' values under their masks, seeded with `basis`. */
export function hashFields(
  flow: F.Flow,
  fields: readonly { readonly field: Field; readonly mask: Uint8Array }[],
  basis: bigint,
): number {
  return fields.reduce((hash, { field, mask }) => {
    const value = getField(flow, field);
    return hashBytes(
      value.map((byte, i) => byte & mask[i]!),
      hash,
    );
  }, hashUint64(basis));
}

/** Ethernet, VLAN, IP and TCP or SCTP ports, the same for both directions. */
export function hashSymmetricL4(flow: F.Flow): number {
  const fields = new Uint8Array(32);
  const { bytes } = flow;
  const xor = (a: number, b: number, size: number, to: number) => {
    for (let i = 0; i < size; i++) fields[to + i] = bytes[a + i]! ^ bytes[b + i]!;
  };
  if (isIpv4(flow)) xor(F.KEY_NW_SRC, F.KEY_NW_DST, 4, 0);
  else if (isIpv6(flow)) xor(F.KEY_IPV6_SRC, F.KEY_IPV6_DST, 16, 0);
  fields.set(bytes.subarray(F.KEY_ETH_TYPE, F.KEY_ETH_TYPE + 2), 16);
  const vid = (flow.u16(F.KEY_VLAN0_TCI) ^ flow.u16(F.KEY_VLAN1_TCI)) & 0xfff;
  fields[18] = vid >> 8;
  fields[19] = vid & 0xff;
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (isIpv4(flow) || isIpv6(flow)) {
    fields[28] = proto;
    if (proto === IPPROTO_TCP || proto === IPPROTO_SCTP) xor(F.KEY_TP_SRC, F.KEY_TP_DST, 2, 20);
  }
  xor(F.KEY_ETH_SRC, F.KEY_ETH_DST, 6, 22);
  return lookup3(wordsOf(fields));
}

/** The bits that hashSymmetricL4() reads. */
export function maskSymmetricL4(flow: F.Flow, wc: F.Flow): void {
  const all = (offset: number, size: number) => wc.bytes.fill(0xff, offset, offset + size);
  all(F.KEY_ETH_SRC, 6);
  all(F.KEY_ETH_DST, 6);
  for (const tci of [F.KEY_VLAN0_TCI, F.KEY_VLAN1_TCI]) wc.setU16(tci, wc.u16(tci) | F.VLAN_CFI | 0xfff);
  if (isIpv4(flow)) all(F.KEY_NW_SRC, 8);
  else if (isIpv6(flow)) all(F.KEY_IPV6_SRC, 32);
  else return;
  all(F.KEY_NW_PROTO, 1);
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (proto === IPPROTO_TCP || proto === IPPROTO_SCTP) all(F.KEY_TP_SRC, 4);
}

/** hashword() of lookup3 over whole blocks of 12 bytes, then over what is left. */
function lookup3(words: Uint32Array): number {
  const start = (0xdeadbeef + words.length * 4) >>> 0;
  let [a, b, c] = [start, start, start];
  let at = 0;
  for (; words.length - at >= 3; at += 3) {
    [a, b, c] = mix((a + words[at]!) | 0, (b + words[at + 1]!) | 0, (c + words[at + 2]!) | 0);
  }
  if (at === words.length) return c;
  return last((a + words[at]!) | 0, (b + (words[at + 1] ?? 0)) | 0, c | 0);
}

function mix(x: number, y: number, z: number): [number, number, number] {
  let [a, b, c] = [x, y, z];
  a = (a - c) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

function last(x: number, y: number, z: number): number {
  let [a, b, c] = [x, y, z];
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  return ((c ^ b) - rotate(b, 24)) >>> 0;
}
