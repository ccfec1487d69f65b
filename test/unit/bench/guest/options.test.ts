import { describe, expect, it } from 'vitest';
import { parseGeneratorOptions, parseGuest } from '../../../../bench/guest/options.ts';

const guest = ['--guest', 'side=a,role=tx,connect=/run/a.sock'];

describe('parseGuest()', () => {
  it('reads side, role and who listens', () => {
    expect(parseGuest('side=b,role=both,listen=/x=y')).toEqual({ side: 1, role: 'both', path: '/x=y', listen: true });
  });

  it.each([
    ['side=c,role=tx,connect=/x', 'expected a, b'],
    ['side=a,role=up,connect=/x', 'expected tx, rx, both'],
    ['side=a,role=tx', 'expected side, role and connect or listen'],
    ['side=a,role=tx,path=/x', 'expected side, role, connect, listen'],
  ])('says what was expected for %s', (text, message) => {
    expect(() => parseGuest(text)).toThrow(message);
  });
});

describe('parseGeneratorOptions()', () => {
  it('has defaults, and pacing implies touching', () => {
    expect(parseGeneratorOptions(guest)).toMatchObject({
      frameSize: 64,
      flowCount: 1,
      ringSize: 1024,
      touching: false,
    });
    expect(parseGeneratorOptions([...guest, '--pps', '1000'])).toMatchObject({ pps: 1000, touching: true });
  });

  it.each([
    [[], 'expected one or two --guest'],
    [[...guest, '--size', '59'], 'expected an integer from 60 to'],
    [[...guest, '--ring', '1000'], 'expected a power of two'],
    [[...guest, '--mode', 'fast'], 'expected saturating, touching'],
    [[...guest, '--speed', '9'], 'usage:'],
  ])('refuses %j', (args, message) => {
    expect(() => parseGeneratorOptions(args)).toThrow(message);
  });
});
