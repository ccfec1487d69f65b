// Text on its way to a descriptor. Node's thread pool does the writing, so a slow disk or a reader that has stopped
// reading costs the switch nothing; the queue is bounded, and what cannot be written is lost, counted and reported.

import { closeSync, write, writeSync } from 'node:fs';
import { systemErrorText } from '../../../lib/system-error.ts';

/** Bytes that may wait to be written. */
const QUEUE_MAX_BYTES = 4 * 1024 * 1024;
/** How long a dying process lets the thread pool finish the write that it is at. */
const LAST_WRITE_MS = 50;

export class LogQueue {
  readonly #fd: number;
  readonly #reportLoss: (text: string) => void;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #lost = 0;
  #lastError = 'the queue was full';
  #whenIdle: (() => void)[] = [];

  /** `reportLoss` gets a line for the log once writing works again. */
  constructor(fd: number, reportLoss: (text: string) => void) {
    this.#fd = fd;
    this.#reportLoss = reportLoss;
  }

  /** Queues a text that ends in a newline. */
  write(text: string): void {
    if (this.#waitingBytes + text.length > QUEUE_MAX_BYTES) {
      this.#lost++;
      return;
    }
    this.#waiting.push(text);
    this.#waitingBytes += text.length;
    if (!this.#isWriting) this.#writeNext();
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingBytes = 0;
    return bytes;
  }

  #writeNext(): void {
    const count = this.#waiting.length;
    this.#isWriting = true;
    this.#writeAll(this.#take(), 0, (error) => {
      this.#isWriting = false;
      if (error) this.#lose(count, error);
      else this.#recovered();
      if (this.#waiting.length > 0) this.#writeNext();
      else for (const idle of this.#whenIdle.splice(0)) idle();
    });
  }

  #writeAll(bytes: Buffer, from: number, done: (error: Error | null) => void): void {
    write(this.#fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error || from + written === bytes.length) done(error);
      else this.#writeAll(bytes, from + written, done);
    });
  }

  #lose(count: number, error: unknown): void {
    this.#lost += count;
    this.#lastError = systemErrorText(error);
  }

  #recovered(): void {
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#reportLoss(`${lost} log messages were lost (${this.#lastError})`);
  }

  /** Writes what waits now, from a process that is about to die; gives up at the first error. */
  flush(): void {
    if (this.#isWriting) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_WRITE_MS);
    const count = this.#waiting.length;
    const bytes = this.#take();
    try {
      for (let from = 0; from < bytes.length; ) from += writeSync(this.#fd, bytes, from);
    } catch (error) {
      this.#lose(count, error);
    }
  }

  /** Resolves when everything was written or lost; closes the descriptor unless it is a standard one. */
  async close(): Promise<void> {
    if (this.#isWriting) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    if (this.#fd > 2) closeSync(this.#fd);
  }
}
