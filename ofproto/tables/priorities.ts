// The priorities that the rules of a subtable have, and the highest of them, at the cost of a heap: rules may come and go
// by the hundred thousand, each with a priority of its own.

export class Priorities {
  readonly #counts = new Map<number, number>();
  /** A binary heap, highest first; priorities that are gone are taken out when they come to the top. */
  readonly #heap: number[] = [];

  /** -1 when there is none. */
  get max(): number {
    return this.#heap[0] ?? -1;
  }

  add(priority: number): void {
    const count = this.#counts.get(priority);
    this.#counts.set(priority, (count ?? 0) + 1);
    // One that is still in the heap from before has a count of 0.
    if (count === undefined) this.#push(priority);
  }

  delete(priority: number): void {
    this.#counts.set(priority, this.#counts.get(priority)! - 1);
    while (this.#heap.length > 0 && this.#counts.get(this.#heap[0]!) === 0) this.#counts.delete(this.#pop());
  }

  #push(priority: number): void {
    const heap = this.#heap;
    let at = heap.push(priority) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && heap[parent]! < priority; parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = priority;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && heap[child + 1]! > heap[child]!) child++;
      if (child >= heap.length || heap[child]! <= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
