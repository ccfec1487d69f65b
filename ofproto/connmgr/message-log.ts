// Messages kept for later, one after another in large blocks: bundles hold a hundred thousand, for the few of which an error
// message may have to quote. Each for itself would be an object that keeps the whole read in memory that it came with.

/** Blocks grow to this: a small bundle takes what it needs. */
const BLOCK_BYTES = 1 << 18;
const FIRST_BLOCK_BYTES = 1 << 12;
const FIRST_COUNT = 16;

export class MessageLog {
  readonly #blocks: Uint8Array[] = [];
  /** Where each message begins, as if every block were of full size. */
  #starts = new Float64Array(FIRST_COUNT);
  #used = 0;
  count = 0;

  /** Adds a whole message, whose header tells its length. */
  add(message: Uint8Array): void {
    const last = this.#blocks.at(-1);
    if (!last || this.#used + message.length > last.length) this.#addBlock(message.length, last?.length ?? 0);
    const block = this.#blocks.length - 1;
    this.#blocks[block]!.set(message, this.#used);
    if (this.count === this.#starts.length) this.#grow();
    this.#starts[this.count++] = block * BLOCK_BYTES + this.#used;
    this.#used += message.length;
  }

  /** The message that was the `index`th to come. */
  at(index: number): Uint8Array {
    const start = this.#starts[index]!;
    const block = this.#blocks[Math.floor(start / BLOCK_BYTES)]!;
    const from = start % BLOCK_BYTES;
    return block.subarray(from, from + ((block[from + 2]! << 8) | block[from + 3]!));
  }

  #addBlock(least: number, before: number): void {
    const size = Math.min(BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, 2 * before));
    this.#blocks.push(new Uint8Array(Math.max(size, least)));
    this.#used = 0;
  }

  #grow(): void {
    const starts = new Float64Array(2 * this.#starts.length);
    starts.set(this.#starts);
    this.#starts = starts;
  }
}
