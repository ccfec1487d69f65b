// dpctl/*conntrack, dpctl/ct-* and dpctl/ipf-*: there is no connection tracking yet. What shows it shows none, as Open
// vSwitch does before its first connection; what would change how connections are tracked is refused.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import { type CommandContext, checkDatapath } from './context.ts';
import { NO_DATAPATH } from './flow-commands.ts';

const PREFIX = 'ovs-vswitchd: ';
const MAX_CONNECTIONS = '3000000';
const ZONE = /^zone=\d+$/;
const ZONES = /^zone=\d+(,\d+)*$/;
const OPTION = /^(-[ms]|--more|--statistics|verbose)$/;

export function conntrackCommands(context: CommandContext): Command[] {
  const shows = (name: string, usage: string, known: RegExp, handler: (words: readonly string[]) => string): Command =>
    command(`dpctl/${name}`, usage, [0, 4], (args) => handler(wordsOf(context, args, known)));
  const nothing = (text: string) => () => text;
  return [
    shows('dump-conntrack', '[-m] [-s] [dp] [zone=N]', ZONE, nothing('')),
    command('dpctl/flush-conntrack', '[dp] [zone=N] [ct-orig-tuple] [ct-reply-tuple]', [0, 4], (args) =>
      flush(context, args),
    ),
    shows('ct-stats-show', '[dp] [zone=N]', ZONE, nothing('Connections Stats:\n    Total: 0')),
    shows('ct-bkts', '[dp] [gt=N]', /^gt=\d+$/, nothing('Total Buckets: 1\nCurrent Connections: 0\n\n')),
    shows('ct-get-maxconns', '[dp]', NONE, nothing(MAX_CONNECTIONS)),
    shows('ct-get-nconns', '[dp]', NONE, nothing('0')),
    shows('ct-get-tcp-seq-chk', '[dp]', NONE, nothing('TCP sequence checking: enabled')),
    shows('ct-get-limits', '[dp] [zone=N1[,N2]...]', ZONES, limits),
    ...SETTERS.map(([name, usage, minArgs, what]) =>
      command(`dpctl/${name}`, usage, [minArgs, 16], () => {
        throw new UserError(`${PREFIX}${what} (Operation not supported)`);
      }),
    ),
  ];
}

const NONE = /^(?!)/;

const SETTERS: readonly (readonly [name: string, usage: string, minArgs: number, what: string])[] = [
  ['ct-set-maxconns', '[dp] maxconns', 1, 'ct set maxconns failed'],
  ['ct-enable-tcp-seq-chk', '[dp]', 0, 'enabling TCP sequence checking failed'],
  ['ct-disable-tcp-seq-chk', '[dp]', 0, 'disabling TCP sequence checking failed'],
  ['ct-set-limits', '[dp] [default=L] [zone=N,limit=L]...', 1, 'failed to set conntrack limit'],
  ['ct-del-limits', '[dp] zone=N1[,N2]...', 1, 'failed to delete conntrack limit'],
  ['ipf-set-enabled', '[dp] v4|v6', 1, 'enabling fragmentation reassembly failed'],
  ['ipf-set-disabled', '[dp] v4|v6', 1, 'disabling fragmentation reassembly failed'],
  ['ipf-set-min-frag', '[dp] v4|v6 minfragment', 2, 'setting minimum fragment size failed'],
  ['ipf-set-max-nfrags', '[dp] maxfrags', 1, 'setting maximum fragments failed'],
  ['ipf-get-status', '[dp]', 0, 'ipf status could not be retrieved'],
];

/** What is neither an option nor the datapath's name. Throws UserError for a datapath that is not there. */
function wordsOf(context: CommandContext, args: readonly string[], known: RegExp): string[] {
  const unknown = args.find((arg) => arg.startsWith('-') && !OPTION.test(arg));
  if (unknown !== undefined) throw new UserError(`Unrecognized option ${unknown}`);
  const words = args.filter((arg) => !OPTION.test(arg));
  for (const word of words) if (!known.test(word)) checkDatapath(context, word, NO_DATAPATH);
  return words.filter((word) => known.test(word));
}

function limits(words: readonly string[]): string {
  const zones = words.flatMap((word) => word.slice('zone='.length).split(','));
  return ['default limit=0', ...zones.map((zone) => `zone=${zone},limit=0,count=0`)].join('\n');
}

/** A connection by its addresses is not there; a zone and all of them are empty as they are. */
function flush(context: CommandContext, args: readonly string[]): string {
  const words = args.filter((arg) => !ZONE.test(arg));
  if (words[0] !== undefined && !words[0].includes('=')) checkDatapath(context, words.shift()!, NO_DATAPATH);
  const bad = words.find((word) => /^zone=/.test(word));
  if (bad !== undefined) throw new UserError(`${PREFIX}failed to parse zone (Invalid argument)`);
  if (words.some((word) => /ct_nw_proto=/.test(word))) {
    throw new UserError(`${PREFIX}failed to flush conntrack (No such file or directory)`);
  }
  return '';
}
