// The conversation with one card: a question at a time, each within a time limit. A card that does not answer in time is
// checked: one that hangs is reset, which answers everything. One that is slow counts as dead, so that nobody waits for it;
// its answer is still taken when it comes, and then it lives again.

import { logger } from '../../../lib/log.ts';

const log = logger('netdev_offload');

/** How long a card may take for one batch. */
export const ANSWER_MS_MAX = 5000;

export interface LinkEvents {
  /** Resolves when the card is known to be alive, or was reset. */
  check(): Promise<void>;
  died(): void;
  revived(): void;
}

export class CardLink {
  readonly #name: string;
  readonly #limitMs: number;
  readonly #events: LinkEvents;
  /** Why the card counts as dead. */
  problem: string | undefined;
  deaths = 0;

  constructor(name: string, limitMs: number, events: LinkEvents) {
    this.#name = name;
    this.#limitMs = limitMs;
    this.#events = events;
  }

  /** Undefined when the card failed to do it. */
  async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    // The machine's time, not the switch's clock, which a test may stop: the card is not in the switch.
    let isAnswered = false;
    const late = async () => {
      await this.#events.check();
      if (!isAnswered) this.#die(`it has not answered for ${this.#limitMs} ms`);
    };
    const timer = setTimeout(() => void late(), this.#limitMs);
    timer.unref();
    try {
      const answer = await question();
      isAnswered = true;
      this.revive();
      return answer;
    } catch (error) {
      isAnswered = true;
      this.#die(error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  revive(): void {
    if (this.problem === undefined) return;
    this.problem = undefined;
    log.info(`${this.#name}: the card answers again`);
    this.#events.revived();
  }

  #die(problem: string): void {
    const isNew = this.problem === undefined;
    this.problem = problem;
    if (!isNew) return;
    this.deaths++;
    log.err(`${this.#name}: the card is out of order (${problem}), its flows are forwarded in software`);
    this.#events.died();
  }
}
