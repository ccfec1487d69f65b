// Reading the private header copy, and extending it: the first HEADER_COPY bytes are there from the start, the parser
// and the actions ask for more where a header goes on.

import { copyBytes } from './copy.ts';
import { HEADER_MAX, Packet, segLen, segOffset, setSeg } from './views.ts';

export function be16(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

/** Bytes of the frame that can be read at p.data, after pulling up to `wanted`; less when the frame is shorter. */
export function available(p: Packet, wanted: u32): u32 {
  if (p.hdrLen < wanted && p.segCount > 0) pullTo(p, min<u32>(wanted, HEADER_MAX));
  return p.hdrLen;
}

export function copy6(dst: u32, src: u32): void {
  store<u32>(dst, load<u32>(src));
  store<u16>(dst, load<u16>(src, 4), 4);
}

/** Extends the private header copy to `wanted` bytes (at most p.len and what the buffer holds). */
export function pullTo(p: Packet, wanted: u32): void {
  let have = p.hdrLen;
  let first: u32 = 0;
  const count = p.segCount;
  while (have < wanted && first < count) {
    const at = segOffset(p, first);
    const len = segLen(p, first);
    const n = min<u32>(len, wanted - have);
    copyBytes(p.data + have, at, n);
    have += n;
    if (n < len) {
      setSeg(p, first, at + n, len - n);
      break;
    }
    first++;
  }
  for (let i = first; first > 0 && i < count; i++) setSeg(p, i - first, segOffset(p, i), segLen(p, i));
  p.segCount = count - first;
  p.hdrLen = have;
}
