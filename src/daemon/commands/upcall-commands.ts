// upcall/* and revalidator/*: the slow path.

import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, datapathName } from './context.ts';

export function upcallCommands(context: CommandContext): Command[] {
  return [
    { name: 'upcall/show', usage: '', minArgs: 0, maxArgs: 0, handler: upcallShow(context) },
    revalidator('wait', () => context.slowPath.revalidate()),
    revalidator('pause', () => context.slowPath.pause()),
    revalidator('resume', () => context.slowPath.resume()),
    revalidator('purge', () => context.slowPath.purge()),
  ];
}

const revalidator = (name: string, act: () => Promise<void> | void): Command => ({
  name: `revalidator/${name}`,
  usage: '',
  minArgs: 0,
  maxArgs: 0,
  handler: async () => {
    await act();
    return '';
  },
});

/** Remembers the flow counts it saw, for the average and the maximum. */
function upcallShow(context: CommandContext): () => string {
  let average = 0;
  let max = 0;
  return () => {
    const current = context.dpif.flowCount();
    average = Math.round((average + current) / 2);
    max = Math.max(max, current);
    return [
      `${datapathName(context)}:`,
      `  flows         : (current ${current}) (avg ${average}) (max ${max}) (limit ${context.slowPath.flowLimit()})`,
      `  dump duration : ${Math.max(1, Math.round(context.slowPath.dumpDurationMs()))}ms`,
      '  ufid enabled : true',
      '',
      `  1: (keys ${current})`,
    ].join('\n');
  };
}
