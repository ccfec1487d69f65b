import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { systemErrorText } from '../../../lib/system-error.ts';

const failed = (errno: number) => Object.assign(new Error('connect'), { errno: -errno });

describe('systemErrorText()', () => {
  it.each([
    [constants.errno.ECONNREFUSED, 'Connection refused'],
    [constants.errno.EHOSTUNREACH, 'No route to host'],
    [constants.errno.EISDIR, 'Is a directory'],
    [constants.errno.ENOENT, 'No such file or directory'],
  ])('words %i as the C library does', (errno, text) => expect(systemErrorText(failed(errno))).toBe(text));

  it('gives the message of what carries no number', () => {
    expect(systemErrorText(new Error('connection closed by peer'))).toBe('connection closed by peer');
  });
});
