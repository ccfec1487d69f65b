// A binary trie of prefixes of bit strings, path-compressed. Answers, for one string, which prefix lengths could match it
// at all, and how many of its leading bits that answer looked at: a classifier that skips a subtable for its prefix needs
// only those bits in the megaflow.
//
// A bit string is a list of 32-bit numbers, most significant first. A node holds 32 bits at most; longer stretches are
// chains of nodes. Nodes are five numbers in one array, known by where they begin there: there are two for each prefix,
// and objects would be most of the memory that a table takes.

const NODE_BITS = 32;
/** Words of the longest field, an IPv6 address. */
const LENGTH_WORDS = 5;

/** A node's own bits, left-aligned; `SIZE` of them. */
const BITS = 0;
const SIZE = 1;
/** Prefixes that end at this node. */
const COUNT = 2;
/** The nodes that go on with a zero and with a one; 0 for none. */
const ZERO = 3;
const ONE = 4;
const NODE_SIZE = 5;

/** A place before all nodes, which holds the root. */
const ROOT = 0;
const FIRST_NODES = 8;

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

const takeBits = (bits: number, size: number): number => (size === 0 ? 0 : bits & (-1 << (NODE_BITS - size)));
const dropBits = (bits: number, size: number): number => (size >= NODE_BITS ? 0 : bits << size);

/** The 32 bits from `from` on, with zeroes after the end. */
function bitsFrom(value: BitString, from: number): number {
  const word = from >>> 5;
  const shift = from & 31;
  const high = word < value.length ? value[word]! : 0;
  if (shift === 0) return high | 0;
  const low = word + 1 < value.length ? value[word + 1]! : 0;
  return (high << shift) | (low >>> (32 - shift));
}

/** How many of the first `max` bits are equal. */
const commonBits = (a: number, b: number, max: number): number => Math.min(Math.clz32(a ^ b), max);

export class PrefixTrie {
  #nodes = new Int32Array(1 + FIRST_NODES * NODE_SIZE);
  #end = 1;
  /** Nodes given back, linked through ZERO. */
  #free = 0;

  /** Adds one prefix of `length` bits, 1 or more, so many times; the same one may be added again. */
  insert(prefix: BitString, length: number, times = 1): void {
    let depth = 0;
    /** Where the node at hand is noted. */
    let place = ROOT;
    for (;;) {
      const node = this.#nodeAt(place, prefix, depth, length);
      depth += this.#nodes[node + SIZE]!;
      if (depth === length) {
        this.#nodes[node + COUNT]! += times;
        return;
      }
      place = node + (bitsFrom(prefix, depth) < 0 ? ONE : ZERO);
    }
  }

  /** The node noted at `place`, made or cut so that all its bits are the prefix's next ones. */
  #nodeAt(place: number, prefix: BitString, depth: number, length: number): number {
    const wanted = bitsFrom(prefix, depth);
    const node = this.#nodes[place]!;
    if (node === 0) {
      const size = Math.min(NODE_BITS, length - depth);
      return this.#make(place, takeBits(wanted, size), size);
    }
    const [bits, size] = [this.#nodes[node + BITS]!, this.#nodes[node + SIZE]!];
    const equal = commonBits(wanted, bits, Math.min(length - depth, size));
    if (equal === size) return node;
    const upper = this.#make(place, takeBits(bits, equal), equal);
    const rest = dropBits(bits, equal);
    this.#nodes[node + BITS] = rest;
    this.#nodes[node + SIZE] = size - equal;
    this.#nodes[upper + (rest < 0 ? ONE : ZERO)] = node;
    return upper;
  }

  /** A new node, noted at `place`. */
  #make(place: number, bits: number, size: number): number {
    const node = this.#free !== 0 ? this.#free : this.#grow();
    const nodes = this.#nodes;
    if (node === this.#free) this.#free = nodes[node + ZERO]!;
    nodes.fill(0, node, node + NODE_SIZE);
    nodes[node + BITS] = bits;
    nodes[node + SIZE] = size;
    nodes[place] = node;
    return node;
  }

  #grow(): number {
    const node = this.#end;
    this.#end += NODE_SIZE;
    if (this.#end > this.#nodes.length) {
      const nodes = new Int32Array(2 * this.#nodes.length);
      nodes.set(this.#nodes);
      this.#nodes = nodes;
    }
    return node;
  }

  /** Removes what insert() added. */
  remove(prefix: BitString, length: number, times = 1): void {
    this.#nodes[ROOT] = this.#removeAt(this.#nodes[ROOT]!, prefix, 0, length, times);
  }

  /** What takes the node's place. */
  #removeAt(node: number, prefix: BitString, depth: number, length: number, times: number): number {
    if (node === 0) return 0;
    const nodes = this.#nodes;
    const end = depth + nodes[node + SIZE]!;
    if (end === length) {
      nodes[node + COUNT]! -= times;
    } else {
      const place = node + (bitsFrom(prefix, end) < 0 ? ONE : ZERO);
      nodes[place] = this.#removeAt(nodes[place]!, prefix, end, length, times);
    }
    return this.#shrink(node);
  }

  /** Drops a node that says nothing any more, or joins it with its only child where both fit into one. */
  #shrink(node: number): number {
    const nodes = this.#nodes;
    const [zero, one, size] = [nodes[node + ZERO]!, nodes[node + ONE]!, nodes[node + SIZE]!];
    if (nodes[node + COUNT]! > 0 || (zero !== 0 && one !== 0)) return node;
    const child = zero !== 0 ? zero : one;
    if (child !== 0) {
      const childSize = nodes[child + SIZE]!;
      if (size + childSize > NODE_BITS) return node;
      const below = size >= NODE_BITS ? 0 : nodes[child + BITS]! >>> size;
      nodes[child + BITS] = nodes[node + BITS]! | below;
      nodes[child + SIZE] = size + childSize;
    }
    nodes[node + ZERO] = this.#free;
    this.#free = node;
    return child;
  }

  lookup(value: BitString, answer = new TrieAnswer()): TrieAnswer {
    answer.clear();
    const nodes = this.#nodes;
    let node = nodes[ROOT]!;
    let depth = 0;
    while (node !== 0) {
      const size = nodes[node + SIZE]!;
      const equal = commonBits(bitsFrom(value, depth), nodes[node + BITS]!, size);
      depth += equal;
      if (equal < size) {
        answer.checkedBits = depth + 1;
        return answer;
      }
      if (nodes[node + COUNT]! > 0) answer.addLength(depth);
      if (nodes[node + ZERO] === 0 && nodes[node + ONE] === 0) break;
      const next = nodes[node + (bitsFrom(value, depth) < 0 ? ONE : ZERO)]!;
      if (next === 0) {
        answer.checkedBits = depth + 1;
        return answer;
      }
      node = next;
    }
    answer.checkedBits = depth;
    return answer;
  }
}
