// A fuzz run: one step again and again, each with a seed of its own, for a bounded time. A step that throws, takes long
// or leaves memory behind fails the run, with the seed that brings it back.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from './random-frames.ts';

/** `npm run fuzz` asks for longer runs from a new seed. */
const SECONDS = Number(process.env['WEFT_FUZZ_SECONDS'] ?? 2);
const SEED = Number(process.env['WEFT_FUZZ_SEED'] ?? 1);

/** CPU time that one input may take: far more than any needs, so that a busy machine does not fail the run. */
const STEP_MAX_MS = 2000;
const GROWTH_MAX_BYTES = 48 * 1024 * 1024;
/** Steps after which caches are full and code is compiled. */
const WARM_STEPS = 300;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Runs `step` until the time is up. Throws Error naming the seed of the step that failed. */
export async function fuzz(step: (random: Random) => void | Promise<void>): Promise<void> {
  const end = performance.now() + SECONDS * 1000;
  let before = 0;
  let steps = 0;
  // At least the warm-up and a little, however slow the machine is.
  for (; performance.now() < end || steps < 2 * WARM_STEPS; steps++) {
    if (steps === WARM_STEPS) before = heapBytes();
    await once(step, SEED + steps);
  }
  const grown = heapBytes() - before;
  console.log(`${steps} inputs from seed ${SEED}`);
  if (grown > GROWTH_MAX_BYTES) throw new Error(`${grown} bytes more on the heap after ${steps} inputs, seed ${SEED}`);
}

async function once(step: (random: Random) => void | Promise<void>, seed: number): Promise<void> {
  const start = process.cpuUsage();
  try {
    await step(new Random(seed));
  } catch (error) {
    throw new Error(`WEFT_FUZZ_SEED=${seed} brings it back`, { cause: error });
  }
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms > STEP_MAX_MS) throw new Error(`WEFT_FUZZ_SEED=${seed} takes ${Math.round(ms)} ms of CPU time`);
}

/** Runs `body`; errors of the `expected` kinds are the answer to bad input. True when there was none. */
export function survives(body: () => void, ...expected: readonly (new (...args: never[]) => Error)[]): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (expected.some((kind) => error instanceof kind)) return false;
    throw error;
  }
}

const EDGES = [0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xfe, 0xff];

/** A few changes: bits, bytes and lengths, pieces cut out, doubled or taken from `other`. */
export function mutateBytes(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  // A Buffer's slice() would be a view of the original.
  let out: Uint8Array = new Uint8Array(bytes);
  for (let changes = 1 + random.below(4); changes > 0 && out.length > 0; changes--)
    out = mutateOnce(random, out, other);
  return out;
}

function mutateOnce(random: Random, out: Uint8Array, other: Uint8Array): Uint8Array {
  const at = random.below(out.length);
  const size = random.below(Math.min(32, out.length - at) + 1);
  switch (random.below(8)) {
    case 0:
      out[at]! ^= 1 << random.below(8);
      return out;
    case 1:
      out[at] = random.pick(EDGES);
      return out;
    case 2:
      out.fill(random.pick([0, 0xff]), at, at + random.pick([2, 4, 8]));
      return out;
    case 3:
      out[at] = random.below(256);
      return out;
    case 4:
      return out.slice(0, at);
    case 5:
      return concat(out.subarray(0, at), out.subarray(at + size));
    case 6:
      return concat(out.subarray(0, at + size), out.subarray(at));
    default: {
      const from = random.below(other.length);
      return concat(out.subarray(0, at), other.subarray(from, from + size), out.subarray(at + size));
    }
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const NUMBERS = [
  '0',
  '1',
  '-1',
  '255',
  '256',
  '65535',
  '65536',
  '4294967295',
  '4294967296',
  '0x',
  '18446744073709551616',
];

/** The same for text: characters, and words that mean something somewhere. */
export function mutateText(random: Random, text: string, words: readonly string[]): string {
  let out = text;
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(out.length + 1);
    const size = random.below(8);
    const [before, after] = [out.slice(0, at), out.slice(at)];
    const choice = random.below(6);
    if (choice === 0) out = before + after.slice(size);
    else if (choice === 1) out = before + random.pick(words) + after;
    else if (choice === 2) out = before + random.pick([...',=()[]->/:{} \0\u00e9']) + after;
    else if (choice === 3) out = before + random.pick(NUMBERS) + after.slice(size);
    else if (choice === 4) out = before + after.slice(0, size) + after;
    else out = out.replace(/\d+/, random.pick(NUMBERS));
  }
  return out;
}
