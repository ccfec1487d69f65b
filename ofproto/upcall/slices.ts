// Long work on the control thread, in slices: between two of them the event loop serves sockets and upcalls.

/** Longest stretch without giving way, in milliseconds. */
const SLICE_MS = 2;
/** Items between two looks at the clock. */
const BATCH = 16;

/** Calls `act` on each item, giving way to the event loop often. */
export async function inSlices<T>(items: Iterable<T>, act: (item: T) => void): Promise<void> {
  let sliceStartMs = performance.now();
  let n = 0;
  for (const item of items) {
    act(item);
    if (++n % BATCH !== 0 || performance.now() - sliceStartMs < SLICE_MS) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    sliceStartMs = performance.now();
  }
}
