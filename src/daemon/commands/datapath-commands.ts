// dpctl/* that work on whole datapaths, their ports and files of flows.

import { readFileSync } from 'node:fs';
import { UserError } from '../../../lib/errors.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import { type Command, command } from '../../unixctl/command.ts';
import { type CommandContext, checkDatapath, datapathName, isDatapath } from './context.ts';
import { putFlow, removeFlow } from './flow-commands.ts';

const PREFIX = 'ovs-vswitchd: ';
/** Any number of interfaces. */
const PORTS = [2, 255] as const;

export function datapathCommands(context: CommandContext): Command[] {
  const flows = (name: string, usage: string, minArgs: number, verb: Verb) =>
    command(`dpctl/${name}-flows`, usage, [minArgs, 2], (args) => fileOfFlows(context, args, verb));
  return [
    command('dpctl/add-dp', 'dp [iface...]', [1, 255], () => refuse('add_dp')),
    command('dpctl/del-dp', 'dp', [1, 1], ([name]) => {
      open(context, name!);
      return refuse('del_dp');
    }),
    command('dpctl/add-if', 'dp iface...', PORTS, ([name, port]) => {
      open(context, name!);
      return refuse(`adding ${port} to ${name} failed`);
    }),
    command('dpctl/set-if', 'dp iface...', PORTS, (args) => changePort(context, args, 'set-if')),
    command('dpctl/del-if', 'dp iface...', PORTS, (args) => changePort(context, args, 'del-if')),
    command('dpctl/cache-get-size', '[dp]', [0, 1], ([name]) => {
      if (name !== undefined) checkDatapath(context, name, `Opening datapath ${name} failed (No such device)`);
      return `${datapathName(context)}:`;
    }),
    command('dpctl/cache-set-size', 'dp cache <size>', [3, 3], ([name]) => {
      checkDatapath(context, name!, `Opening datapath ${name} failed (No such device)`);
      return refuse('Setting caches not supported');
    }),
    flows('add', '[dp] file', 1, 'add'),
    flows('mod', '[dp] file', 1, 'modify'),
    flows('del', '[dp] [file]', 0, 'delete'),
  ];
}

/** Datapaths and their ports come and go with bridges in the database. */
function refuse(what: string): never {
  throw new UserError(`${PREFIX}${what} (Operation not supported)`);
}

function open(context: CommandContext, name: string): void {
  checkDatapath(context, name, 'opening datapath (No such device)');
}

function changePort(context: CommandContext, [dp, port]: readonly string[], verb: 'set-if' | 'del-if'): string {
  open(context, dp!);
  const name = port!.split(',')[0]!;
  const isThere = context.dpif.ports().some((one) => one.name === name || String(one.odpPort) === name);
  if (isThere) return refuse(`${verb === 'set-if' ? 'changing' : 'deleting'} port ${name}`);
  const problem =
    verb === 'del-if' ? `no port named ${name}` : `${name}: failed to query port in ${dp} (No such device)`;
  throw new UserError(`${PREFIX}${problem}`);
}

type Verb = 'add' | 'modify' | 'delete';

/** Without a file del-flows deletes them all; what is neither the datapath nor a file that can be read is told, not refused. */
async function fileOfFlows(context: CommandContext, args: readonly string[], verb: Verb): Promise<string> {
  const last = args.at(-1);
  if (last === undefined || (verb === 'delete' && args.length === 1 && isDatapath(context, last))) {
    return deleteAll(context);
  }
  let text: string;
  try {
    text = readFileSync(last, 'utf8');
  } catch (error) {
    return `${PREFIX}Opening file "${last}" failed (${systemErrorText(error)})`;
  }
  const problems: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const flow = line.replace(/#.*/, '').trim();
    if (flow !== '') problems.push(...(await runLine(context, flow, verb, index + 1)));
  }
  return problems.join('\n');
}

/** `[add|modify|delete] flow [actions]`; a fault does not keep the other lines from being done. */
async function runLine(context: CommandContext, text: string, otherwise: Verb, number: number): Promise<string[]> {
  const [, word, rest] = /^(?:(add|modify|delete)\s+)?(.*)$/.exec(text)!;
  const verb = (word ?? otherwise) as Verb;
  const [flow = '', ...actions] = rest!.split(/\s+/);
  if (verb === 'delete' && actions.length > 0) return [`${PREFIX}Failed parsing line number ${number}, skipped!`];
  try {
    if (verb === 'delete') await removeFlow(context, flow);
    else await putFlow(context, flow, actions.join(' '), verb === 'add');
    return [];
  } catch (error) {
    if (error instanceof UserError) return [error.message];
    throw error;
  }
}

async function deleteAll({ dpif }: CommandContext): Promise<string> {
  for (const flow of [...dpif.flows()]) dpif.flowDel(flow);
  await dpif.barrier();
  return '';
}
