// lacp/*: LACP of the ports of all bridges.

import { UserError } from '../../../lib/errors.ts';
import type { Lacp } from '../../../ofproto/bonds/lacp.ts';
import { LACP_STATE, type LacpInfo } from '../../../ofproto/bonds/lacp-info.ts';
import type { LacpMember } from '../../../ofproto/bonds/lacp-member.ts';
import { formatEther } from '../../../ofproto/text/addresses.ts';
import type { Command } from '../../unixctl/command.ts';
import type { CommandContext } from './context.ts';

export function lacpCommands(context: CommandContext): Command[] {
  const show = (lines: (lacp: Lacp) => string[]) => {
    return ([name]: readonly string[]) => chosen(context, name).flatMap(lines).join('\n');
  };
  return [
    { name: 'lacp/show', usage: '[port]', minArgs: 0, maxArgs: 1, handler: show(lacpLines) },
    { name: 'lacp/show-stats', usage: '[port]', minArgs: 0, maxArgs: 1, handler: show(statsLines) },
  ];
}

function chosen({ reconciler }: CommandContext, name: string | undefined): Lacp[] {
  const all = reconciler.bridges().flatMap(({ ofproto }) => ofproto.l2.aggregation.lacps);
  if (name === undefined) return all;
  const found = all.find((lacp) => lacp.name === name);
  if (!found) throw new UserError('no such lacp object');
  return [found];
}

const sortedMembers = ({ members }: Lacp) => [...members].sort((a, b) => (a.port.name < b.port.name ? -1 : 1));

function lacpLines(lacp: Lacp): string[] {
  const { settings } = lacp;
  const status = `${settings.active ? 'active' : 'passive'}${lacp.status === 'negotiated' ? ' negotiated' : ''}`;
  return [
    `---- ${lacp.name} ----`,
    `  status: ${status}`,
    `  sys_id: ${formatEther(lacp.sysId)}`,
    `  sys_priority: ${settings.systemPriority}`,
    `  aggregation key: ${lacp.key}`,
    `  lacp_time: ${settings.fast ? 'fast' : 'slow'}`,
    ...sortedMembers(lacp).flatMap((member) => memberLines(lacp, member)),
  ];
}

function memberLines(lacp: Lacp, member: LacpMember): string[] {
  return [
    '',
    `member: ${member.port.name}: ${member.state} ${member.attached ? 'attached' : 'detached'}`,
    `  port_id: ${member.portId}`,
    `  port_priority: ${member.portPriority}`,
    `  may_enable: ${member.mayEnable(lacp.settings)}`,
    ...infoLines('actor', lacp.actor(member)),
    ...infoLines('partner', member.partner),
  ];
}

function infoLines(who: string, info: LacpInfo): string[] {
  return [
    '',
    `  ${who} sys_id: ${formatEther(info.sysId)}`,
    `  ${who} sys_priority: ${info.sysPriority}`,
    `  ${who} port_id: ${info.portId}`,
    `  ${who} port_priority: ${info.portPriority}`,
    `  ${who} key: ${info.key}`,
    `  ${who} state:${stateWords(info.state)}`,
  ];
}

const stateWords = (state: number): string =>
  Object.entries(LACP_STATE)
    .filter(([, flag]) => (state & flag) !== 0)
    .map(([name]) => ` ${name.toLowerCase()}`)
    .join('');

function statsLines(lacp: Lacp): string[] {
  return [`---- ${lacp.name} statistics ----`, ...sortedMembers(lacp).flatMap(counterLines)];
}

function counterLines({ port, counters }: LacpMember): string[] {
  return [
    '',
    `member: ${port.name}:`,
    `  TX PDUs: ${counters.txPdus}`,
    `  RX PDUs: ${counters.rxPdus}`,
    `  RX Bad PDUs: ${counters.rxBad}`,
    `  RX Marker Request PDUs: ${counters.rxMarkers}`,
    `  Link Expired: ${counters.expired}`,
    `  Link Defaulted: ${counters.defaulted}`,
    `  Carrier Status Changed: ${counters.carrierChanges}`,
  ];
}
