// nic/show of a model, in plain words: the card, then each vport with its properties, its end and its counters.

import { WIRE } from '../provider.ts';
import type { CardState, VportCounters, VportState } from './protocol.ts';
import { type CardSettings, type FunctionSettings, PF, vfOfVport } from './settings.ts';

/** `state`: undefined while the card is being reset. */
export function describeCard(
  name: string,
  settings: CardSettings,
  restarts: number,
  state: CardState | undefined,
): string {
  const { mode, vfs, tableSize, insertLatencyUs, insertRate } = settings;
  const lines = [
    `${name}: model, eswitch ${mode}, ${vfs} VFs, resets ${restarts}`,
    `  firmware: insert latency ${insertLatencyUs} us, rate ${insertRate === 0 ? 'unlimited' : `${insertRate} flows/s`}`,
  ];
  if (!state) return [...lines, '  the card is being reset'].join('\n');
  const size = mode === 'switchdev' ? tableSize : 0;
  lines.push(`  flow table: ${state.flows} of ${size} flows, ${state.meters} meters; core ${state.core ?? 'none'}`);
  for (const vport of state.vports) lines.push(...describeVport(settings, vport));
  for (const { vport, vlan, mac } of state.addresses) lines.push(`  learned: ${mac} vlan ${vlan} on vport ${vport}`);
  const drops = Object.entries(state.drops).filter(([, packets]) => packets > 0n);
  if (drops.length > 0) lines.push(`  drops: ${drops.map(([reason, packets]) => `${reason} ${packets}`).join(', ')}`);
  return lines.join('\n');
}

function describeVport(settings: CardSettings, state: VportState): string[] {
  const { vport, linkUp, attached, end, error } = state;
  const isFunction = vport !== WIRE && vport !== PF;
  const title = vport === WIRE ? 'wire' : vport === PF ? 'PF' : `vf ${vfOfVport(vport)}`;
  const own = isFunction ? describeFunction(settings.functions[vfOfVport(vport)]!) : '';
  const port = attached ? (settings.mode === 'switchdev' ? ', represented' : ', driven by the switch') : '';
  return [
    `  ${title} (vport ${vport}): link ${linkUp ? 'up' : 'down'}${port}${own}`,
    `    end: ${describeEnd(end)}${error ? ` (error: ${error})` : ''}`,
    ...describeCounters(state.counters),
    ...(attached && settings.mode === 'switchdev' ? [describeRepresentor(state.counters)] : []),
  ];
}

function describeFunction({ mac, vlan, trust, promisc, spoofchk, link, rateMbps }: FunctionSettings): string {
  const onOff = (on: boolean) => (on ? 'on' : 'off');
  const words = [
    `mac ${mac}`,
    ...(vlan === 0 ? [] : [`vlan ${vlan}`]),
    `trust ${onOff(trust)}`,
    ...(promisc ? ['promisc on'] : []),
    `spoofchk ${onOff(spoofchk)}`,
    `link-state ${link}`,
    rateMbps === 0 ? 'no rate limit' : `rate ${rateMbps} Mbit/s`,
  ];
  return `, ${words.join(', ')}`;
}

function describeEnd({ type, name, status, socket }: Readonly<Record<string, string>>): string {
  if (type === 'device') return 'none';
  return [`${type} ${socket ?? name}`, ...(status ? [status] : [])].join(', ');
}

function describeRepresentor({ toSwitch, toSwitchDropped, fromSwitch }: VportCounters): string {
  return `    representor: to the switch ${toSwitch}, dropped ${toSwitchDropped}; from the switch ${fromSwitch}`;
}

function describeCounters(c: VportCounters): string[] {
  const received = `received ${c.rxPackets} (${c.rxBytes} bytes): missed ${c.missed}, spoofed ${c.spoofed}`;
  const sent = `sent ${c.txPackets} (${c.txBytes} bytes), dropped ${c.txDropped}`;
  return [
    `    ${received}; before: policed ${c.policed}, disabled ${c.disabled}`,
    `    ${sent}: no buffer ${c.txNoBuffer}, link down ${c.txLinkDown}`,
  ];
}
