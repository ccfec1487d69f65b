import { describe, expect, it } from 'vitest';
import { decodeHello, encodeHello, encodeHelloFailed, negotiate } from '../../../../ofproto/connmgr/hello.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const message = (text: string) => Buffer.from(text, 'hex');

describe('hello exchange', () => {
  it('encodeHello() adds a bitmap only when versions below the highest are missing', () => {
    expect(hex(encodeHello([1], 7))).toBe('0100000800000007');
    expect(hex(encodeHello([1, 4], 7))).toBe('0400001000000007' + '0001000800000012');
  });

  it('decodeHello() reads the version without a bitmap, and the bitmap where there is one', () => {
    expect(decodeHello(message('0400000800000001'))).toBe(0b11110);
    expect(decodeHello(message('0600001000000001' + '0001000800000020'))).toBe(0x20);
    expect(decodeHello(message('0400001800000001' + '0009000500000000' + '0001000800000010'))).toBe(0x10);
  });

  it('decodeHello() survives elements that lie about their length', () => {
    expect(decodeHello(message('0400001000000001' + '000100ff00000010'))).toBe(0b11110);
    expect(decodeHello(message('0400001000000001' + '0001000000000010'))).toBe(0b11110);
    expect(decodeHello(message('0400000c00000001' + '00010004'))).toBe(0b11110);
  });

  it('decodeHello() refuses any other message', () => {
    expect(() => decodeHello(message('0102000800000001'))).toThrow(/while expecting a hello/);
  });

  it('negotiate() takes the highest common version', () => {
    expect(negotiate([1, 4], 0b11110)).toBe(4);
    expect(negotiate([1, 4], 0b01110)).toBe(1);
    expect(negotiate([1, 4], 1 << 5)).toBeUndefined();
    expect(negotiate([4], 0)).toBeUndefined();
  });

  it("encodeHelloFailed() is an error in the peer's own version", () => {
    expect(hex(encodeHelloFailed([4], 1 << 1)).slice(0, 4)).toBe('0101');
    expect(hex(encodeHelloFailed([4], 0)).slice(0, 4)).toBe('0101');
    expect(encodeHelloFailed([4], 2).toString('latin1', 12)).toContain(
      'We support version 0x04, you support version 0x01, no common versions.',
    );
  });
});
