// dpif-netdev/*: what PMD threads did. Time is counted in nanoseconds and shown where Open vSwitch shows cycles.

import type { PmdStats, RxqAssignment } from '../../../datapath/dpif.ts';
import { UserError } from '../../../lib/errors.ts';
import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, isDatapath } from './context.ts';

export function pmdCommands(context: CommandContext): Command[] {
  return [
    {
      name: 'dpif-netdev/pmd-stats-show',
      usage: '[-pmd core] [dp]',
      minArgs: 0,
      maxArgs: 3,
      handler: (args) => selectPmds(context, args).map(formatPmdStats).join('\n'),
    },
    {
      name: 'dpif-netdev/pmd-stats-clear',
      usage: '[-pmd core] [dp]',
      minArgs: 0,
      maxArgs: 3,
      handler: (args) => {
        selectPmds(context, args);
        context.dpif.clearPmdStats();
        return '';
      },
    },
    {
      name: 'dpif-netdev/pmd-rxq-show',
      usage: '[-pmd core] [-secs secs] [dp]',
      minArgs: 0,
      maxArgs: 5,
      handler: (args) => showRxqs(context, args),
    },
    {
      name: 'dpif-netdev/pmd-rxq-rebalance',
      usage: '[dp]',
      minArgs: 0,
      maxArgs: 1,
      // Queues stay where they are until ports or cores change: there is nothing to weigh them by yet.
      handler: ([name]) => {
        if (name !== undefined && !isDatapath(context, name))
          throw new UserError('please specify an existing datapath');
        return 'pmd rxq rebalance requested.';
      },
    },
  ];
}

/** Test hook `weft/pmd-kill CORE trap|exit`. */
export function pmdKillCommand(context: CommandContext): Command {
  return {
    name: 'weft/pmd-kill',
    usage: 'core trap|exit',
    minArgs: 2,
    maxArgs: 2,
    handler: ([core, how]) => {
      if (how !== 'trap' && how !== 'exit') throw new UserError(`trap or exit expected, not ${how}`);
      context.dpif.killPmd(parseCore(core), how);
      return '';
    },
  };
}

function parseCore(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new UserError(`a core number is expected, not ${text ?? ''}`);
  return Number(text);
}

/** `-pmd CORE` out of the arguments. Where there is one datapath, it is meant whatever it is called. */
function parseArgs(args: readonly string[]): number | undefined {
  const at = args.indexOf('-pmd');
  return at >= 0 ? parseCore(args[at + 1]) : undefined;
}

/** PMD threads by core, the control thread's own datapath last. */
function selectPmds(context: CommandContext, args: readonly string[]): PmdStats[] {
  const core = parseArgs(args);
  const all = [...context.dpif.pmdStats()].sort((a, b) => (a.core ?? Infinity) - (b.core ?? Infinity));
  return core === undefined ? all : all.filter((pmd) => pmd.core === core);
}

function ratio(numerator: bigint, denominator: bigint): string {
  return (denominator === 0n ? 0 : Number(numerator) / Number(denominator)).toFixed(2);
}

export function formatPmdStats(pmd: PmdStats): string {
  const passes = pmd.packetsReceived + pmd.recirculations;
  const title = pmd.core === undefined ? 'main thread' : `pmd thread numa_id ${pmd.numa} core_id ${pmd.core}`;
  const lines = [
    `${title}:`,
    `  packets received: ${pmd.packetsReceived}`,
    `  packet recirculations: ${pmd.recirculations}`,
    `  avg. datapath passes per packet: ${ratio(passes, pmd.packetsReceived)}`,
    '  phwol hits: 0',
    '  mfex opt hits: 0',
    '  simple match hits: 0',
    `  emc hits: ${pmd.emcHits}`,
    '  smc hits: 0',
    `  megaflow hits: ${pmd.megaflowHits}`,
    `  avg. subtable lookups per megaflow hit: ${ratio(pmd.subtableLookups, pmd.megaflowHits)}`,
    `  miss with success upcall: ${pmd.upcallsOk}`,
    `  miss with failed upcall: ${pmd.upcallsFailed}`,
    `  avg. packets per output batch: ${ratio(pmd.txPackets, pmd.txBursts)}`,
  ];
  return [...lines, ...timeLines(pmd)].join('\n');
}

/** The control thread's datapath keeps no time, as in Open vSwitch. */
function timeLines({ core, idleNs, busyNs, packetsReceived }: PmdStats): string[] {
  const total = idleNs + busyNs;
  if (core === undefined || total === 0n) return [];
  const percent = (part: bigint) => ((Number(part) / Number(total)) * 100).toFixed(2);
  const lines = [
    `  idle cycles: ${idleNs} (${percent(idleNs)}%)`,
    `  processing cycles: ${busyNs} (${percent(busyNs)}%)`,
  ];
  if (packetsReceived === 0n) return lines;
  return [
    ...lines,
    `  avg cycles per packet: ${ratio(total, packetsReceived)} (${total}/${packetsReceived})`,
    `  avg processing cycles per packet: ${ratio(busyNs, packetsReceived)} (${busyNs}/${packetsReceived})`,
  ];
}

/** Loads are not measured per queue yet, so how many seconds are asked for changes only the title. */
const SECONDS_MAX = 60;

/** Takes `-secs N` out: in steps of five, and what Open vSwitch cannot show is the longest that it can. */
function takeSeconds(args: readonly string[]): { seconds: number; rest: string[] } {
  const rest = [...args];
  const at = rest.indexOf('-secs');
  const asked = at >= 0 ? Number.parseInt(rest.splice(at, 2)[1] ?? '', 10) : SECONDS_MAX;
  return { seconds: asked > 0 && asked <= SECONDS_MAX ? Math.ceil(asked / 5) * 5 : SECONDS_MAX, rest };
}

function showRxqs(context: CommandContext, words: readonly string[]): string {
  const { seconds, rest: args } = takeSeconds(words);
  const only = parseArgs(args);
  const pmds = selectPmds(context, []).filter(
    ({ core }) => core !== undefined && (only === undefined || core === only),
  );
  // Of a core without a PMD thread there is nothing to say, not even a title.
  if (only !== undefined && pmds.length === 0) return '';
  const rxqs = context.dpif.rxqs();
  const lines = [`Displaying last ${seconds} seconds pmd usage %`];
  for (const { core, numa } of pmds) {
    lines.push(`pmd thread numa_id ${numa} core_id ${core}:`, '  isolated : false');
    const own = rxqs.filter((rxq) => rxq.core === core);
    lines.push(...own.map(rxqLine), '  overhead: NOT AVAIL');
  }
  return lines.join('\n');
}

function rxqLine({ port, queue, enabled }: RxqAssignment): string {
  const state = enabled ? '(enabled) ' : '(disabled)';
  return `  port: ${port.padEnd(16)}  queue-id: ${String(queue).padStart(2)} ${state}  pmd usage: NOT AVAIL`;
}
