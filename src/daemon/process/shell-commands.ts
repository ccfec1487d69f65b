// Control commands that every Open vSwitch daemon has: about itself, its log, and its counters.

import { coverageText, coverageTotal } from '../../../lib/coverage.ts';
import { UserError } from '../../../lib/errors.ts';
import { setUnlimited } from '../../../lib/log-rate-limit.ts';
import type { Command } from '../../unixctl/command.ts';
import type { DaemonLog } from './log-setup.ts';
import type { MemoryReporters } from './memory-report.ts';
import { DAEMON_NAME, OVS_VERSION } from './program.ts';
import type { Vlog } from './vlog.ts';

export function shellCommands(memory: MemoryReporters, requestExit: (cleanup: boolean) => void): Command[] {
  return [
    {
      name: 'version',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      // One line, as scripts that cut it into words expect; `weftd --version` also names weft's own release.
      handler: () => `${DAEMON_NAME} (Open vSwitch) ${OVS_VERSION}`,
    },
    {
      name: 'exit',
      usage: '[--cleanup]',
      minArgs: 0,
      maxArgs: 1,
      handler: (args) => {
        // After this turn, so that the reply is on its way when the daemon starts to end.
        setImmediate(() => requestExit(args[0] === '--cleanup'));
        return '';
      },
    },
    { name: 'memory/show', usage: '', minArgs: 0, maxArgs: 0, handler: () => memory.text() },
    { name: 'coverage/show', usage: '', minArgs: 0, maxArgs: 0, handler: () => coverageText() },
    {
      name: 'coverage/read-counter',
      usage: 'COUNTER',
      minArgs: 1,
      maxArgs: 1,
      handler: ([name = '']) => {
        const total = coverageTotal(name);
        if (total === undefined) throw new UserError('No such counter');
        return String(total);
      },
    },
  ];
}

export function vlogCommands(log: DaemonLog): Command[] {
  const { vlog } = log;
  const act = (name: string, usage: string, maxArgs: number, run: (args: readonly string[]) => void): Command => ({
    name,
    usage,
    minArgs: 0,
    maxArgs,
    handler: (args) => {
      run(args);
      return '';
    },
  });
  return [
    { name: 'vlog/list', usage: '', minArgs: 0, maxArgs: 0, handler: () => vlog.list() },
    { name: 'vlog/list-pattern', usage: '', minArgs: 0, maxArgs: 0, handler: () => vlog.listPatterns() },
    act('vlog/set', '{spec | PATTERN:destination:pattern}', Number.POSITIVE_INFINITY, (args) => {
      for (const spec of args.length === 0 ? ['dbg'] : args) vlog.applySpec(spec);
    }),
    act('vlog/reopen', '', 0, () => {
      const problem = log.openFile();
      if (problem !== undefined) throw new UserError(problem);
    }),
    act('vlog/close', '', 0, () => log.closeFile()),
    act('vlog/enable-rate-limit', '[module]...', Number.POSITIVE_INFINITY, (args) => limit(vlog, args, true)),
    act('vlog/disable-rate-limit', '[module]...', Number.POSITIVE_INFINITY, (args) => limit(vlog, args, false)),
  ];
}

function limit(vlog: Vlog, modules: readonly string[], on: boolean): void {
  const known = vlog.modules();
  for (const module of modules) if (!known.includes(module)) throw new UserError('unknown module');
  for (const module of modules.length > 0 ? modules : known) setUnlimited(module, !on);
}
