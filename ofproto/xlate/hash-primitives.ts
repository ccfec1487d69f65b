// The two public-domain hashes that translation chooses by, over the bytes that Open vSwitch hashes, so that both switches
// choose alike: lookup3 (B. Jenkins) for bytes, MurmurHash3's 32-bit variant for words, both of little-endian words.

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** lookup3's hash of `bytes`, which come in 12-byte blocks. */
export function jhashBytes(bytes: Uint8Array, basis: number): number {
  const padded = new Uint8Array(Math.ceil(bytes.length / 12) * 12);
  padded.set(bytes);
  const words = new DataView(padded.buffer);
  let a = (0xdeadbeef + bytes.length + basis) | 0;
  let [b, c] = [a, a];
  for (let at = 0; at < bytes.length; at += 12) {
    a = (a + words.getInt32(at, true)) | 0;
    b = (b + words.getInt32(at + 4, true)) | 0;
    c = (c + words.getInt32(at + 8, true)) | 0;
    // A last block that is not full is mixed by the final function alone.
    if (bytes.length - at < 12) return finalMix(a, b, c);
    [a, b, c] = mix(a, b, c);
  }
  return c >>> 0;
}

function mix(a: number, b: number, c: number): [number, number, number] {
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

function finalMix(a: number, b: number, c: number): number {
  c = (c ^ b) - rotate(b, 14);
  a = ((a ^ c) | 0) - rotate(c, 11);
  b = ((b ^ a) | 0) - rotate(a, 25);
  c = ((c ^ b) | 0) - rotate(b, 16);
  a = ((a ^ c) | 0) - rotate(c, 4);
  b = ((b ^ a) | 0) - rotate(a, 14);
  c = ((c ^ b) | 0) - rotate(b, 24);
  return c >>> 0;
}

/** One step of MurmurHash3 (A. Appleby), 32 bits: puts a word into a hash. */
export function add(hash: number, data: number): number {
  const mixed = Math.imul(rotate(Math.imul(data, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ mixed, 13), 5) + 0xe6546b64) | 0;
}

/** MurmurHash3's end; `final` is what was hashed in bytes. */
export function finish(hash: number, final: number): number {
  let h = hash ^ final;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hash of an address and a VLAN. */
export function hashMac(mac: Uint8Array, vlan: number, basis: number): number {
  const low = (mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!;
  const high = (vlan << 16) | (mac[0]! << 8) | mac[1]!;
  return finish(add(add(basis, low), high), 8);
}

/** Hash of two words. */
export const hashWords = (x: number, y: number): number => finish(add(add(x, 0), y), 8);
