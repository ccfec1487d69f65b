// One call of a client, as handlers see it: the bridge it is about, and a stream of replies that a slow reader holds up.

import type { OfprotoApi } from '../../ofproto/ofproto-api.ts';
import type { ApiSwitch } from './context.ts';
import { CallError } from './errors.ts';
import type { SharedSamples } from './samples.ts';

/** A gRPC stream of replies: Node's Writable as far as it is used here. */
export interface ReplyStream {
  write(message: object): boolean;
  once(event: 'drain' | 'close' | 'cancelled', listener: () => void): unknown;
  off(event: 'drain' | 'close' | 'cancelled', listener: () => void): unknown;
}

/** What one connection shares between its calls. */
export interface Client {
  readonly switch: ApiSwitch;
  readonly samples: SharedSamples;
  dumps: number;
  /** Of changes in bundles that are not committed yet. */
  bundleBytes: number;
}

export class Call {
  readonly client: Client;
  readonly #stream: ReplyStream;
  readonly #endListeners = new Set<() => void>();
  #ended = false;

  constructor(client: Client, stream: ReplyStream) {
    this.client = client;
    this.#stream = stream;
    const end = () => {
      this.#ended = true;
      for (const listener of this.#endListeners) listener();
      this.#endListeners.clear();
    };
    stream.once('cancelled', end);
    stream.once('close', end);
  }

  /** True once nobody reads any more. */
  get ended(): boolean {
    return this.#ended;
  }

  onEnd(listener: () => void): () => void {
    if (this.#ended) listener();
    else this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Sends a reply; false when the reader is behind, until drained(). */
  send(message: object): boolean {
    return this.#ended || this.#stream.write(message);
  }

  /** Resolves when the reader has caught up, or is gone. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off('drain', done);
        forget();
        resolve();
      };
      const forget = this.onEnd(done);
      if (!this.#ended) this.#stream.once('drain', done);
    });
  }

  async sendSlowly(message: object): Promise<void> {
    if (!this.send(message)) await this.drained();
  }
}

/** Throws CallError NOT_FOUND. */
export function findBridge(client: Client, name: string): OfprotoApi {
  const bridge = client.switch.bridge(name);
  if (!bridge) throw new CallError('NOT_FOUND', `there is no bridge "${name}"`);
  return bridge;
}
