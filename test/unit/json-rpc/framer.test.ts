import { describe, expect, it } from 'vitest';
import { JsonFramer } from '../../../src/json-rpc/framer.ts';
import type { JsonObject } from '../../../src/json-rpc/json.ts';

function feed(text: string, step: number, framer = new JsonFramer()): JsonObject[] {
  const bytes = Buffer.from(text);
  const got: JsonObject[] = [];
  for (let i = 0; i < bytes.length; i += step) framer.push(bytes.subarray(i, i + step), (message) => got.push(message));
  return got;
}

describe('JsonFramer', () => {
  const messages: JsonObject[] = [{ a: 1 }, { b: ['}{', '"', '\\', 'é€😀', { c: {} }] }, {}, { d: '\\"' }];
  const stream = messages.map((message, i) => JSON.stringify(message) + ' \n'.repeat(i % 2)).join('');

  it('push() cuts back-to-back messages at any chunk size', () => {
    for (let step = 1; step <= 40; step++) expect(feed(stream, step)).toEqual(messages);
  });

  it('push() refuses what does not start an object, and what does not parse', () => {
    expect(() => feed('[1]', 3)).toThrow(expect.objectContaining({ code: 'json-syntax' }));
    expect(() => feed('{"a":}', 3)).toThrow(expect.objectContaining({ code: 'json-syntax' }));
    expect(() => feed('{]', 3)).toThrow(expect.objectContaining({ code: 'json-syntax' }));
    expect(() => new JsonFramer().push(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), () => {})).toThrow(/./);
  });

  it('push() bounds depth and size before the message is complete', () => {
    const limits = { depthMax: 4, sizeMax: 64 };
    expect(feed('{"a":[[[1]]]}', 3, new JsonFramer(limits))).toHaveLength(1);
    expect(() => feed('{"a":[[[[', 3, new JsonFramer(limits))).toThrow(expect.objectContaining({ code: 'json-depth' }));
    expect(() => feed(`{"a":"${'x'.repeat(80)}`, 7, new JsonFramer(limits))).toThrow(
      expect.objectContaining({ code: 'json-size' }),
    );
  });
});
