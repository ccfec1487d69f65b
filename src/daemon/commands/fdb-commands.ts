// fdb/*: a bridge's MAC table.

import { UserError } from '../../../lib/errors.ts';
import type { MacRow } from '../../../ofproto/ofproto-api.ts';
import { formatEther, parseEther } from '../../../ofproto/text/addresses.ts';
import type { Command } from '../../unixctl/command.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { type CommandContext, findBridge, ofPortText } from './context.ts';

export function fdbCommands(context: CommandContext): Command[] {
  const add = (args: readonly string[]) => addStatic(context, args);
  const del = (args: readonly string[]) => delStatic(context, args);
  return [
    { name: 'fdb/add', usage: 'bridge port vlan mac', minArgs: 4, maxArgs: 4, handler: add },
    { name: 'fdb/del', usage: 'bridge vlan mac', minArgs: 3, maxArgs: 3, handler: del },
    { name: 'fdb/flush', usage: '[bridge]', minArgs: 0, maxArgs: 1, handler: ([name]) => flush(context, name) },
    { name: 'fdb/show', usage: 'bridge', minArgs: 1, maxArgs: 1, handler: ([name]) => show(context, name!) },
    {
      name: 'fdb/stats-clear',
      usage: '[bridge]',
      minArgs: 0,
      maxArgs: 1,
      handler: ([name]) => clearStats(context, name),
    },
    { name: 'fdb/stats-show', usage: 'bridge', minArgs: 1, maxArgs: 1, handler: ([name]) => showStats(context, name!) },
  ];
}

/** The named bridge, or all. */
export function chosenBridges(context: CommandContext, name: string | undefined): readonly Bridge[] {
  return name === undefined ? context.reconciler.bridges() : [findBridge(context, name)];
}

function show(context: CommandContext, name: string): string {
  const rows = findBridge(context, name).ofproto.l2.macs().map(macLine);
  return [' port  VLAN  MAC                Age', ...rows].join('\n');
}

function macLine({ ofPort, vlan, mac, ageS }: MacRow): string {
  const age = ageS === undefined ? 'static' : String(Math.floor(ageS)).padStart(3);
  return `${ofPortText(ofPort).padStart(5)}  ${String(vlan).padStart(4)}  ${formatEther(mac)}  ${age}`;
}

function showStats(context: CommandContext, name: string): string {
  const { entries, staticEntries, maxEntries, learned, expired, evicted, moved } = findBridge(
    context,
    name,
  ).ofproto.l2.macStats();
  return [
    `Statistics for bridge "${name}":`,
    `  Current/maximum MAC entries in the table: ${entries}/${maxEntries}`,
    `  Current static MAC entries in the table : ${staticEntries}`,
    `  Total number of learned MAC entries     : ${learned}`,
    `  Total number of expired MAC entries     : ${expired}`,
    `  Total number of evicted MAC entries     : ${evicted}`,
    `  Total number of port moved MAC entries  : ${moved}`,
  ].join('\n');
}

function clearStats(context: CommandContext, name: string | undefined): string {
  for (const bridge of chosenBridges(context, name)) bridge.ofproto.l2.clearMacStats();
  return 'statistics successfully cleared';
}

function flush(context: CommandContext, name: string | undefined): string {
  for (const bridge of chosenBridges(context, name)) bridge.ofproto.l2.flushMacs();
  return 'table successfully flushed';
}

function addStatic(context: CommandContext, [name, port, vlan, address]: readonly string[]): string {
  const bridge = findBridge(context, name!);
  const ofPort = bridge.iface(port!)?.ofPort ?? Number.NaN;
  if (!bridge.ofproto.ports().some((known) => known.ofPort === ofPort)) {
    throw new UserError('software error, odp port is present but no ofp port');
  }
  const replaced = bridge.ofproto.l2.addStaticMac(ofPort, vlanOf(vlan!), macOf(address!));
  if (!replaced) return '';
  const kind = replaced.wasStatic ? 'static' : 'dynamic';
  return `Overriding already existing ${kind} entry on ${ofPortText(replaced.ofPort)}`;
}

function delStatic(context: CommandContext, [name, vlan, address]: readonly string[]): string {
  const { l2 } = findBridge(context, name!).ofproto;
  if (!l2.delStaticMac(vlanOf(vlan!), macOf(address!))) throw new UserError('could not find static mac entry');
  return '';
}

/** As Open vSwitch reads it: what is no number is 0. */
const vlanOf = (text: string): number => Number(/^\s*(\d+)/.exec(text)?.[1] ?? 0) & 0xffff;

function macOf(text: string): Uint8Array {
  const mac = parseEther(text);
  if (!mac) throw new UserError('bad MAC address');
  return mac;
}
