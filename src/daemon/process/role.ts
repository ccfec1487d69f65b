// The processes of one weftd. Node cannot fork, so each starts the next one with the same command line:
//
//   launcher (--detach)  waits until the daemon is ready, then exits
//     monitor (--monitor)  starts the daemon again when it crashes
//       daemon
//
// The environment tells a child its role; its descriptor 3 is a pipe on which it says that the daemon is ready.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { dup2 } from '../../../lib/syscalls/process.ts';

export type Role = 'launcher' | 'monitor' | 'daemon';

const ROLE_VARIABLE = 'WEFTD_ROLE';
const READY_FD = 3;

/** This process's role, and whether a parent waits on READY_FD. Clears the mark so that no other child inherits it. */
export function takeRole(wanted: { detach: boolean; monitor: boolean }): { role: Role; hasParent: boolean } {
  const given = process.env[ROLE_VARIABLE];
  delete process.env[ROLE_VARIABLE];
  if (given === 'monitor' || given === 'daemon') return { role: given, hasParent: true };
  return { role: wanted.detach ? 'launcher' : wanted.monitor ? 'monitor' : 'daemon', hasParent: false };
}

/** Starts this program again as `role`; `ready` runs when it reports the daemon ready. */
export function spawnRole(role: Role, detached: boolean, ready: () => void): ChildProcess {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached,
    env: { ...process.env, [ROLE_VARIABLE]: role },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  const pipe = child.stdio[READY_FD] as Readable;
  pipe.once('data', ready);
  pipe.on('error', () => {});
  return child;
}

/** Tells the parent that the daemon is ready. */
export function reportReady(): void {
  try {
    writeSync(READY_FD, 'ready\n');
  } catch {
    // The parent is gone: nobody waits any more.
  }
  closeSync(READY_FD);
}

/** Lets go of the terminal and of a shell that waits for our output to end. */
export function leaveStandardStreams(): void {
  const nothing = openSync('/dev/null', 'r+');
  for (const fd of [0, 1, 2]) dup2(nothing, fd);
  if (nothing > 2) closeSync(nothing);
}

/** `killed (Segmentation fault)`, `exit status 1`: how a child ended. */
export function endText(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ? `killed (${signal})` : `exit status ${code}`;
}
