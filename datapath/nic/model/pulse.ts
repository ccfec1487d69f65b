// The card's pulse: as long as the switch hears it, the card is well. It stops when a command goes on without end, or when
// the polling thread does not look at its queues any more; the switch then resets the card (card-thread.ts).

export interface Body {
  /** The firmware takes its time on purpose. */
  isWaiting(): boolean;
  /** Resolves when the polling thread has looked at its queues. */
  barrier(): Promise<void>;
  beat(): void;
}

export class Pulse {
  readonly #body: Body;
  /** Commands that came, and those that were carried out. */
  begun = 0;
  done = 0;
  #doneBefore = -1;
  #isLooking = false;

  constructor(body: Body) {
    this.#body = body;
  }

  /** Now and then: beats if all is well. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    const isStuck = this.begun > this.done && this.done === this.#doneBefore && !this.#body.isWaiting();
    this.#doneBefore = this.done;
    if (isStuck) return;
    this.#isLooking = true;
    await this.#body.barrier();
    this.#isLooking = false;
    this.#body.beat();
  }
}
