// A binary trie of prefixes of 32-bit numbers, path-compressed. Answers, for one number, which prefix lengths could match
// it at all, and how many of its leading bits that answer looked at: a classifier that skips a subtable for its prefix
// needs only those bits in the megaflow.

interface Node {
  /** This node's own bits, left-aligned; `size` of them. */
  bits: number;
  size: number;
  /** Prefixes that end at this node. */
  count: number;
  zero: Node | undefined;
  one: Node | undefined;
}

export interface TrieAnswer {
  /** Bit n is set (n = 1..32, as hasLength reads them) when a stored prefix of n bits covers the number. */
  readonly lengths: Uint8Array;
  /** Leading bits to know of: no stored prefix tells apart numbers that agree in them. */
  readonly checkedBits: number;
}

const takeBits = (bits: number, size: number): number => (size === 0 ? 0 : (bits & (-1 << (32 - size))) >>> 0);
const dropBits = (bits: number, size: number): number => (size >= 32 ? 0 : (bits << size) >>> 0);

/** How many of the first `max` bits are equal. */
function commonBits(a: number, b: number, max: number): number {
  return Math.min(Math.clz32(a ^ b), max);
}

const newNode = (bits: number, size: number, count: number): Node => ({
  bits: takeBits(bits, size),
  size,
  count,
  zero: undefined,
  one: undefined,
});

export class PrefixTrie {
  #root: Node | undefined;

  /** Adds one prefix; the same one may be added many times. */
  insert(prefix: number, length: number): void {
    this.#root = insertAt(this.#root, takeBits(prefix, length), length);
  }

  /** Removes what insert() added. */
  remove(prefix: number, length: number): void {
    this.#root = removeAt(this.#root, takeBits(prefix, length), length);
  }

  lookup(value: number): TrieAnswer {
    const lengths = new Uint8Array(33);
    let node = this.#root;
    let depth = 0;
    let rest = value >>> 0;
    while (node) {
      const equal = commonBits(rest, node.bits, node.size);
      if (equal < node.size) return { lengths, checkedBits: depth + equal + 1 };
      depth += node.size;
      if (node.count > 0) lengths[depth] = 1;
      if (!node.zero && !node.one) return { lengths, checkedBits: depth };
      rest = dropBits(rest, node.size);
      const next: Node | undefined = rest >>> 31 ? node.one : node.zero;
      if (!next) return { lengths, checkedBits: depth + 1 };
      node = next;
    }
    return { lengths, checkedBits: depth };
  }
}

function insertAt(node: Node | undefined, bits: number, length: number): Node {
  if (!node) return newNode(bits, length, 1);
  const equal = commonBits(bits, node.bits, Math.min(length, node.size));
  if (equal < node.size) {
    const upper = newNode(node.bits, equal, 0);
    const lower: Node = { ...node, bits: dropBits(node.bits, equal), size: node.size - equal };
    setChild(upper, lower);
    return addBelow(upper, dropBits(bits, equal), length - equal);
  }
  return addBelow(node, dropBits(bits, equal), length - equal);
}

function addBelow(node: Node, bits: number, length: number): Node {
  if (length === 0) node.count++;
  else if (bits >>> 31) node.one = insertAt(node.one, bits, length);
  else node.zero = insertAt(node.zero, bits, length);
  return node;
}

function setChild(parent: Node, child: Node): void {
  if (child.bits >>> 31) parent.one = child;
  else parent.zero = child;
}

function removeAt(node: Node | undefined, bits: number, length: number): Node | undefined {
  if (!node) return undefined;
  if (length === node.size) {
    node.count--;
  } else {
    const below = dropBits(bits, node.size);
    if (below >>> 31) node.one = removeAt(node.one, below, length - node.size);
    else node.zero = removeAt(node.zero, below, length - node.size);
  }
  return shrink(node);
}

/** Drops a node that says nothing any more, or joins it with its only child. */
function shrink(node: Node): Node | undefined {
  if (node.count > 0 || (node.zero && node.one)) return node;
  const child = node.zero ?? node.one;
  if (!child) return undefined;
  return {
    ...child,
    bits: (node.bits | (child.bits >>> node.size)) >>> 0,
    size: node.size + child.size,
  };
}
