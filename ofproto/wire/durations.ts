// Durations on the wire: seconds u32, nanoseconds u32. In the model they are milliseconds.

import type { Reader, Writer } from '../../lib/cursors.ts';

export const decodeDuration = (r: Reader): number => r.u32() * 1000 + r.u32() / 1e6;

export function encodeDuration(w: Writer, ms: number): void {
  w.u32(Math.floor(ms / 1000)).u32(Math.floor((ms % 1000) * 1e6));
}
