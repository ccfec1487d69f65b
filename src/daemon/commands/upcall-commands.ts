// upcall/* and revalidator/*: the slow path.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import { type CommandContext, datapathName } from './context.ts';

export function upcallCommands(context: CommandContext): Command[] {
  return [
    { name: 'upcall/show', usage: '', minArgs: 0, maxArgs: 0, handler: upcallShow(context) },
    revalidator('wait', () => context.slowPath.revalidate()),
    revalidator('pause', () => context.slowPath.pause()),
    revalidator('resume', () => context.slowPath.resume()),
    revalidator('purge', () => context.slowPath.purge()),
    command('upcall/set-flow-limit', 'flow-limit-number', [1, 1], ([text]) => {
      const limit = Number(/^\s*\d+/.exec(text!)?.[0] ?? 0);
      context.slowPath.setFlowLimit(limit);
      return `set flow_limit to ${limit}`;
    }),
    command('upcall/enable-megaflows', '', [0, 0], () => 'megaflows enabled'),
    command('upcall/disable-megaflows', '', [0, 0], () => always('megaflows')),
    command('upcall/enable-ufid', '', [0, 0], () => {
      return 'Datapath dumping tersely using UFID enabled for supported datapaths';
    }),
    command('upcall/disable-ufid', '', [0, 0], () => always('UFID')),
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

function always(what: string): never {
  throw new UserError(`${what} cannot be disabled`);
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
