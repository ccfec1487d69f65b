// upcall/* and revalidator/*: the slow path.

import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, datapathName } from './context.ts';

export function upcallCommands(context: CommandContext): Command[] {
  return [
    { name: 'upcall/show', usage: '', minArgs: 0, maxArgs: 0, handler: upcallShow(context) },
    {
      name: 'revalidator/wait',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      handler: async () => {
        await context.slowPath.revalidate();
        return '';
      },
    },
    {
      name: 'revalidator/purge',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      handler: async () => {
        await context.slowPath.purge();
        return '';
      },
    },
  ];
}

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
