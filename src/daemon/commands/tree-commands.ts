// stp/* and rstp/*: bridges' spanning trees.

import { UserError } from '../../../lib/errors.ts';
import { addressText, type BridgeId, priorityOf } from '../../../ofproto/spanning-tree/bridge-id.ts';
import type { TreeView } from '../../../ofproto/spanning-tree/bridge-tree.ts';
import type { Command } from '../../unixctl/command.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { CommandContext } from './context.ts';

type Protocol = TreeView['protocol'];

export function treeCommands(context: CommandContext): Command[] {
  const command = (protocol: Protocol, word: string, run: (bridges: Running[]) => string): Command => ({
    name: `${protocol}/${word}`,
    usage: '[bridge]',
    minArgs: 0,
    maxArgs: 1,
    handler: ([name]) => run(running(context, protocol, name)),
  });
  return (['rstp', 'stp'] as const).flatMap((protocol) => [
    command(protocol, 'show', (bridges) => bridges.map(show).join('')),
    command(protocol, 'tcn', forceTopologyChange),
  ]);
}

interface Running {
  readonly bridge: Bridge;
  readonly view: TreeView;
}

const MISSING = { stp: 'no such stp object', rstp: 'No such RSTP object' } as const;

/** The bridges that run the protocol, or the named one. Throws UserError. */
function running({ reconciler }: CommandContext, protocol: Protocol, name: string | undefined): Running[] {
  const found = reconciler.bridges().flatMap((bridge) => {
    const view = bridge.ofproto.tree.view();
    return view?.protocol === protocol && (name === undefined || bridge.name === name) ? [{ bridge, view }] : [];
  });
  if (name !== undefined && found.length === 0) throw new UserError(MISSING[protocol]);
  return found;
}

function forceTopologyChange(bridges: readonly Running[]): string {
  for (const { bridge } of bridges) bridge.ofproto.tree.forceTopologyChange();
  return 'OK';
}

/** What both protocols tell of a bridge. */
interface Summary {
  readonly rootId: BridgeId;
  readonly bridgeId: BridgeId;
  /** Hello time, max age and forward delay in seconds: the root's, and those that the bridge would have as the root. */
  readonly times: readonly [number, number, number];
  readonly bridgeTimes: readonly [number, number, number];
  readonly rootPort: string | undefined;
  readonly rootPathCost: number;
  readonly ports: readonly PortSummary[];
}

interface PortSummary {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly pathCost: number;
  readonly priority: number;
  readonly number: number;
}

/** Columns that differ: the width of a label, and of a cost. */
const WIDTHS = { stp: { label: 14, cost: 5 }, rstp: { label: 16, cost: 8 } } as const;

function show({ bridge, view }: Running): string {
  const summary = view.protocol === 'stp' ? stpSummary(view) : rstpSummary(view);
  const { rootId, bridgeId, times, bridgeTimes, rootPort, rootPathCost, ports } = summary;
  const { label, cost } = WIDTHS[view.protocol];
  const way =
    rootPort === undefined
      ? ['  This bridge is the root']
      : [`  root-port       ${rootPort}`, `  root-path-cost  ${rootPathCost}`];
  return [
    `---- ${bridge.name} ----`,
    'Root ID:',
    ...identity(rootId, times, label),
    ...way,
    '',
    'Bridge ID:',
    ...identity(bridgeId, bridgeTimes, label),
    '',
    `  ${'Interface'.padEnd(10)} ${'Role'.padEnd(10)} ${'State'.padEnd(10)} ${'Cost'.padEnd(cost)} Pri.Nbr `,
    `  ---------- ---------- ---------- ${'-'.repeat(cost)} -------`,
    ...ports.map((port) => portLine(port, cost)),
    '',
    '',
  ].join('\n');
}

function identity(id: BridgeId, [hello, maxAge, forwardDelay]: Summary['times'], label: number): string[] {
  return [
    `  ${'stp-priority'.padEnd(label)}${priorityOf(id)}`,
    `  stp-system-id   ${addressText(id)}`,
    `  stp-hello-time  ${hello}s`,
    `  stp-max-age     ${maxAge}s`,
    `  stp-fwd-delay   ${forwardDelay}s`,
  ];
}

function portLine({ name, role, state, pathCost, priority, number }: PortSummary, width: number): string {
  const cost = String(pathCost).padEnd(width + 1);
  return `  ${name.slice(0, 10).padEnd(10)} ${role.padEnd(10)} ${state.padEnd(10)} ${cost}${priority}.${number}`;
}

function stpSummary({ stp, ports }: Extract<TreeView, { protocol: 'stp' }>): Summary {
  const seconds = ({ helloTimeMs, maxAgeMs, forwardDelayMs }: typeof stp.times) =>
    [helloTimeMs, maxAgeMs, forwardDelayMs].map((ms) => Math.floor(ms / 1000)) as [number, number, number];
  return {
    rootId: stp.designatedRoot,
    bridgeId: stp.bridgeId,
    times: seconds(stp.times),
    bridgeTimes: seconds(stp.bridgeTimes),
    rootPort: ports.find(({ port }) => port === stp.rootPort)?.name,
    rootPathCost: stp.rootPathCost,
    ports: ports
      .filter(({ port }) => port.state !== 'disabled')
      .map(({ name, port }) => {
        const { state, pathCost, number } = port;
        return { name, role: stp.role(port), state, pathCost, priority: port.id >> 8, number };
      }),
  };
}

function rstpSummary({ rstp, ports }: Extract<TreeView, { protocol: 'rstp' }>): Summary {
  const inOrder = ({ helloTime, maxAge, forwardDelay }: typeof rstp.rootTimes) =>
    [helloTime, maxAge, forwardDelay] as const;
  return {
    rootId: rstp.rootPriority.rootId,
    bridgeId: rstp.bridgeId,
    times: inOrder(rstp.rootTimes),
    bridgeTimes: inOrder(rstp.bridgeTimes),
    rootPort: ports.find(({ port }) => port === rstp.rootPort)?.name,
    rootPathCost: rstp.rootPriority.rootPathCost,
    ports: ports.map(({ name, port }) => {
      const { role, state, number } = port;
      return { name, role, state, pathCost: port.settings.pathCost, priority: (port.portId >> 8) & 0xf0, number };
    }),
  };
}
