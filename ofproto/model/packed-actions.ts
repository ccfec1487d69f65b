// Actions of flows in little: the bytes that they came in. A list of actions is up to a dozen objects, which the collector
// moves twice for each flow of a table whose actions nobody may ever ask for; its bytes are a few words in a block that
// many flows share. (What many flows say alike is shared as a list: wire/action-cache.ts.)

import { Reader } from '../../lib/cursors.ts';
import type { OfAction } from './actions.ts';

const SIZE_BITS = 9;
/** Longer lists stay lists. */
const PACKED_BYTES_MAX = (1 << SIZE_BITS) - 1;
/** Small, because a block lives as long as any flow that has its actions there. */
const BLOCK_BYTES = 4096;

export type DecodeActions = (r: Reader, version: number) => readonly OfAction[];

/** Lists of one version and one form, one after another. */
class Block {
  readonly bytes = new Uint8Array(BLOCK_BYTES);
  readonly version: number;
  readonly decode: DecodeActions;
  used = 0;

  constructor(version: number, decode: DecodeActions) {
    this.version = version;
    this.decode = decode;
  }

  takes(size: number, version: number, decode: DecodeActions): boolean {
    return this.version === version && this.decode === decode && this.used + size <= BLOCK_BYTES;
  }
}

let block: Block | undefined;

export class PackedActions {
  readonly #block: Block;
  /** Where in the block, and how many bytes. */
  readonly #place: number;
  #list: readonly OfAction[] | undefined;

  private constructor(inBlock: Block, place: number, list: readonly OfAction[]) {
    this.#block = inBlock;
    this.#place = place;
    this.#list = list;
  }

  /** Keeps the bytes that `decode` made `list` of; undefined for a list that had better stay one. */
  static pack(
    list: readonly OfAction[],
    bytes: Uint8Array,
    version: number,
    decode: DecodeActions,
  ): PackedActions | undefined {
    const size = bytes.length;
    if (list.length === 0 || size > PACKED_BYTES_MAX) return undefined;
    if (!block?.takes(size, version, decode)) block = new Block(version, decode);
    const start = block.used;
    block.bytes.set(bytes, start);
    block.used += size;
    return new PackedActions(block, (start << SIZE_BITS) | size, list);
  }

  /** Whether it is this list that it was made of. */
  holds(list: readonly OfAction[]): boolean {
    return this.#list === list;
  }

  /** Leaves only the bytes, until the list is asked for. */
  forget(): void {
    this.#list = undefined;
  }

  /** The list, which is kept: who asks will ask again. */
  get list(): readonly OfAction[] {
    this.#list ??= this.#decode();
    return this.#list;
  }

  /** The list, for one look. */
  glance(): readonly OfAction[] {
    return this.#list ?? this.#decode();
  }

  #decode(): readonly OfAction[] {
    const { bytes, version, decode } = this.#block;
    const start = this.#place >>> SIZE_BITS;
    return decode(new Reader(bytes.subarray(start, start + (this.#place & PACKED_BYTES_MAX))), version);
  }
}
