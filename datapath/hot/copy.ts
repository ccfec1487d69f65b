// Copies that touch guest memory. memory.copy and memory.fill would kill the process on an unmapped page, so bytes move
// with SIMD and scalar loads and stores only, and never past the end of what the caller checked.

/** Copies that the compiler puts in place. */
export class Wide {
  @inline static copy64(dst: u32, src: u32): void {
    const a = v128.load(src);
    const b = v128.load(src, 16);
    const c = v128.load(src, 32);
    const d = v128.load(src, 48);
    v128.store(dst, a);
    v128.store(dst, b, 16);
    v128.store(dst, c, 32);
    v128.store(dst, d, 48);
  }
}

/** Copies `n` bytes; reads and writes stay inside [src, src + n) and [dst, dst + n). The ranges must not overlap. */
export function copyBytes(dst: u32, src: u32, n: u32): void {
  if (n >= 16) {
    const lastSrc = src + n - 16;
    const lastDst = dst + n - 16;
    while (n > 64) {
      Wide.copy64(dst, src);
      src += 64;
      dst += 64;
      n -= 64;
    }
    while (n > 16) {
      v128.store(dst, v128.load(src));
      src += 16;
      dst += 16;
      n -= 16;
    }
    // The last 16 bytes overlap what was copied already: one store instead of a tail loop.
    v128.store(lastDst, v128.load(lastSrc));
    return;
  }
  copySmall(dst, src, n);
}

function copySmall(dst: u32, src: u32, n: u32): void {
  if (n >= 8) {
    const first = load<u64>(src);
    const last = load<u64>(src + n - 8);
    store<u64>(dst, first);
    store<u64>(dst + n - 8, last);
  } else if (n >= 4) {
    const first = load<u32>(src);
    const last = load<u32>(src + n - 4);
    store<u32>(dst, first);
    store<u32>(dst + n - 4, last);
  } else {
    for (let i: u32 = 0; i < n; i++) store<u8>(dst + i, load<u8>(src + i));
  }
}

/** Zeroes `n` bytes of weft's own memory. */
export function zeroBytes(dst: u32, n: u32): void {
  for (let i: u32 = 0; i < n; i += 8) store<u64>(dst + i, 0);
}
