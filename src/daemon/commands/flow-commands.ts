// dpctl's commands that name a single megaflow, and which megaflows a dump shows.

import type { DpFlow, FlowOffload } from '../../../datapath/dpif.ts';
import { KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import { UserError } from '../../../lib/errors.ts';
import { formatDpActions } from '../../../ofproto/odp-text/format-actions.ts';
import { parseDpActions } from '../../../ofproto/odp-text/parse-actions.ts';
import { type DpKey, parseDpKey } from '../../../ofproto/odp-text/parse-key.ts';
import { parseMatchText } from '../../../ofproto/text/parse-match.ts';
import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, checkDatapath, datapathPort } from './context.ts';

const PREFIX = 'ovs-vswitchd: ';
const UFID = /^ufid:([0-9a-f-]{36})$/i;

/** What commands on flows call a datapath that is not there. */
export const NO_DATAPATH = 'datapath not found (Invalid argument)';

export function flowCommands(context: CommandContext, line: (flow: DpFlow) => string): Command[] {
  return [
    {
      name: 'dpctl/add-flow',
      usage: '[dp] flow actions',
      minArgs: 2,
      maxArgs: 3,
      handler: (args) => putFlow(context, ...pair(lastOf(context, args, 2)), true),
    },
    {
      name: 'dpctl/mod-flow',
      usage: '[dp] flow actions',
      minArgs: 2,
      maxArgs: 3,
      handler: (args) => putFlow(context, ...pair(lastOf(context, args, 2)), false),
    },
    {
      name: 'dpctl/del-flow',
      usage: '[dp] flow',
      minArgs: 1,
      maxArgs: 2,
      handler: (args) => removeFlow(context, lastOf(context, args, 1)[0]!),
    },
    {
      name: 'dpctl/get-flow',
      usage: '[dp] ufid',
      minArgs: 1,
      maxArgs: 2,
      handler: async (args) => {
        await context.dpif.offload.refresh();
        return getFlow(context, line, lastOf(context, args, 1)[0]!);
      },
    },
    {
      name: 'dpctl/parse-actions',
      usage: 'actions',
      minArgs: 1,
      maxArgs: Infinity,
      handler: (args) => args.map((text) => formatDpActions(parseActions(context, text, ACTIONS))).join('\n'),
    },
  ];
}

/** The last `count` arguments; a datapath's name may stand before them. */
function lastOf(context: CommandContext, args: readonly string[], count: number): readonly string[] {
  if (args.length > count) checkDatapath(context, args[0]!, NO_DATAPATH);
  return args.slice(-count);
}

const pair = ([flow, actions]: readonly string[]): [string, string] => [flow!, actions!];

/** What commands call text that is no list of actions: those that do something with it, and parse-actions. */
const PARSING_ACTIONS = 'parsing actions';
const ACTIONS = 'odp_actions_from_string';

export function parseKey(context: CommandContext, text: string): DpKey {
  try {
    return parseDpKey(text, datapathPort(context));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${PREFIX}parsing flow key (${error.message}) (Invalid argument)`);
  }
}

export function parseActions(
  context: CommandContext,
  text: string,
  what = PARSING_ACTIONS,
): ReturnType<typeof parseDpActions> {
  try {
    return parseDpActions(text, datapathPort(context));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${PREFIX}${what} (Invalid argument)`);
  }
}

/** add-flow, and mod-flow where `isNew` is false. */
export async function putFlow(
  context: CommandContext,
  flowText: string,
  actionsText: string,
  isNew: boolean,
): Promise<string> {
  const { key, mask } = parseKey(context, flowText);
  const actions = parseActions(context, actionsText);
  const { dpif } = context;
  const masked = key.map((byte, i) => byte & mask[i]!);
  const there = findFlow(context, masked, mask);
  if (isNew && there) throw new UserError(`${PREFIX}updating flow table (File exists)`);
  if (!isNew && !there) throw new UserError(`${PREFIX}updating flow table (No such file or directory)`);
  if (there) dpif.flowMod(there, actions);
  else if (!dpif.flowPut({ key: masked, mask, actions })) {
    throw new UserError(`${PREFIX}updating flow table (No space left on device)`);
  }
  await dpif.barrier();
  return '';
}

/** del-flow: a flow, or its ufid. */
export async function removeFlow(context: CommandContext, text: string): Promise<string> {
  const { dpif } = context;
  if (/^ufid:[^,]*$/.test(text)) dpif.flowDel(flowOfUfid(context, text, 'deleting'));
  else {
    const { key, mask } = parseDoomed(context, text);
    const flow = findFlow(
      context,
      key.map((byte, i) => byte & mask[i]!),
      mask,
    );
    if (!flow) {
      const hint = 'Perhaps you need to specify a UFID?';
      throw new UserError(`${PREFIX}deleting flow (No such file or directory)\n${hint}`);
    }
    dpif.flowDel(flow);
  }
  await dpif.barrier();
  return '';
}

/** In del-flow a bad flow is told without saying what was being read. */
function parseDoomed(context: CommandContext, text: string): DpKey {
  try {
    return parseDpKey(text, datapathPort(context));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${PREFIX}${error.message} (Invalid argument)`);
  }
}

export function findFlow({ dpif }: CommandContext, key: Uint8Array, mask: Uint8Array): DpFlow | undefined {
  for (const flow of dpif.flows()) {
    if (Buffer.compare(flow.mask, mask) === 0 && Buffer.compare(flow.key, key) === 0) return flow;
  }
  return undefined;
}

function getFlow(context: CommandContext, line: (flow: DpFlow) => string, text: string): string {
  // Not an error for Open vSwitch, whose tool exits with 0.
  if (!text.startsWith('ufid:')) return `${PREFIX}parsing flow ufid`;
  return UFID.test(text) ? line(flowOfUfid(context, text)) : `${PREFIX}parsing flow ufid (Invalid argument)`;
}

export function flowOfUfid({ dpif }: CommandContext, text: string, what = 'getting'): DpFlow {
  const ufid = UFID.exec(text)?.[1];
  if (ufid === undefined) throw new UserError(`${PREFIX}${text}: bad ufid (Invalid argument)`);
  for (const flow of dpif.flows()) if (flow.ufid === ufid.toLowerCase()) return flow;
  throw new UserError(`${PREFIX}${what} flow (No such file or directory)`);
}

type Offloaded = FlowOffload['offloaded'];

/** `type=` words: what flows of which they show. */
const TYPES: Readonly<Record<string, readonly Offloaded[]>> = {
  all: ['yes', 'partial', 'no'],
  ovs: ['partial', 'no'],
  dpdk: ['yes'],
  offloaded: ['yes'],
  'partially-offloaded': ['partial'],
  'non-offloaded': ['no'],
  tc: [],
};

/** Reads `filter=` and `type=`: which flows a dump shows. `packetKey` gives the whole key of a flow's first packet. */
export function flowFilter(
  args: readonly string[],
  packetKey: (flow: DpFlow) => Uint8Array,
  offloadOf: (flow: DpFlow) => FlowOffload | undefined,
): { shows: (flow: DpFlow) => boolean; rest: string[] } {
  const rest = args.filter((arg) => !/^(filter|type|pmd)=/.test(arg));
  const [type, filter] = ['type', 'filter'].map((name) =>
    args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1),
  );
  const words = (type ?? 'all').split(',');
  const unknown = words.find((word) => !(word in TYPES));
  if (unknown !== undefined) throw new UserError(`${PREFIX}Failed to parse type (${type}) (Invalid argument)`);
  const kinds = new Set(words.flatMap((word) => TYPES[word]!));
  const isOfType = (flow: DpFlow) => kinds.size === 3 || kinds.has(offloadOf(flow)?.offloaded ?? 'no');
  if (filter === undefined) return { shows: isOfType, rest };
  const { flow: wanted, mask } = parseFilter(filter);
  const differs = (key: Uint8Array, i: number) => ((key[i]! ^ wanted[i]!) & mask[i]!) !== 0;
  return {
    shows: (flow) => {
      if (!isOfType(flow)) return false;
      const key = packetKey(flow);
      for (let i = 0; i < KEY_SIZE; i++) if (differs(key, i)) return false;
      return true;
    },
    rest,
  };
}

function parseFilter(text: string): { flow: Uint8Array; mask: Uint8Array } {
  try {
    const { flow, mask } = parseMatchText(text);
    return { flow: flow.bytes, mask: mask.bytes };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${PREFIX}Failed to parse filter (${text}: ${error.message.replace(/^unknown keyword/, 'unknown field')})`,
    );
  }
}
