import { describe, expect, it } from 'vitest';
import { MessageLog } from '../../../../ofproto/connmgr/message-log.ts';

function message(index: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(index);
  bytes.set([4, 34, size >> 8, size & 0xff]);
  return bytes;
}

describe('MessageLog', () => {
  it('gives back every message as it came, the longest too', () => {
    const log = new MessageLog();
    const sizes = Array.from({ length: 300 }, (_, i) => (i % 50 === 49 ? 0xffff : 8 + ((i * 37) % 2000)));
    const messages = sizes.map((size, index) => message(index, size));
    for (const one of messages) {
      const given = one.slice();
      log.add(given);
      given.fill(0);
    }
    expect(log.count).toBe(messages.length);
    for (const [index, one] of messages.entries()) expect(log.at(index)).toEqual(one);
  });
});
