// A channel carries whole JSON messages both ways: over a byte stream (socket), or between two parts of this process.
import type { Duplex } from 'node:stream';
import { ProtocolError } from '../../lib/errors.ts';
import { DEFAULT_LIMITS, type FramerLimits, JsonFramer } from './framer.ts';
import type { JsonObject } from './json.ts';

export interface ChannelEvents {
  message(message: JsonObject): void;
  /** Called once, whoever closed; `reason` is empty for an orderly end. */
  closed(reason: string): void;
  /** Everything that was queued has been taken by the peer. */
  drained?(): void;
}

export interface Channel {
  /** The peer as it appears in logs: `unix#3`, `tcp:10.0.0.1:4711`. */
  readonly name: string;
  readonly open: boolean;
  /** Bytes written that the peer has not taken yet. */
  readonly pendingBytes: number;
  /** Starts delivery; messages that arrived before wait until then. */
  listen(events: ChannelEvents): void;
  /** Queues a message; does nothing once closed. `text` saves serialising the same message for many peers. */
  send(message: JsonObject, text?: string): void;
  /** Ends the channel after what is queued was written; `reason` reaches both sides' logs, not the wire. */
  close(reason?: string): void;
  /** Delivers no more (true) until told otherwise: how a peer that does not take its replies is slowed down. */
  pause(paused: boolean): void;
}

/** After close() a peer has this long to take what is still queued. */
const LINGER_MS = 2000;

export class StreamChannel implements Channel {
  readonly name: string;
  readonly #stream: Duplex;
  readonly #framer: JsonFramer;
  #events: ChannelEvents | undefined;
  #open = true;
  #paused = false;
  /** Messages that came in one read with the one that made the reader pause. */
  #held: JsonObject[] = [];

  constructor(stream: Duplex, name: string, limits: FramerLimits = DEFAULT_LIMITS) {
    this.name = name;
    this.#stream = stream;
    this.#framer = new JsonFramer(limits);
    // Without a listener an 'error' event would end the process.
    stream.on('error', (error) => this.#end(error.message));
    stream.on('close', () => this.#end(''));
    stream.pause();
  }

  get open(): boolean {
    return this.#open;
  }

  get pendingBytes(): number {
    return this.#stream.writableLength;
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    if (!this.#open) {
      queueMicrotask(() => events.closed(''));
      return;
    }
    this.#stream.on('data', (bytes: Uint8Array) => this.#take(bytes));
    this.#stream.on('end', () => this.close());
    this.#stream.on('drain', () => this.#open && events.drained?.());
    this.#stream.resume();
  }

  send(message: JsonObject, text?: string): void {
    if (this.#open) this.#stream.write(text ?? JSON.stringify(message));
  }

  close(reason = ''): void {
    if (!this.#open) return;
    this.#end(reason);
    this.#stream.end();
    const timer = setTimeout(() => this.#stream.destroy(), LINGER_MS);
    timer.unref();
    this.#stream.once('finish', () => {
      clearTimeout(timer);
      this.#stream.destroy();
    });
  }

  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#stream.pause();
    else setImmediate(() => this.#resume());
  }

  #resume(): void {
    while (!this.#paused && this.#open) {
      const message = this.#held.shift();
      if (!message) break;
      this.#events?.message(message);
    }
    if (!this.#paused && this.#open) this.#stream.resume();
  }

  #take(bytes: Uint8Array): void {
    if (!this.#open) return;
    try {
      this.#framer.push(bytes, (message) => this.#deliver(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(`error parsing stream: ${error.message}`);
    }
  }

  #deliver(message: JsonObject): void {
    if (!this.#open) return;
    if (this.#paused || this.#held.length > 0) this.#held.push(message);
    else this.#events?.message(message);
  }

  #end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#events?.closed(reason);
  }
}

/** One end of a pair inside this process. Messages are passed as they are and arrive in a later turn, in order. */
class LocalChannel implements Channel {
  readonly name: string;
  open = true;
  pendingBytes = 0;
  peer: LocalChannel | undefined;
  #events: ChannelEvents | undefined;
  #queue: JsonObject[] = [];
  #scheduled = false;
  #paused = false;

  constructor(name: string) {
    this.name = name;
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    this.#schedule();
  }

  send(message: JsonObject): void {
    if (this.open) this.peer?.deliver(message);
  }

  close(reason = ''): void {
    this.end(reason);
    setImmediate(() => this.peer?.end(reason));
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#schedule();
  }

  deliver(message: JsonObject): void {
    this.#queue.push(message);
    this.#schedule();
  }

  end(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.#events?.closed(reason);
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || !this.#events || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    const batch = this.#queue;
    this.#queue = [];
    for (const message of batch) if (this.open) this.#events?.message(message);
    this.#schedule();
  }
}

/** Two connected ends; `names` are how each end sees its peer. */
export function localPair(names: readonly [string, string] = ['local', 'local']): [Channel, Channel] {
  const a = new LocalChannel(names[0]);
  const b = new LocalChannel(names[1]);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
