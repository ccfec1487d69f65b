// Loads the hot module: compiled once, instantiated by every datapath thread over the shared memory.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

/** Exports of datapath/hot/index.ts; offsets are raw wasm numbers. */
export interface HotExports {
  reset(thread: number): void;
  poll(thread: number, budget: number): number;
  settle(thread: number): void;
  slotTake(thread: number): number;
  slotRelease(thread: number, slot: number): void;
  injectSlot(thread: number, slot: number): void;
  executeSlot(thread: number, slot: number, actions: number): void;
  extractSlot(thread: number, slot: number): number;
  subtableHash(subtable: number, key: number): number;
  findFlow(port: number, key: number): number;
  recover(thread: number, sourceIsWell: number): void;
  /** Reads guest memory: throws WebAssembly.RuntimeError when it is gone. */
  usedIndex(used: number): number;
  /** Makes the ring of a card (a VRING record) new. */
  driverReset(vring: number): void;
  crash(): void;
}

/** Compiles the module. Optimizing code only: in baseline code an atomic access to an unmapped page kills the process. */
export function compileHot(): WebAssembly.Module {
  setFlagsFromString('--no-liftoff');
  setFlagsFromString('--no-wasm-lazy-compilation');
  // The build puts the module beside the compiled host code; sources run from the tree and use the same build.
  const here = fileURLToPath(import.meta.url);
  const path = here.includes('/dist/')
    ? fileURLToPath(new URL('../hot/hot.wasm', import.meta.url))
    : fileURLToPath(new URL('../../dist/datapath/hot/hot.wasm', import.meta.url));
  return new WebAssembly.Module(readFileSync(path));
}

/** An instance for the calling thread; `signal` writes 1 to an eventfd. */
export function instantiateHot(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  signal: (fd: number) => void,
): HotExports {
  const instance = new WebAssembly.Instance(module, { env: { memory }, notify: { signal } });
  return instance.exports as unknown as HotExports;
}
