// dpctl/* and dpif/*: the datapath's ports and megaflows.

import type { DpFlow, DpPort } from '../../../datapath/dpif.ts';
import { KEY_IN_PORT } from '../../../datapath/layout/flow-key.ts';
import { UserError } from '../../../lib/errors.ts';
import { formatDpFlow } from '../../../ofproto/odp-text/format-flow.ts';
import type { PortDevice } from '../../../ofproto/ofproto-api.ts';
import type { Command } from '../../unixctl/command.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { Iface } from '../bridge/iface.ts';
import { shownType } from '../bridge/interface-type.ts';
import { type CommandContext, checkDatapath, datapathName, findBridge, ifaceOf, splitOptions } from './context.ts';
import { flowCommands, flowFilter, NO_DATAPATH } from './flow-commands.ts';
import { offloadCommands } from './offload-commands.ts';

const OFPORT_LOCAL = 65_534;

export function dpifCommands(context: CommandContext): Command[] {
  return [
    { name: 'dpctl/dump-dps', usage: '', minArgs: 0, maxArgs: 0, handler: () => datapathName(context) },
    {
      name: 'dpctl/show',
      usage: '[-s] [dp...]',
      minArgs: 0,
      maxArgs: 255,
      handler: (args) => showDatapath(context, args),
    },
    {
      name: 'dpctl/dump-flows',
      usage: '[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]',
      minArgs: 0,
      maxArgs: 6,
      handler: (args) => dumpDatapathFlows(context, args),
    },
    ...offloadCommands(context),
    ...flowCommands(context, (flow) => flowLines(context, { verbose: true, names: false }, (one) => one === flow)[0]!),
    { name: 'dpif/dump-dps', usage: '', minArgs: 0, maxArgs: 0, handler: () => dumpBridgeDatapaths(context) },
    { name: 'dpif/show', usage: '', minArgs: 0, maxArgs: 0, handler: () => showBridges(context) },
    {
      name: 'dpif/dump-flows',
      usage: '[-m] [--names | --no-names] bridge',
      minArgs: 1,
      maxArgs: 3,
      handler: (args) => dumpBridgeFlows(context, args),
    },
  ];
}

function dumpBridgeDatapaths(context: CommandContext): string {
  return context.reconciler
    .bridges()
    .map((bridge) => `${bridge.config.datapathType === 'dummy' ? 'dummy' : 'netdev'}@${bridge.name}`)
    .join('\n');
}

function showBridges(context: CommandContext): string {
  const { hit, missed } = context.dpif.stats();
  const lines = [`${datapathName(context)}: hit:${hit} missed:${missed}`];
  for (const bridge of context.reconciler.bridges()) lines.push(`  ${bridge.name}:`, ...bridgePortLines(bridge));
  return lines.join('\n');
}

function bridgePortLines(bridge: Bridge): string[] {
  const compare = new Intl.Collator('en', { numeric: true }).compare;
  const ifaces = [...bridge.ifaces()].sort((a, b) => compare(a.config.name, b.config.name));
  return ifaces.flatMap((iface) => {
    if (iface.ofPort === undefined || !iface.device) return [];
    const ofPort = iface.isLocal ? OFPORT_LOCAL : iface.ofPort;
    return `    ${iface.config.name} ${ofPort}/${iface.device.odpPort ?? 'none'}: (${typeAndOptions(iface, iface.device)})`;
  });
}

/** The type, with the options that say what a virtual device is. */
function typeAndOptions({ config }: Iface, { type }: PortDevice): string {
  return type === 'patch' ? `patch: peer=${config.options['peer']}` : shownType(config, type);
}

function showDatapath(context: CommandContext, args: readonly string[]): string {
  const { options, rest } = splitOptions(args, ['-s', '--statistics']);
  const unknown = rest.find((word) => word.startsWith('-'));
  if (unknown !== undefined) throw new UserError(`Unrecognized option ${unknown}`);
  for (const name of rest) checkDatapath(context, name);
  const { hit, missed, lost, flows } = context.dpif.stats();
  const lines = [
    `${datapathName(context)}:`,
    `  lookups: hit:${hit} missed:${missed} lost:${lost}`,
    `  flows: ${flows}`,
  ];
  const ports = [...context.dpif.ports()].sort((a, b) => a.odpPort - b.odpPort);
  for (const port of ports) {
    lines.push(portLine(context, port));
    if (options.size > 0) lines.push(...portStatisticsLines(port));
  }
  return lines.join('\n');
}

/** The type is left out for plain kernel interfaces. */
function portLine(context: CommandContext, port: DpPort): string {
  const iface = ifaceOf(context, port);
  const type = iface ? shownType(iface.config, port.type) : port.type;
  return `  port ${port.odpPort}: ${port.name}${type === 'system' ? '' : ` (${type})`}`;
}

function portStatisticsLines(port: DpPort): string[] {
  const stats = port.stats();
  const value = (name: string) => String(stats[name] ?? '?');
  const bytes = (name: string) => `${value(name)}${humanBytes(Number(stats[name] ?? 0))}`;
  return [
    `    RX packets:${value('rx_packets')} errors:${value('rx_errors')} dropped:${value('rx_dropped')} overruns:${value('rx_over_err')} frame:${value('rx_frame_err')}`,
    `    TX packets:${value('tx_packets')} errors:${value('tx_errors')} dropped:${value('tx_dropped')} aborted:? carrier:?`,
    `    collisions:${value('collisions')}`,
    `    RX bytes:${bytes('rx_bytes')}  TX bytes:${bytes('tx_bytes')}`,
  ];
}

/** ` (1.5 KiB)` from one KiB on. */
function humanBytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), units.length - 1);
  return power === 0 ? '' : ` (${(value / 2 ** (10 * power)).toFixed(1)} ${units[power]})`;
}

interface DumpOptions {
  readonly verbose: boolean;
  readonly names: boolean;
}

async function dumpDatapathFlows(context: CommandContext, args: readonly string[]): Promise<string> {
  const packetKey = (flow: DpFlow) => context.slowPath.packetKey?.(flow) ?? flow.key;
  const { shows, rest: words } = flowFilter(args, packetKey, (flow) => context.dpif.offload.stateOf(flow));
  const { options, rest } = splitOptions(words, ['-m', '--more', '--names', '--no-names']);
  for (const name of rest) checkDatapath(context, name, NO_DATAPATH);
  await context.dpif.offload.refresh();
  const only = pmdFilter(args);
  return dumpThreads(context)
    .filter(({ core }) => only === undefined || core === only)
    .flatMap(({ title, serves }) => {
      const lines = flowLines(context, dumpOptions(options), (flow) => serves(inPort(flow)) && shows(flow));
      return lines.length === 0 ? [] : [title, ...lines];
    })
    .join('\n');
}

interface DumpThread {
  readonly core: number;
  readonly title: string;
  readonly serves: (odpPort: number) => boolean;
}

/** What `pmd=` calls the thread that is no PMD thread. */
const MAIN_THREAD = -1;

/** `pmd=CORE`; undefined for every thread. */
function pmdFilter(args: readonly string[]): number | undefined {
  const text = args.find((arg) => arg.startsWith('pmd='))?.slice('pmd='.length);
  if (text === undefined) return undefined;
  if (!/^(-1|\d+)$/.test(text)) throw new UserError('');
  return Number(text);
}

/**
 * Open vSwitch's threads have flows of their own, and a dump names them. Here all threads share them: a flow is shown
 * with the thread that polls its port's first queue.
 */
function dumpThreads({ dpif }: CommandContext): DumpThread[] {
  const portNumbers = new Map(dpif.ports().map(({ name, odpPort }) => [name, odpPort]));
  const coreOf = new Map<number, number>();
  for (const { port, queue, core } of dpif.rxqs()) {
    const odpPort = portNumbers.get(port);
    if (queue === 0 && odpPort !== undefined) coreOf.set(odpPort, core);
  }
  const cores = [...new Set(coreOf.values())].sort((a, b) => a - b);
  return [
    { core: MAIN_THREAD, title: 'flow-dump from the main thread:', serves: (odpPort) => !coreOf.has(odpPort) },
    ...cores.map((core) => ({
      core,
      title: `flow-dump from pmd on cpu core: ${core}`,
      serves: (odpPort: number) => coreOf.get(odpPort) === core,
    })),
  ];
}

async function dumpBridgeFlows(context: CommandContext, args: readonly string[]): Promise<string> {
  const { options, rest } = splitOptions(args, ['-m', '--names', '--no-names']);
  if (rest.length !== 1) throw new UserError('one bridge is expected');
  const bridge = findBridge(context, rest[0]!);
  await context.dpif.offload.refresh();
  const ports = new Set([...bridge.ifaces()].map((iface) => iface.dpPort?.odpPort));
  const lines = flowLines(context, dumpOptions(options), (flow) => ports.has(inPort(flow)));
  // Without the datapath's own words, which dpctl prints.
  return lines.map((line) => line.replace(/^(ufid:\S+), /, '$1 ').replace(DATAPATH_WORDS, '')).join('\n');
}

const DATAPATH_WORDS = /(, offloaded:\w+)?, dp:\w+(?=, actions:)|, dp-extra-info:.*$/g;

function dumpOptions(options: ReadonlySet<string>): DumpOptions {
  const verbose = options.has('-m') || options.has('--more');
  return { verbose, names: (verbose || options.has('--names')) && !options.has('--no-names') };
}

function inPort(flow: DpFlow): number {
  return new DataView(flow.key.buffer, flow.key.byteOffset).getUint32(KEY_IN_PORT);
}

function flowLines(
  context: CommandContext,
  { verbose, names }: DumpOptions,
  wanted: (flow: DpFlow) => boolean,
): string[] {
  const portNames = new Map(context.dpif.ports().map((port) => [port.odpPort, port.name]));
  const portName = (odpPort: number) => (names ? portNames.get(odpPort) : undefined);
  const { controller, packetKey, vlanLimit } = context.slowPath;
  const nowMs = context.clock.nowMs();
  const options = {
    verbose,
    portName,
    nowMs,
    offloadOf: (flow: DpFlow) => context.dpif.offload.stateOf(flow),
    ...(controller ? { controller } : {}),
    ...(packetKey ? { packetKey } : {}),
    vlanLimit: vlanLimit?.(),
  };
  return [...context.dpif.flows()].filter(wanted).map((flow) => formatDpFlow(flow, options));
}
