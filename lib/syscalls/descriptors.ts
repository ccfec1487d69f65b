// A ledger of the descriptors that a thread has open, in memory that it shares: when the thread is killed, whoever is left
// closes them. Descriptors belong to the process, so nothing else would: a guest would wait for ever at a
// socket that nobody serves.
//
// A bit is set after its descriptor was opened and cleared before it is closed: a thread killed in between leaves a
// descriptor open, and never takes another's with it.

const DESCRIPTORS_MAX = 1 << 20;

let ledger: Int32Array | undefined;

/** An empty ledger, to be shared with a thread. */
export function createLedger(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(DESCRIPTORS_MAX / 8));
}

/** From now on this thread's descriptors are noted in `shared`. */
export function keepLedger(shared: Int32Array): void {
  ledger = shared;
}

export function noteOpened(fd: number): number {
  if (ledger && fd >= 0 && fd < DESCRIPTORS_MAX) Atomics.or(ledger, fd >> 5, 1 << (fd & 31));
  return fd;
}

export function noteClosing(fd: number): void {
  if (ledger && fd >= 0 && fd < DESCRIPTORS_MAX) Atomics.and(ledger, fd >> 5, ~(1 << (fd & 31)));
}

/** What the thread had open. */
export function openIn(shared: Int32Array): number[] {
  const fds: number[] = [];
  for (const [word, bits] of shared.entries()) {
    for (let bit = 0; bits !== 0 && bit < 32; bit++) if (bits & (1 << bit)) fds.push(word * 32 + bit);
  }
  return fds;
}
