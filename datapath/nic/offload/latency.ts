// How long flows take into a card: over all of them, and over the last ones.

export interface LatencyUs {
  readonly mean: number;
  readonly deviation: number;
  readonly recentMean: number;
  readonly recentDeviation: number;
}

/** Of the exponential average: how much the newest counts. */
const WEIGHT = 0.1;

export class Latency {
  #count = 0;
  #mean = 0;
  /** Sum of squared differences from the mean (B. P. Welford, 1962). */
  #squares = 0;
  #recentMean = 0;
  #recentVariance = 0;

  add(us: number): void {
    this.#count++;
    const before = us - this.#mean;
    this.#mean += before / this.#count;
    this.#squares += before * (us - this.#mean);
    const off = us - this.#recentMean;
    if (this.#count === 1) this.#recentMean = us;
    else {
      this.#recentMean += WEIGHT * off;
      this.#recentVariance = (1 - WEIGHT) * (this.#recentVariance + WEIGHT * off * off);
    }
  }

  get us(): LatencyUs {
    const deviation = this.#count < 2 ? 0 : Math.sqrt(this.#squares / this.#count);
    return {
      mean: this.#mean,
      deviation,
      recentMean: this.#recentMean,
      recentDeviation: Math.sqrt(this.#recentVariance),
    };
  }
}
