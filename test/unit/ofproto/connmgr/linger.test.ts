import { describe, expect, it } from 'vitest';
import { Linger } from '../../../../ofproto/connmgr/linger.ts';

/** An event loop whose turns take 10 us. */
class Turns {
  #nowMs = 0;
  #waiting: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  later(act: () => void): void {
    this.#waiting.push(act);
  }

  /** Turns until it sleeps. */
  run(): number {
    let turns = 0;
    for (; this.#waiting.length > 0; turns++) {
      const now = this.#waiting;
      this.#waiting = [];
      this.#nowMs += 0.01;
      for (const act of now) act();
    }
    return turns;
  }
}

describe('Linger', () => {
  it('keeps the event loop awake for a moment, and ever more seldom when nothing comes', () => {
    const loop = new Turns();
    const linger = new Linger(loop);
    const turns: number[] = [];
    for (let answer = 0; answer < 12; answer++) {
      linger.begin();
      turns.push(loop.run());
    }
    expect(turns.flatMap((count, answer) => (count > 0 ? [answer] : []))).toEqual([0, 2, 5, 10]);
    expect(Math.max(...turns)).toBeLessThan(15);
  });

  it('ends when something came, and goes on after the next answer', () => {
    const loop = new Turns();
    const linger = new Linger(loop);
    for (let answer = 0; answer < 5; answer++) {
      linger.begin();
      linger.end();
      expect(loop.run()).toBe(1);
    }
    linger.begin();
    expect(loop.run()).toBeGreaterThan(5);
  });
});
