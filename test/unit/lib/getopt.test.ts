import { describe, expect, it } from 'vitest';
import { getopt, type OptionSpec } from '../../../lib/getopt.ts';

const specs: OptionSpec[] = [
  { name: 'target', short: 't', argument: 'required' },
  { name: 'timeout', short: 'T', argument: 'required' },
  { name: 'verbose', short: 'v', argument: 'optional' },
  { name: 'detach' },
  { name: 'quiet', short: 'q' },
];
const parse = (...args: string[]) => getopt(args, specs);

describe('getopt()', () => {
  it('takes arguments attached, after "=", and as the next word', () => {
    expect(parse('-tx', '--target=y', '-t', 'z', '--timeout', '5').options).toEqual([
      { name: 'target', value: 'x' },
      { name: 'target', value: 'y' },
      { name: 'target', value: 'z' },
      { name: 'timeout', value: '5' },
    ]);
  });

  it('takes an optional argument only when attached', () => {
    expect(parse('-v', 'a', '-vdbg', '--verbose', 'b')).toEqual({
      options: [
        { name: 'verbose', value: undefined },
        { name: 'verbose', value: 'dbg' },
        { name: 'verbose', value: undefined },
      ],
      positional: ['a', 'b'],
    });
  });

  it('joins short options and abbreviates long ones', () => {
    expect(parse('-qvinfo', '--det').options.map((option) => option.name)).toEqual(['quiet', 'verbose', 'detach']);
  });

  it('ends options at "--", and at the first positional without permute', () => {
    expect(parse('a', '--', '-q').positional).toEqual(['a', '-q']);
    expect(getopt(['-q', 'a', '-q'], specs, { permute: false }).positional).toEqual(['a', '-q']);
  });

  it.each([
    [['--foo=1'], "unrecognized option '--foo=1'"],
    [['--t'], "option '--t' is ambiguous; possibilities: '--target' '--timeout'"],
    [['--detach=1'], "option '--detach' doesn't allow an argument"],
    [['--target'], "option '--target' requires an argument"],
    [['-qt'], "option requires an argument -- 't'"],
    [['-x'], "invalid option -- 'x'"],
  ])('words the error of %j as the C library does', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});
