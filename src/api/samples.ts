// Statistics that many streams may ask for at short intervals: one look at the switch serves all that come within a few
// milliseconds, and collecting them takes at most a tenth of the control thread's time, however long one look takes.

import type { OfprotoApi } from '../../ofproto/ofproto-api.ts';

const AGE_MAX_MS = 5;
/** A sample that took t milliseconds to collect is good for COST_FACTOR * t. */
const COST_FACTOR = 10;

interface Sample {
  readonly value: unknown;
  readonly takenMs: number;
  readonly goodUntilMs: number;
}

export class SharedSamples {
  /** By bridge, then by what is sampled; a bridge that goes takes its samples along. */
  readonly #samples = new WeakMap<OfprotoApi, Map<string, Sample>>();

  /** What `collect` gives, at most a little out of date. */
  get<T>(bridge: OfprotoApi, kind: string, collect: () => T): { readonly value: T; readonly takenMs: number } {
    const ofBridge = this.#samples.get(bridge) ?? new Map<string, Sample>();
    this.#samples.set(bridge, ofBridge);
    const startMs = performance.now();
    const known = ofBridge.get(kind);
    if (known && startMs < known.goodUntilMs) return known as Sample & { readonly value: T };
    const value = collect();
    const tookMs = performance.now() - startMs;
    const sample = { value, takenMs: startMs, goodUntilMs: startMs + Math.max(AGE_MAX_MS, COST_FACTOR * tookMs) };
    ofBridge.set(kind, sample);
    return sample;
  }
}
