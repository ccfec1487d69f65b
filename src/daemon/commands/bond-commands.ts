// bond/*: the bonds of all bridges.

import { UserError } from '../../../lib/errors.ts';
import type { Bond, BondMember } from '../../../ofproto/bonds/bond.ts';
import { BUCKET_COUNT } from '../../../ofproto/bonds/bond-buckets.ts';
import { parseEther } from '../../../ofproto/text/addresses.ts';
import { hashMac } from '../../../ofproto/xlate/hash-primitives.ts';
import type { Command } from '../../unixctl/command.ts';
import type { CommandContext } from './context.ts';

export function bondCommands(context: CommandContext): Command[] {
  const member = (name: string, run: (args: readonly string[]) => string): Command[] =>
    // Open vSwitch's older name, and the one that it shows.
    [`bond/${name}-slave`, `bond/${name}-member`].map((command) => ({
      name: command,
      usage: 'port member',
      minArgs: 2,
      maxArgs: 2,
      isHidden: command.endsWith('slave'),
      handler: run,
    }));
  return [
    { name: 'bond/list', usage: '', minArgs: 0, maxArgs: 0, handler: () => list(context) },
    { name: 'bond/show', usage: '[port]', minArgs: 0, maxArgs: 1, handler: ([name]) => show(context, name) },
    { name: 'bond/hash', usage: 'mac [vlan] [basis]', minArgs: 1, maxArgs: 3, handler: hash },
    {
      name: 'bond/migrate',
      usage: 'port hash member',
      minArgs: 3,
      maxArgs: 3,
      handler: (args) => migrate(context, args),
    },
    ...member('set-active', (args) => setActive(context, args)),
    ...member('enable', (args) => setEnabled(context, args, true)),
    ...member('disable', (args) => setEnabled(context, args, false)),
  ];
}

function bondsOf({ reconciler }: CommandContext): { bond: Bond; run: () => void }[] {
  return reconciler.bridges().flatMap(({ ofproto }) => {
    const { aggregation } = ofproto.l2;
    return aggregation.bonds.map((bond) => ({ bond, run: () => aggregation.run() }));
  });
}

function findBond(context: CommandContext, name: string): { bond: Bond; run: () => void } {
  const found = bondsOf(context).find(({ bond }) => bond.name === name);
  if (!found) throw new UserError('no such bond');
  return found;
}

function findMember(bond: Bond, name: string): BondMember {
  const member = bond.members.find(({ port }) => port.name === name);
  if (!member) throw new UserError('no such member');
  return member;
}

function list(context: CommandContext): string {
  const rows = bondsOf(context).map(({ bond }) => {
    const names = bond.members.map(({ port }) => port.name).join(', ');
    return `${bond.name}\t${bond.settings.mode}\t${bond.recircId}\t${names}`;
  });
  return ['bond\ttype\trecircID\tmembers', ...rows].join('\n');
}

function show(context: CommandContext, name: string | undefined): string {
  const bonds = name === undefined ? bondsOf(context) : [findBond(context, name)];
  const nowMs = context.clock.nowMs();
  return bonds.map(({ bond }) => `${bondLines(bond, nowMs).join('\n')}\n\n`).join('');
}

function bondLines(bond: Bond, nowMs: number): string[] {
  const { settings, mode, active, nextRebalanceMs } = bond;
  const recircs = mode === 'balance-tcp';
  const address = active?.port.mac ?? '00:00:00:00:00:00';
  return [
    `---- ${bond.name} ----`,
    `bond_mode: ${settings.mode}`,
    `bond may use recirculation: ${recircs ? 'yes' : 'no'}, Recirc-ID : ${recircs ? bond.recircId : -1}`,
    `bond-hash-basis: ${settings.hashBasis}`,
    // The datapath has no such action: packets are recirculated.
    'lb_output action: disabled, bond-id: -1',
    ...(settings.mode === 'balance-slb' ? [`all members active: ${settings.allMembersActive}`] : []),
    `updelay: ${settings.upDelayMs} ms`,
    `downdelay: ${settings.downDelayMs} ms`,
    ...(nextRebalanceMs === undefined ? [] : [`next rebalance: ${Math.round(nextRebalanceMs - nowMs)} ms`]),
    `lacp_status: ${bond.lacpStatus}`,
    `lacp_fallback_ab: ${settings.lacpFallback}`,
    `active-backup primary: ${bond.primary ?? '<none>'}`,
    `active member mac: ${address}(${active?.port.name ?? 'none'})`,
    ...sortedMembers(bond).flatMap((member) => memberLines(bond, member, nowMs)),
  ];
}

const sortedMembers = ({ members }: Bond) => [...members].sort((a, b) => (a.port.name < b.port.name ? -1 : 1));

function memberLines(bond: Bond, member: BondMember, nowMs: number): string[] {
  const { port, enabled, mayEnable, delayEndsMs } = member;
  const lines = ['', `member ${port.name}: ${enabled ? 'enabled' : 'disabled'}`];
  if (member === bond.active) lines.push('  active member');
  if (delayEndsMs !== Number.POSITIVE_INFINITY) {
    lines.push(`  ${enabled ? 'downdelay' : 'updelay'} expires in ${Math.round(delayEndsMs - nowMs)} ms`);
  }
  lines.push(`  may_enable: ${mayEnable}`);
  if (bond.mode === 'active-backup') return lines;
  for (const bucket of bond.buckets.all) {
    const kB = Math.floor(bucket.load / 1024);
    if (bucket.port === port && kB > 0) lines.push(`  hash ${bucket.hash}: ${kB} kB load`);
  }
  return lines;
}

function hash([address, vlanText, basisText]: readonly string[]): string {
  const vlan = vlanText === undefined ? 0 : number(vlanText);
  if (vlan === undefined) throw new UserError('invalid vlan');
  const basis = basisText === undefined ? 0 : number(basisText);
  if (basis === undefined) throw new UserError('invalid basis');
  const mac = parseEther(address!);
  if (!mac) throw new UserError('invalid mac');
  return String(hashMac(mac, vlan, basis) & (BUCKET_COUNT - 1));
}

const number = (text: string): number | undefined => (/^-?\d{1,10}$/.test(text) ? Number(text) : undefined);

function migrate(context: CommandContext, [name, hashText, memberName]: readonly string[]): string {
  const { bond, run } = findBond(context, name!);
  if (bond.settings.mode !== 'balance-slb') throw new UserError('not an SLB bond');
  const value = number(hashText!);
  if (value === undefined) throw new UserError('bad hash');
  const member = findMember(bond, memberName!);
  if (!member.enabled) throw new UserError('cannot migrate to disabled member');
  bond.migrate(bond.bucket(value), member);
  run();
  return 'migrated';
}

function setActive(context: CommandContext, [name, memberName]: readonly string[]): string {
  const { bond, run } = findBond(context, name!);
  const member = findMember(bond, memberName!);
  if (!member.enabled) throw new UserError('cannot make disabled member active');
  const changed = bond.setActive(member);
  run();
  return changed ? 'done' : 'no change';
}

function setEnabled(context: CommandContext, [name, memberName]: readonly string[], enabled: boolean): string {
  const { bond, run } = findBond(context, name!);
  bond.setEnabled(findMember(bond, memberName!), enabled);
  run();
  return enabled ? 'enabled' : 'disabled';
}
