// The bound on a port's masks: whoever chooses packets cannot make a look-up walk through more.

import { expect, it } from 'vitest';
import { Arena } from '../../../datapath/arena/arena.ts';
import { Heap } from '../../../datapath/arena/heap.ts';
import { Quiescence } from '../../../datapath/arena/quiesce.ts';
import { Classifiers, SUBTABLES_MAX, scopeOf } from '../../../datapath/flow/classifiers.ts';
import { KEY_IN_PORT, KEY_IPV6_SRC, KEY_NW_DST, KEY_SIZE } from '../../../datapath/layout/flow-key.ts';

it('a port with SUBTABLES_MAX masks lets new flows share finer ones', () => {
  const arena = new Arena({ lock: false });
  const heap = new Heap(arena.views);
  const classifiers = new Classifiers(arena, heap, new Quiescence(arena));
  const at = heap.alloc(KEY_SIZE);
  const scope = scopeOf(1, 0);
  const acquire = (words: Readonly<Record<number, number>>) => {
    const mask = new DataView(arena.views.u8.buffer, at, KEY_SIZE);
    arena.views.u8.fill(0, at, at + KEY_SIZE);
    mask.setUint32(KEY_IN_PORT, 0xffffffff);
    for (const [offset, word] of Object.entries(words)) mask.setUint32(Number(offset), word);
    const subtable = classifiers.acquire(scope, arena.views.u32.subarray(at >> 2, (at + KEY_SIZE) >> 2));
    expect(Buffer.compare(subtable.mask, arena.views.u8.slice(at, at + KEY_SIZE))).toBe(0);
    return subtable;
  };
  const used = new Set(Array.from({ length: SUBTABLES_MAX }, (_, i) => acquire({ [KEY_NW_DST]: i + 1 })));
  expect(used.size).toBe(SUBTABLES_MAX);
  // Some mask of the port reads this and more.
  expect(used).toContain(acquire({}));
  // None reads this: all words that the port reads, and it.
  const widest = acquire({ [KEY_IPV6_SRC]: 0x80000000 });
  expect(used).not.toContain(widest);
  expect(new DataView(widest.mask.buffer).getUint32(KEY_IPV6_SRC)).toBe(0xffffffff);
  expect(new DataView(widest.mask.buffer).getUint32(KEY_NW_DST)).toBe(0xffffffff);
  for (let i = 0; i < 32; i++) {
    expect(acquire({ [KEY_IPV6_SRC]: 0xffffffff >>> i, [KEY_NW_DST]: 1 << i })).toBe(widest);
  }
  for (let i = 0; i < 33; i++) classifiers.release(scope, widest);
  expect(acquire({ [KEY_NW_DST]: 1 })).not.toBe(widest);
});
