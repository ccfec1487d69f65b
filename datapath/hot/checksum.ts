// Internet checksums kept right by difference (RFC 1624, equation 3) and SCTP's CRC32c (RFC 9260, appendix A). Sums are
// of 16-bit words in memory order: one's complement addition does not mind which.

/** Replaces (dst & mask) by (value & mask) in `n` bytes, n even; returns the words' sum of ~old + new, 0 if all stay. */
export function rewrite(dst: u32, value: u32, mask: u32, n: u32): u32 {
  let sum: u32 = 0;
  let changed: u32 = 0;
  for (let i: u32 = 0; i < n; i += 2) {
    const old = <u32>load<u16>(dst + i);
    const m = <u32>load<u16>(mask + i);
    const now = (old & ~m) | (<u32>load<u16>(value + i) & m);
    store<u16>(dst + i, <u16>now);
    sum += (old ^ 0xffff) + now;
    changed |= old ^ now;
  }
  return changed == 0 ? 0 : sum;
}

/** The same for one byte, which is the `high` (first in memory: 0) or second (1) byte of its checksum word. */
export function rewriteByte(dst: u32, value: u8, mask: u8, second: u32): u32 {
  const old = <u32>load<u8>(dst);
  const now = (old & ~(<u32>mask)) | (<u32>value & <u32>mask);
  store<u8>(dst, <u8>now);
  const shift = second << 3;
  return old == now ? 0 : ((old << shift) ^ 0xffff) + (now << shift);
}

/** Adds a difference to the checksum at `at`; 0, no difference, leaves it as it is, 0xffff too. */
export function adjust(at: u32, sum: u32): void {
  let total = (<u32>load<u16>(at) ^ 0xffff) + sum;
  total = (total & 0xffff) + (total >> 16);
  total = (total & 0xffff) + (total >> 16);
  store<u16>(at, <u16>(total ^ 0xffff));
}

/** UDP: 0 means "no checksum" and stays; a result of 0 is sent as 0xffff (RFC 768). */
export function adjustUdp(at: u32, sum: u32): void {
  if (load<u16>(at) == 0) return;
  adjust(at, sum);
  if (load<u16>(at) == 0) store<u16>(at, 0xffff);
}

/**
 * CRC32c of a message that differs from another of `len` bytes in the first four bytes by `difference`: CRCs are
 * linear, so XORing this to the old checksum gives the new one, right or wrong as it was.
 */
export function crc32cDifference(difference: u32, len: u32): u32 {
  let crc = difference;
  for (let i: u32 = 0; i < len << 3; i++) crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  return crc;
}
