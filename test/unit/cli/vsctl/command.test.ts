import { describe, expect, it } from 'vitest';
import { type CommandSpec, parseChain } from '../../../../src/cli/vsctl/command.ts';

const spec = (name: string, minArgs: number, maxArgs: number, options: string[] = []): CommandSpec => ({
  name,
  usage: '',
  minArgs,
  maxArgs,
  options,
  changes: false,
  run: () => undefined,
});
const commands = new Map(
  [spec('list-br', 0, 0), spec('list', 1, 9, ['--columns=']), spec('add-br', 1, 3, ['--may-exist'])].map(
    (command) => [command.name, command] as const,
  ),
);

describe('parseChain()', () => {
  it('cuts commands at "--", giving the leading options to the first', () => {
    const chain = parseChain(
      commands,
      [{ name: 'may-exist', value: undefined }],
      ['add-br', 'a', '--', '--columns=name', 'list', 'port', '--', '--', 'list-br'],
    );
    expect(chain.map(({ command, options, args }) => [command.name, [...options], args])).toEqual([
      ['add-br', [['--may-exist', undefined]], ['a']],
      ['list', [['--columns', 'name']], ['port']],
      ['list-br', [], []],
    ]);
  });

  it.each([
    [[], 'missing command name (use --help for help)'],
    [['nosuch'], "unknown command 'nosuch'; use --help for help"],
    [['add-br'], "'add-br' command requires at least 1 arguments"],
    [['list-br', 'x'], "'list-br' command takes at most 0 arguments"],
    [['list-br', '--x'], 'note that options must precede command names and follow a "--" argument'],
    [['list-br', '--', '--x', 'list-br'], "'list-br' command has no '--x' option"],
    [['list-br', '--', '--columns', 'list', 'port'], "missing argument to '--columns' option on 'list' command"],
    [['list-br', '--', '--may-exist=1', 'add-br', 'a'], "'--may-exist' option on 'add-br' does not accept an argument"],
  ])('refuses %j', (words, message) => {
    expect(() => parseChain(commands, [], words)).toThrow(message);
  });
});
