// A client that waits for each answer before it asks again (ovs-ofctl add-flows sends a barrier after every flow-mod) costs
// a sleep of the event loop for each request, and to be woken from it takes longer than the request. So the loop stays
// awake for a moment after an answer, while that pays: each moment in vain, as with a client that shares our core or has
// no more to ask, doubles the number of answers without one.

/** As long as a client on another core needs to wake, read and ask again. */
const MOMENT_MS = 0.1;
const SKIPPED_MAX = 1024;

/** The event loop, and its time. */
export interface Loop {
  nowMs(): number;
  /** Runs `act` in the loop's next turn, before which it does not sleep. */
  later(act: () => void): void;
}

const THIS_LOOP: Loop = { nowMs: () => performance.now(), later: setImmediate };

export class Linger {
  readonly #loop: Loop;
  #sinceMs = 0;
  #waits = false;
  #isTurning = false;
  #skipped = 1;
  #skip = 0;

  constructor(loop = THIS_LOOP) {
    this.#loop = loop;
  }

  /** Requests were answered, and no more are here. */
  begin(): void {
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    this.#sinceMs = this.#loop.nowMs();
    this.#waits = true;
    this.#turn();
  }

  /** More came. */
  end(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#skipped = 1;
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#loop.later(() => {
      this.#isTurning = false;
      if (!this.#waits) return;
      if (this.#loop.nowMs() - this.#sinceMs < MOMENT_MS) this.#turn();
      else this.#giveUp();
    });
  }

  #giveUp(): void {
    this.#waits = false;
    this.#skip = this.#skipped;
    this.#skipped = Math.min(2 * this.#skipped, SKIPPED_MAX);
  }
}
