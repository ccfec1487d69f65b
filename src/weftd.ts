#!/usr/bin/env node
// weftd: the switch daemon, in ovs-vswitchd's place. This file picks the role of this process and ends it.

import './daemon/process/v8-flags.ts';

import { UserError } from '../lib/errors.ts';
import { setLogSink } from '../lib/log.ts';
import { Daemon } from './daemon/process/daemon-main.ts';
import { launch } from './daemon/process/launcher.ts';
import { DaemonLog } from './daemon/process/log-setup.ts';
import { Monitor } from './daemon/process/monitor.ts';
import { type DaemonOptions, helpText, parseOptions } from './daemon/process/options.ts';
import { programName, versionText } from './daemon/process/program.ts';
import { leaveStandardStreams, reportReady, takeRole } from './daemon/process/role.ts';
import { startSwitch } from './daemon/switch.ts';

function complain(text: string): void {
  process.stderr.write(`${programName()}: ${text}\n`);
}

/** Ends as a child did, or as a signal that was sent here wants it. */
function endLike(code: number | null, signal: NodeJS.Signals | null): void {
  if (!signal) process.exit(code ?? 0);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function monitor(options: DaemonOptions, hasParent: boolean): void {
  const log = new DaemonLog(options.log, 'monitor');
  const ready = async () => {
    if (hasParent) reportReady();
    if (!options.detach) return;
    await log.leaveConsole();
    leaveStandardStreams();
    if (options.chdir) process.chdir('/');
  };
  const ended = async (code: number | null, signal: NodeJS.Signals | null) => {
    await log.vlog.close();
    endLike(code, signal);
  };
  const watcher = new Monitor(programName(), { ready, ended });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => watcher.forward(signal));
  watcher.start();
}

async function daemon(options: DaemonOptions, hasParent: boolean): Promise<void> {
  const ready = () => {
    if (hasParent) reportReady();
    if (options.detach) leaveStandardStreams();
  };
  const { signal } = await new Daemon(options, startSwitch).run(ready);
  endLike(0, signal ?? null);
}

async function main(): Promise<void> {
  const invocation = parseOptions(process.argv.slice(2), process.env);
  if (invocation.kind === 'version') {
    process.stdout.write(`${versionText('ovs-vswitchd')}\n`);
    return;
  }
  const { options } = invocation;
  if (invocation.kind === 'help') {
    process.stdout.write(`${helpText(programName(), options)}\n`);
    return;
  }
  const { role, hasParent } = takeRole(options);
  if (role === 'launcher') process.exit(await launch(options.monitor ? 'monitor' : 'daemon', complain));
  else if (role === 'monitor') monitor(options, hasParent);
  else await daemon(options, hasParent);
}

main().catch((error: unknown) => {
  setLogSink(() => {});
  complain(error instanceof UserError ? error.message : String(error instanceof Error ? error.stack : error));
  process.exit(1);
});
