// A binary trie of prefixes of bit strings, path-compressed. Answers, for one string, which prefix lengths could match it
// at all, and how many of its leading bits that answer looked at: a classifier that skips a subtable for its prefix needs
// only those bits in the megaflow.
//
// A bit string is a list of 32-bit numbers, most significant first. A node holds 32 bits at most; longer stretches are
// chains of nodes.

const NODE_BITS = 32;
/** Words of the longest field, an IPv6 address. */
const LENGTH_WORDS = 5;

interface Node {
  /** This node's own bits, left-aligned; `size` of them. */
  bits: number;
  size: number;
  /** Prefixes that end at this node. */
  count: number;
  zero: Node | undefined;
  one: Node | undefined;
}

export type BitString = ArrayLike<number>;

/** What a look-up found out; overwritten by the next one that it is given to. */
export class TrieAnswer {
  readonly #lengths = new Int32Array(LENGTH_WORDS);
  /** Leading bits to know of: no stored prefix tells apart strings that agree in them. */
  checkedBits = 0;

  /** Whether a stored prefix of `length` bits covers the string. */
  hasLength(length: number): boolean {
    return (this.#lengths[length >>> 5]! & (1 << (length & 31))) !== 0;
  }

  addLength(length: number): void {
    this.#lengths[length >>> 5]! |= 1 << (length & 31);
  }

  clear(): void {
    this.#lengths.fill(0);
    this.checkedBits = 0;
  }
}

const takeBits = (bits: number, size: number): number => (size === 0 ? 0 : (bits & (-1 << (NODE_BITS - size))) >>> 0);
const dropBits = (bits: number, size: number): number => (size >= NODE_BITS ? 0 : (bits << size) >>> 0);

/** The 32 bits from `from` on, with zeroes after the end. */
function bitsFrom(value: BitString, from: number): number {
  const word = from >>> 5;
  const shift = from & 31;
  const high = value[word] ?? 0;
  return shift === 0 ? high >>> 0 : ((high << shift) | ((value[word + 1] ?? 0) >>> (32 - shift))) >>> 0;
}

/** How many of the first `max` bits are equal. */
const commonBits = (a: number, b: number, max: number): number => Math.min(Math.clz32(a ^ b), max);

export class PrefixTrie {
  #root: Node | undefined;

  /** Adds one prefix of `length` bits, 1 or more; the same one may be added many times. */
  insert(prefix: BitString, length: number): void {
    this.#root = insertAt(this.#root, prefix, 0, length);
  }

  /** Removes what insert() added. */
  remove(prefix: BitString, length: number): void {
    this.#root = removeAt(this.#root, prefix, 0, length);
  }

  lookup(value: BitString, answer = new TrieAnswer()): TrieAnswer {
    answer.clear();
    let node = this.#root;
    let depth = 0;
    while (node) {
      const equal = commonBits(bitsFrom(value, depth), node.bits, node.size);
      depth += equal;
      if (equal < node.size) {
        answer.checkedBits = depth + 1;
        return answer;
      }
      if (node.count > 0) answer.addLength(depth);
      if (!node.zero && !node.one) break;
      const next: Node | undefined = bitsFrom(value, depth) >>> 31 ? node.one : node.zero;
      if (!next) {
        answer.checkedBits = depth + 1;
        return answer;
      }
      node = next;
    }
    answer.checkedBits = depth;
    return answer;
  }
}

function insertAt(node: Node | undefined, value: BitString, depth: number, length: number): Node {
  if (!node) {
    const size = Math.min(NODE_BITS, length - depth);
    const leaf: Node = {
      bits: takeBits(bitsFrom(value, depth), size),
      size,
      count: 0,
      zero: undefined,
      one: undefined,
    };
    return addBelow(leaf, value, depth + size, length);
  }
  const equal = commonBits(bitsFrom(value, depth), node.bits, Math.min(length - depth, node.size));
  if (equal === node.size) return addBelow(node, value, depth + equal, length);
  const upper: Node = { bits: takeBits(node.bits, equal), size: equal, count: 0, zero: undefined, one: undefined };
  node.bits = dropBits(node.bits, equal);
  node.size -= equal;
  if (node.bits >>> 31) upper.one = node;
  else upper.zero = node;
  return addBelow(upper, value, depth + equal, length);
}

/** Adds what is left of a prefix behind `node`, which ends at `depth`. */
function addBelow(node: Node, value: BitString, depth: number, length: number): Node {
  if (depth === length) node.count++;
  else if (bitsFrom(value, depth) >>> 31) node.one = insertAt(node.one, value, depth, length);
  else node.zero = insertAt(node.zero, value, depth, length);
  return node;
}

function removeAt(node: Node | undefined, value: BitString, depth: number, length: number): Node | undefined {
  if (!node) return undefined;
  const end = depth + node.size;
  if (end === length) node.count--;
  else if (bitsFrom(value, end) >>> 31) node.one = removeAt(node.one, value, end, length);
  else node.zero = removeAt(node.zero, value, end, length);
  return shrink(node);
}

/** Drops a node that says nothing any more, or joins it with its only child where both fit into one. */
function shrink(node: Node): Node | undefined {
  if (node.count > 0 || (node.zero && node.one)) return node;
  const child = node.zero ?? node.one;
  if (!child || node.size + child.size > NODE_BITS) return child ? node : undefined;
  child.bits = (node.bits | (child.bits >>> node.size)) >>> 0;
  child.size += node.size;
  return child;
}
