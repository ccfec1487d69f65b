// Readiness of file descriptors that Node cannot watch itself: sockets passing SCM_RIGHTS, eventfds, taps, packet
// sockets (net.Socket({ fd }) refuses them).
//
// The descriptors are watched by the event loop's own epoll set, through koffi's door to uv_poll: no thread of ours, no
// message between threads, and one system call wakes the loop for all of them. What libuv calls is no JavaScript task
// (no microtasks run after it, an exception in it is lost), so the callback only notes what is ready; the handlers run
// as ordinary tasks right after the poll phase of the same turn of the loop.

import koffi from 'koffi';
import { assert } from './assert.ts';
import { isOpen } from './syscalls/fd.ts';

export interface IoEvents {
  readonly readable: boolean;
  readonly writable: boolean;
  /** The peer is gone, or the descriptor is in error: the next read or write says which. */
  readonly hangup: boolean;
}

export interface IoWatch {
  /** Stops watching; the caller still owns and closes the descriptor, after this returns. */
  close(): void;
  /** Also wait until writable (true) or only readable (false). */
  setWritable(wanted: boolean): void;
}

export interface IoPoller {
  /** Calls `ready` on the control thread whenever `fd` is readable (or writable, or has hung up); level-triggered, one call at a time. */
  watch(fd: number, ready: (events: IoEvents) => void): IoWatch;
  /** Stops watching everything. */
  close(): Promise<void>;
}

/** The poller of this thread's event loop. It never keeps the process alive, and makes watched descriptors non-blocking. */
export function createIoPoller(): IoPoller {
  return new EventLoopPoller();
}

/** What uv_poll calls: koffi's own types leave out `status` (negative: the descriptor is in error, and libuv stopped). */
type PollCallback = (status: number, events: { readable: boolean; writable: boolean; disconnect: boolean }) => void;

class EventLoopPoller implements IoPoller {
  readonly #watches = new Map<number, EventLoopWatch>();
  #ready: EventLoopWatch[] = [];

  watch(fd: number, ready: (events: IoEvents) => void): IoWatch {
    assert(isOpen(fd), `descriptor ${fd} is not open`);
    assert(!this.#watches.has(fd), `descriptor ${fd} is watched already`);
    const watch = new EventLoopWatch(fd, ready, {
      ready: () => this.#enqueue(watch),
      closed: () => this.#watches.delete(fd),
    });
    this.#watches.set(fd, watch);
    return watch;
  }

  close(): Promise<void> {
    for (const watch of [...this.#watches.values()]) watch.close();
    return Promise.resolve();
  }

  #enqueue(watch: EventLoopWatch): void {
    if (this.#ready.push(watch) === 1) setImmediate(() => this.#dispatch());
  }

  #dispatch(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const [index, watch] of ready.entries()) {
      try {
        watch.dispatch();
      } catch (error) {
        // Level-triggered: the others are found ready again in the next turn.
        for (const later of ready.slice(index + 1)) later.forget();
        throw error;
      }
    }
  }
}

class EventLoopWatch implements IoWatch {
  readonly #fd: number;
  readonly #handler: (events: IoEvents) => void;
  readonly #owner: { ready: () => void; closed: () => void };
  readonly #handle: ReturnType<typeof koffi.node.poll>;
  #writable = false;
  #open = true;
  #events: IoEvents | undefined;
  #stopped = false;

  constructor(fd: number, handler: (events: IoEvents) => void, owner: { ready: () => void; closed: () => void }) {
    this.#fd = fd;
    this.#handler = handler;
    this.#owner = owner;
    this.#handle = koffi.node.poll(fd, this.#wanted(), this.#onPoll as never);
    this.#handle.unref();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#handle.close();
    this.#owner.closed();
  }

  setWritable(wanted: boolean): void {
    if (!this.#open || wanted === this.#writable) return;
    this.#writable = wanted;
    this.#start();
  }

  /** Hands over what was noted, unless the watch was closed since. */
  dispatch(): void {
    const events = this.#events;
    this.#events = undefined;
    if (!events || !this.#open) return;
    try {
      this.#handler(events);
    } finally {
      if (this.#stopped && this.#open) this.#start();
    }
  }

  forget(): void {
    this.#events = undefined;
    if (this.#stopped && this.#open) this.#start();
  }

  readonly #onPoll: PollCallback = (status, { readable, writable, disconnect }) => {
    const failed = status < 0;
    this.#stopped = failed;
    const pending = this.#events !== undefined;
    this.#events = { readable: readable || disconnect || failed, writable, hangup: disconnect || failed };
    if (!pending) this.#owner.ready();
  };

  #wanted(): { readable: boolean; writable: boolean; disconnect: boolean } {
    return { readable: true, writable: this.#writable, disconnect: true };
  }

  #start(): void {
    assert(isOpen(this.#fd), `watched descriptor ${this.#fd} was closed before its watch`);
    this.#stopped = false;
    this.#handle.start(this.#wanted(), this.#onPoll as never);
  }
}
