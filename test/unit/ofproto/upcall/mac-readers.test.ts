import { expect, it } from 'vitest';
import { MacReaders } from '../../../../ofproto/upcall/mac-readers.ts';

it('knows who asked for an address, once each, until they leave', () => {
  const readers = new MacReaders<{ name: string }>();
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  expect([...readers.of(1)]).toEqual([]);
  readers.add(a, [1, 2, 1]);
  readers.add(b, [1]);
  expect([...readers.of(1)]).toEqual([a, b]);
  expect([...readers.of(2)]).toEqual([a]);
  readers.remove(b, [1, 2]);
  expect([[...readers.of(1)], [...readers.of(2)]]).toEqual([[a], [a]]);
  readers.remove(a, [1, 2]);
  expect([[...readers.of(1)], [...readers.of(2)]]).toEqual([[], []]);
});
