// Rate limiting of packet-ins to one controller (ovs-vswitchd.conf.db(5), Controller.controller_rate_limit): a token
// bucket for misses and one for actions. Packets over the rate wait in a queue per ingress port, bounded in all by the
// burst limit; the longest queue loses when it is full, and ports are served in turn, so that one port's storm does not
// starve the others.

import type { Clock } from '../../lib/clock.ts';

export type PacketInKind = 'miss' | 'action';

export interface RateLimit {
  /** Packet-ins per second, at least 100. */
  readonly perSecond: number;
  /** Packets that may wait. */
  readonly burst: number;
}

/** One bucket and its queues. */
class TokenBucket {
  readonly #clock: Clock;
  #limit: RateLimit;
  readonly #queues = new Map<number, (() => void)[]>();
  #tokens: number;
  #filledMs: number;
  #cancelTimer: (() => void) | undefined;
  #backlog = 0;
  #bypassed = 0;
  #queued = 0;
  #dropped = 0;

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock;
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#filledMs = clock.nowMs();
  }

  submit(inPort: number, send: () => void): void {
    this.#refill();
    if (this.#backlog === 0 && this.#tokens >= 1) {
      this.#tokens--;
      this.#bypassed++;
      send();
      return;
    }
    if (this.#backlog >= this.#limit.burst) this.#dropFromLongest();
    const queue = this.#queues.get(inPort) ?? [];
    this.#queues.set(inPort, queue);
    queue.push(send);
    this.#backlog++;
    this.#queued++;
    this.#arm();
  }

  setLimit(limit: RateLimit): void {
    this.#refill();
    this.#limit = limit;
    this.#tokens = Math.min(this.#tokens, limit.burst);
    while (this.#backlog > limit.burst) this.#dropFromLongest();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#arm();
  }

  counters(kind: PacketInKind): Record<string, string> {
    return {
      [`packet-in-${kind}-bypassed`]: String(this.#bypassed),
      [`packet-in-${kind}-queued`]: String(this.#queued),
      [`packet-in-${kind}-dropped`]: String(this.#dropped),
      [`packet-in-${kind}-backlog`]: String(this.#backlog),
    };
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#queues.clear();
    this.#backlog = 0;
  }

  #refill(): void {
    const nowMs = this.#clock.nowMs();
    const gained = ((nowMs - this.#filledMs) * this.#limit.perSecond) / 1000;
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + gained);
    this.#filledMs = nowMs;
  }

  #arm(): void {
    if (this.#cancelTimer || this.#backlog === 0) return;
    const waitMs = Math.max(1, ((1 - this.#tokens) * 1000) / this.#limit.perSecond);
    this.#cancelTimer = this.#clock.after(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#release();
      this.#arm();
    });
  }

  #release(): void {
    this.#refill();
    while (this.#tokens >= 1 && this.#backlog > 0) {
      this.#tokens--;
      this.#takeInTurn()?.();
    }
  }

  /** The first queue's head; that queue then goes to the end of the line. */
  #takeInTurn(): (() => void) | undefined {
    const [first] = this.#queues;
    if (!first) return undefined;
    const [inPort, queue] = first;
    const send = queue.shift();
    this.#backlog--;
    this.#queues.delete(inPort);
    if (queue.length > 0) this.#queues.set(inPort, queue);
    return send;
  }

  #dropFromLongest(): void {
    let longest: [number, (() => void)[]] | undefined;
    for (const entry of this.#queues) if (!longest || entry[1].length > longest[1].length) longest = entry;
    if (!longest) return;
    longest[1].shift();
    if (longest[1].length === 0) this.#queues.delete(longest[0]);
    this.#backlog--;
    this.#dropped++;
  }
}

export class PacketInLimiter {
  readonly #buckets: Readonly<Record<PacketInKind, TokenBucket>>;

  constructor(clock: Clock, limit: RateLimit) {
    this.#buckets = { miss: new TokenBucket(clock, limit), action: new TokenBucket(clock, limit) };
  }

  /** Runs `send` now, later or never. */
  submit(kind: PacketInKind, inPort: number, send: () => void): void {
    this.#buckets[kind].submit(inPort, send);
  }

  /** What waits goes on waiting, as much of it as may. */
  setLimit(limit: RateLimit): void {
    this.#buckets.miss.setLimit(limit);
    this.#buckets.action.setLimit(limit);
  }

  /** For Controller.status. */
  counters(): Record<string, string> {
    return { ...this.#buckets.miss.counters('miss'), ...this.#buckets.action.counters('action') };
  }

  /** Forgets what waits. */
  stop(): void {
    this.#buckets.miss.stop();
    this.#buckets.action.stop();
  }
}
