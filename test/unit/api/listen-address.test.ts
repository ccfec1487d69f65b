// other_config:api-listen.
import { describe, expect, it } from 'vitest';
import { isLoopback, parseListenAddress } from '../../../src/api/listen-address.ts';

describe('parseListenAddress()', () => {
  it.each([
    ['127.0.0.1:50051', '127.0.0.1', 50051, true],
    ['[::1]:1', '::1', 1, true],
    ['0.0.0.0:65535', '0.0.0.0', 65535, false],
    [' 192.0.2.1:80 ', '192.0.2.1', 80, false],
  ])('takes %s', (text, host, port, loopback) => {
    expect(parseListenAddress(text)).toEqual({ host, port });
    expect(isLoopback({ host, port })).toBe(loopback);
  });

  it.each([
    '',
    '50051',
    'localhost:50051',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:5',
    '[127.0.0.1]:5',
  ])('refuses %s', (text) => expect(() => parseListenAddress(text)).toThrow(/expected ADDRESS:PORT/));
});
