import { describe, expect, it } from 'vitest';
import { buildTemplate, frameProblem, guestIp, guestMac, sumWords } from '../../../../bench/guest/template.ts';

const fold = (sum: number): number => (sum > 0xffff ? fold((sum & 0xffff) + (sum >>> 16)) : sum);

/** Completes a template as the wasm module does, with big-endian arithmetic of its own. */
function complete(guest: 0 | 1, size: number): Buffer {
  const { bytes, srcAddr, dstAddr } = buildTemplate(guest, size);
  const frame = Buffer.from(bytes);
  frame.writeUInt32BE(srcAddr, 26);
  frame.writeUInt32BE(dstAddr, 30);
  frame.writeUInt16LE(~fold(sumWords(frame, 14, 34)) & 0xffff, 24);
  const pseudo = 0x1100 + (((size - 34) & 255) << 8) + ((size - 34) >> 8);
  frame.writeUInt16LE(~fold(sumWords(frame, 26, size) + pseudo) & 0xffff, 40);
  return frame;
}

describe('buildTemplate()', () => {
  it.each([60, 64, 65, 1500])('gives checksum bases that complete to right checksums at %i bytes', (size) => {
    const { ipSum, udpSum, srcAddr, dstAddr } = buildTemplate(0, size);
    const frame = complete(0, size);
    expect(frameProblem(frame)).toBeNull();
    const swap = Buffer.alloc(8);
    swap.writeUInt32BE(srcAddr, 0);
    swap.writeUInt32BE(dstAddr, 4);
    const addresses = sumWords(swap, 0, 8);
    expect(~fold(ipSum + addresses) & 0xffff).toBe(frame.readUInt16LE(24));
    expect(~fold(udpSum + addresses) & 0xffff).toBe(frame.readUInt16LE(40));
  });

  it('reverses the addresses for the other guest', () => {
    const [a, b] = [complete(0, 64), complete(1, 64)];
    expect(a.subarray(0, 6)).toEqual(b.subarray(6, 12));
    expect(a.subarray(26, 30)).toEqual(b.subarray(30, 34));
  });
});

describe('frameProblem()', () => {
  it.each([
    [16, 'IPv4 checksum'],
    [60, 'UDP checksum'],
    [38, 'UDP checksum'],
  ])('sees a changed byte %i', (at, problem) => {
    const frame = complete(0, 64);
    frame.writeUInt8(frame.readUInt8(at) ^ 1, at);
    expect(frameProblem(frame)).toBe(problem);
  });
});

describe('guestMac() and guestIp()', () => {
  it('name flow addresses as ovs-ofctl takes them', () => {
    expect(guestMac(0)).toBe('02:0a:00:00:00:00');
    expect(guestMac(1, 0x01020304)).toBe('02:0b:01:02:03:04');
    expect(guestIp(0)).toBe('10.0.0.1');
    expect(guestIp(1, 255)).toBe('10.16.1.0');
  });
});
