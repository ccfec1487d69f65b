// Work that waits until no thread is inside the datapath.
import { expect, it } from 'vitest';
import type { Arena } from '../../../../datapath/arena/arena.ts';
import { Quiescence } from '../../../../datapath/arena/quiesce.ts';

/** Without threads nothing of it is read. */
const noThreads = {} as Arena;

it('check() runs what was deferred after something that throws', () => {
  const quiescence = new Quiescence(noThreads);
  const done: string[] = [];
  quiescence.defer(() => done.push('first'));
  quiescence.defer(() => {
    throw new Error('no luck');
  });
  quiescence.defer(() => {
    done.push('second');
    quiescence.defer(() => done.push('third'));
  });
  expect(() => quiescence.check()).toThrow('no luck');
  expect(done).toEqual(['first']);
  expect(quiescence.check()).toBe(true);
  expect(quiescence.check()).toBe(false);
  expect(done).toEqual(['first', 'second', 'third']);
});
