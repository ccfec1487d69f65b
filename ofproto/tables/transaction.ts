// Changes that are made together: all of them, or none. While a transaction is open every change is noted with how to undo
// it; what is to be told about it waits for the end, so that nobody hears of a change that did not last. Outside of a
// transaction a change is complete at once and its news goes out at once.

/** A change just made. */
export interface Step {
  /** Takes it back. */
  undo(): void;
  /** Lets the world know. */
  tell(): void;
}

export class Transaction {
  #steps: Step[] | undefined;

  get isOpen(): boolean {
    return this.#steps !== undefined;
  }

  note(step: Step): void {
    if (this.#steps) this.#steps.push(step);
    else step.tell();
  }

  /** Runs `changes`. When it throws, everything it changed is undone, last change first. */
  run<T>(changes: () => T): T {
    // A transaction within another is part of it.
    if (this.#steps) return changes();
    const steps: Step[] = [];
    this.#steps = steps;
    let result: T;
    try {
      result = changes();
    } catch (error) {
      this.#steps = undefined;
      for (let i = steps.length - 1; i >= 0; i--) steps[i]!.undo();
      throw error;
    }
    this.#steps = undefined;
    for (const step of steps) step.tell();
    return result;
  }
}
