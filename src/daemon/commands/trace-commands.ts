// ofproto/trace and ofproto/trace-packet-out: what becomes of one packet, given as an OpenFlow flow of a bridge or as a
// datapath flow, with or without its bytes.

import { KEY_IN_PORT, KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import { UserError } from '../../../lib/errors.ts';
import { Flow } from '../../../ofproto/model/flow.ts';
import { formatDpKey } from '../../../ofproto/odp-text/format-key.ts';
import { type DpKey, parseDpKey } from '../../../ofproto/odp-text/parse-key.ts';
import type { TraceRequest } from '../../../ofproto/ofproto-api.ts';
import { CT_STATES } from '../../../ofproto/text/flags.ts';
import { parseTraceActions } from '../../../ofproto/trace/parse-trace-actions.ts';
import type { Command } from '../../unixctl/command.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { type CommandContext, checkDatapath, datapathPort } from './context.ts';
import { composePacket } from './dp-flow-packet.ts';

const USAGE = '{[dp_name] odp_flow | bridge br_flow} [OPTIONS...] [-generate|packet]';
const ETH_HEADER_SIZE = 14;

export function traceCommands(context: CommandContext): Command[] {
  const limits = { minArgs: 1, maxArgs: Infinity };
  return [
    { name: 'ofproto/trace', usage: USAGE, ...limits, handler: (args) => trace(context, args) },
    {
      name: 'ofproto/trace-packet-out',
      usage: `[-consistent] ${USAGE} actions`,
      ...limits,
      handler: (args) => tracePacketOut(context, args),
    },
  ];
}

function trace(context: CommandContext, args: readonly string[]): string {
  const { words, generate } = takeOptions(args);
  return run(context, words, generate, {});
}

function tracePacketOut(context: CommandContext, args: readonly string[]): string {
  const { words, generate } = takeOptions(args, true);
  const actions = words.at(-1)!;
  // A bridge and a flow without actions: the flow stands where they should.
  if (words.length === 2 && context.reconciler.bridge(words[0]!)) parseTraceActions(actions, new Flow());
  return run(context, words.slice(0, -1), generate, { actions });
}

function takeOptions(args: readonly string[], isPacketOut = false): { words: string[]; generate: boolean } {
  const words: string[] = [];
  let generate = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '-generate' || arg === '--generate') generate = true;
    else if (isPacketOut && (arg === '-consistent' || arg === '--consistent')) continue;
    else if (arg === '--ct-next') checkCtNext(args[++i]);
    else if (arg.startsWith('--ct-next=')) checkCtNext(arg.slice('--ct-next='.length));
    else if (arg.startsWith('-')) throw new UserError(`${arg}: unknown option`);
    else words.push(arg);
  }
  if (words.length > (isPacketOut ? 4 : 3)) throw new UserError('too many arguments');
  return { words, generate };
}

/** What the connection tracker would say next: nothing asks it yet. */
function checkCtNext(text: string | undefined): void {
  if (text === undefined) throw new UserError('Missing argument for option --ct-next');
  const words = text.split(/[, ]+/).filter((word) => word !== '');
  for (const word of words) {
    if (!CT_STATES.names.includes(word)) throw new UserError(`${word}: unknown connection tracking state flag`);
  }
  const problems = contradictions(new Set(words));
  const state = CT_STATES.names.filter((name) => words.includes(name)).join('|');
  if (problems.length > 0) {
    throw new UserError(problems.map((why) => `${state}: invalid connection state: ${why}`).join('\n'));
  }
}

function contradictions(state: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const others = (...names: string[]) => [...state].some((name) => !names.includes(name));
  if (!state.has('trk') && state.size > 0) problems.push('If "trk" is unset, no other flags are set');
  if (state.has('inv') && others('inv', 'trk')) problems.push('when "inv" is set, only "trk" may also be set');
  if (state.has('new') && state.has('est')) problems.push('"new" and "est" are mutually exclusive');
  return problems;
}

type Extra = Pick<TraceRequest, 'actions'>;

function run(context: CommandContext, words: readonly string[], generate: boolean, extra: Extra): string {
  const bridge = context.reconciler.bridge(words[0] ?? '');
  if (bridge && words.length > 1 && !isDatapathFlow(context, words[1]!))
    return traceBridge(bridge, words[1]!, words[2], generate, extra);
  const isNamed = words.length > 1 && !words[0]!.includes('(');
  const [flow, packet] = isNamed ? words.slice(1) : words;
  const bytes = packet === undefined ? undefined : parsePacket(packet);
  if (isNamed && !flow!.includes('(')) throw new UserError(`${words[0]}: unknown bridge`);
  if (isNamed) checkDatapathName(context, words[0]!);
  return traceDatapath(context, flow ?? '', bytes, generate, extra);
}

function traceBridge(
  bridge: Bridge,
  flow: string,
  packet: string | undefined,
  generate: boolean,
  extra: Extra,
): string {
  const { ofproto } = bridge;
  if (packet !== undefined) return ofproto.trace({ flow, packet: parsePacket(packet), ...extra });
  if (!generate) return ofproto.trace({ flow, ...extra });
  const key = ofproto.traceKey(flow);
  return ofproto.trace({ flow, packet: generated(key), isComposed: true, ...extra });
}

function checkDatapathName(context: CommandContext, name: string): void {
  try {
    if (name.includes('@')) throw new UserError(name);
    checkDatapath(context, name);
  } catch (error) {
    throw error instanceof UserError ? new UserError('Cannot find the datapath') : error;
  }
}

function traceDatapath(
  context: CommandContext,
  text: string,
  given: Uint8Array | undefined,
  generate: boolean,
  extra: Extra,
): string {
  const { key } = parseOrHint(context, text);
  const odpPort = new DataView(key.buffer).getUint32(KEY_IN_PORT);
  const port = ownerOf(context, odpPort);
  if (!port) throw new UserError(`no OpenFlow port for datapath port ${odpPort}`);
  const packet = given ?? (generate ? generated(key) : undefined);
  const request = packet ? { packet, isComposed: given === undefined } : {};
  return port.bridge.ofproto.trace({ flow: { key, inPort: port.ofPort }, ...request, ...extra });
}

/** A text that could be either is a datapath's. */
function isDatapathFlow(context: CommandContext, text: string): boolean {
  try {
    return text.includes('(') && parseDpKey(text, datapathPort(context)) !== undefined;
  } catch {
    return false;
  }
}

function parseOrHint(context: CommandContext, text: string): DpKey {
  try {
    if (!text.includes('(')) throw new UserError(`syntax error at ${text}`);
    return parseDpKey(text, datapathPort(context));
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message} (or the bridge name was omitted)`) : error;
  }
}

function ownerOf(context: CommandContext, odpPort: number): { bridge: Bridge; ofPort: number } | undefined {
  for (const bridge of context.reconciler.bridges()) {
    for (const iface of bridge.ifaces()) {
      if (iface.dpPort?.odpPort === odpPort && iface.ofPort !== undefined) return { bridge, ofPort: iface.ofPort };
    }
  }
  return undefined;
}

/** A packet with the headers of a flow. */
function generated(key: Uint8Array): Uint8Array {
  const frame = composePacket(formatDpKey(key, new Uint8Array(KEY_SIZE).fill(0xff)));
  return frame;
}

/** A frame in hex digits. */
function parsePacket(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}|\s)+$/i.test(text)) throw new UserError('Trailing garbage in packet data');
  const packet = Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
  if (packet.length < ETH_HEADER_SIZE) throw new UserError('Packet data too short for Ethernet');
  return packet;
}
