// Long work on the control thread, in slices: between two of them the event loop serves sockets and upcalls.

/** Longest stretch without giving way, in milliseconds. */
const SLICE_MS = 4;
/** Items between two looks at the clock. */
const BATCH = 16;

/** Calls `act` on each item, giving way to the event loop often. Resolves to the milliseconds of work that it was. */
export async function inSlices<T>(items: Iterable<T>, act: (item: T) => void): Promise<number> {
  let workMs = 0;
  let sliceStartMs = performance.now();
  let n = 0;
  for (const item of items) {
    act(item);
    if (++n % BATCH !== 0) continue;
    const sliceMs = performance.now() - sliceStartMs;
    if (sliceMs < SLICE_MS) continue;
    workMs += sliceMs;
    await new Promise<void>((resolve) => setImmediate(resolve));
    sliceStartMs = performance.now();
  }
  return workMs + performance.now() - sliceStartMs;
}
