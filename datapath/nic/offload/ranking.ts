// The busiest and the idlest of many flows, without sorting them all: flows fall into classes by the logarithm of their
// rate, and only as many of the classes at that end are sorted as are needed.

export interface Ranked {
  /** Packets per second. */
  readonly rate: number;
}

const CLASSES = 64;
const classOf = (rate: number): number => Math.min(CLASSES - 1, Math.floor(Math.log2(rate + 1)));

/** At most `count` of `items`, the highest rates first; among many in one class any may be left out. */
export function busiest<T extends Ranked>(items: Iterable<T>, count: number): T[] {
  return pick(items, count, (rate) => CLASSES - 1 - classOf(rate)).sort((a, b) => b.rate - a.rate);
}

/** At most `count` of `items`, the lowest rates first. */
export function idlest<T extends Ranked>(items: Iterable<T>, count: number): T[] {
  return pick(items, count, classOf).sort((a, b) => a.rate - b.rate);
}

/** How much busier one has to be to take another's place, and by how many packets per second at least. */
const BUSIER_FACTOR = 2;
const BUSIER_PPS = 10;

/** Who comes for whom: the busiest of those outside for the idlest of those inside, while that is worth it. */
export function exchanges<T extends Ranked>(outside: readonly T[], inside: readonly T[]): [comes: T, leaves: T][] {
  const pairs: [T, T][] = [];
  for (const [i, comes] of outside.entries()) {
    const leaves = inside[i];
    if (!leaves || comes.rate < leaves.rate * BUSIER_FACTOR + BUSIER_PPS) break;
    pairs.push([comes, leaves]);
  }
  return pairs;
}

/** The first `count` items by `place`, a number below CLASSES. */
function pick<T extends Ranked>(items: Iterable<T>, count: number, place: (rate: number) => number): T[] {
  if (count <= 0) return [];
  const classes: T[][] = Array.from({ length: CLASSES }, () => []);
  for (const item of items) {
    const members = classes[place(item.rate)]!;
    if (members.length < count) members.push(item);
  }
  const picked: T[] = [];
  for (const members of classes) {
    if (picked.length + members.length > count) {
      members.length = count - picked.length;
    }
    picked.push(...members);
    if (picked.length === count) break;
  }
  return picked;
}
