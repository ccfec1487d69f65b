import { describe, expect, it } from 'vitest';
import { CommandRegistry } from '../../../src/unixctl/command.ts';

describe('CommandRegistry', () => {
  const registry = new CommandRegistry();
  registry.register({
    name: 'fdb/show',
    usage: 'bridge',
    minArgs: 1,
    maxArgs: 1,
    handler: ([bridge]) => `of ${bridge}`,
  });

  it('lists its commands by name', async () => {
    expect(await registry.run('list-commands', [])).toBe(
      'The available commands are:\n  fdb/show                bridge\n  list-commands           ',
    );
  });

  it('runs a command', async () => {
    expect(await registry.run('fdb/show', ['br0'])).toBe('of br0');
  });

  it.each([
    ['foo', [], '"foo" is not a valid command (use "list-commands" to see a list of valid commands)'],
    ['fdb/show', [], '"fdb/show" command requires at least 1 arguments'],
    ['fdb/show', ['a', 'b'], '"fdb/show" command takes at most 1 arguments'],
  ])('refuses %s %j', async (name, args, message) => {
    await expect(registry.run(name, args)).rejects.toThrow(message);
  });
});
