// A second computation of the datapath's packet hashes, on whole fields rather than on words in memory.
import type { HashAlgorithm } from '../../../datapath/dpif.ts';
import * as K from '../../../datapath/layout/flow-key.ts';
import { parseFrame } from './parse.ts';

const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;

/** MurmurHash3, 32 bit: one round, and the end. */
function add(hash: number, word: number): number {
  const k = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ k, 13), 5) + 0xe6546b64) >>> 0;
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const hashWords = (basis: number, words: readonly number[]) => words.reduce(add, basis);

/** Little-endian words of the bytes, the last one short. */
function wordsOf(bytes: Uint8Array): number[] {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return Array.from({ length: padded.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

/** ICMP, TCP, UDP, ICMPv6, SCTP. */
const WITH_PORTS: readonly number[] = [1, 6, 17, 58, 132];

const xor = (a: Uint8Array, b: Uint8Array) => a.map((byte, i) => byte ^ b[i]!);

export function referenceHash(frame: Uint8Array, algorithm: HashAlgorithm, basis: number): number {
  const { key } = parseFrame(frame, 0);
  const part = (offset: number, size: number) => key.subarray(offset, offset + size);
  const type = (key[K.KEY_ETH_TYPE]! << 8) | key[K.KEY_ETH_TYPE + 1]!;
  const [src, dst] =
    type === 0x86dd
      ? [part(K.KEY_IPV6_SRC, 16), part(K.KEY_IPV6_DST, 16)]
      : [part(K.KEY_NW_SRC, 4), part(K.KEY_NW_DST, 4)];
  const proto = key[K.KEY_NW_PROTO]!;
  if (algorithm === 'l4') {
    const ports = WITH_PORTS.includes(proto) ? wordsOf(part(K.KEY_TP_SRC, 4)) : [];
    // TCP and UDP count as what follows IPv6's own header, which may be an extension header.
    const tags = [K.KEY_VLAN0_TCI, K.KEY_VLAN1_TCI].filter((at) => key[at]! & 0x10).length;
    const named = type === 0x86dd && (proto === 6 || proto === 17) ? frame[14 + 4 * tags + 6]! : proto;
    // Of others than IP and ARP nothing is hashed.
    const isHashed = type === 0x0800 || type === 0x86dd || type === 0x0806;
    const tuple = isHashed ? hashWords(0, [...wordsOf(src), ...wordsOf(dst), named, ...ports]) : 0;
    return finish(hashWords(finish(tuple ^ 42), [0, basis]) ^ 8) || 1;
  }
  const isIp = type === 0x0800 || type === 0x86dd;
  const withPorts = (proto === 6 || proto === 132) && key[K.KEY_NW_FRAG] === 0;
  // The VIDs of both tags, 0 without one, lie behind the Ethernet type.
  const vids = xor(part(K.KEY_VLAN0_TCI, 2), part(K.KEY_VLAN1_TCI, 2));
  const typeAndVids = Uint8Array.of(...part(K.KEY_ETH_TYPE, 2), vids[0]! & 0x0f, vids[1]!);
  const words = isIp
    ? [
        ...wordsOf(xor(src, dst)),
        proto,
        ...(withPorts ? wordsOf(xor(part(K.KEY_TP_SRC, 2), part(K.KEY_TP_DST, 2))) : []),
      ]
    : [...wordsOf(typeAndVids), ...wordsOf(xor(part(K.KEY_ETH_SRC, 6), part(K.KEY_ETH_DST, 6)))];
  return finish(hashWords(basis, words) ^ basis) || 1;
}
