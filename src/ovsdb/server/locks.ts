// Named locks (RFC 7047, 4.1.8 to 4.1.10): who owns each, and who waits for it.
//
// The first waiter in a queue is the owner. "steal" goes to the front; the owner that it displaces stays in the queue
// and gets the lock back later if it had asked with "lock", while a displaced stealer has lost it for good.
import { getOrMake } from '../maps.ts';

export interface LockClient {
  /** Sends the notification; called only on changes that the client did not ask for. */
  lockChanged(event: 'locked' | 'stolen', name: string): void;
}

interface Waiter {
  readonly client: LockClient;
  readonly mode: 'lock' | 'steal';
  /** A displaced stealer: still has to unlock, but will not own again. */
  lost: boolean;
}

export class Locks {
  readonly #queues = new Map<string, Waiter[]>();

  owns(client: LockClient, name: string): boolean {
    const owner = this.#queues.get(name)?.[0];
    return owner !== undefined && owner.client === client && !owner.lost;
  }

  /** True when the client owns or waits for the lock, so that it may not ask again. */
  involves(client: LockClient, name: string): boolean {
    return this.#queues.get(name)?.some((waiter) => waiter.client === client) ?? false;
  }

  /** Queues the client; returns whether it owns the lock now. */
  lock(client: LockClient, name: string): boolean {
    const queue = getOrMake(this.#queues, name, () => []);
    const free = queue.every((waiter) => waiter.lost);
    const waiter: Waiter = { client, mode: 'lock', lost: false };
    if (free) queue.unshift(waiter);
    else queue.push(waiter);
    return free;
  }

  /** Makes the client the owner. */
  steal(client: LockClient, name: string): void {
    const queue = getOrMake(this.#queues, name, () => []);
    const victim = queue[0];
    queue.unshift({ client, mode: 'steal', lost: false });
    if (!victim || victim.lost) return;
    if (victim.mode === 'steal') {
      victim.lost = true;
      queue.push(...queue.splice(1, 1));
    }
    victim.client.lockChanged('stolen', name);
  }

  /** Takes the client out of the queue; the next one that waits becomes the owner and is told. */
  unlock(client: LockClient, name: string): void {
    const queue = this.#queues.get(name);
    const at = queue?.findIndex((waiter) => waiter.client === client) ?? -1;
    if (!queue || at < 0) return;
    const wasOwner = at === 0 && queue[0]?.lost === false;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(name);
    const next = queue[0];
    if (wasOwner && next && !next.lost) next.client.lockChanged('locked', name);
  }

  /** Drops everything of a client that went away. */
  release(client: LockClient): void {
    for (const name of [...this.#queues.keys()]) this.unlock(client, name);
  }
}
