// Where Open vSwitch's programs keep their files: the environment that ovs-ctl and test suites set, or the packaged
// places.

import { isAbsolute, join } from 'node:path';

export interface Paths {
  /** Sockets and pidfiles. */
  readonly rundir: string;
  readonly logdir: string;
  /** The database file. */
  readonly dbdir: string;
}

/** `rundir` overrides OVS_RUNDIR; the database then lives there too unless OVS_DBDIR names a place. */
export function resolvePaths(env: NodeJS.ProcessEnv, rundir?: string): Paths {
  const run = rundir ?? env['OVS_RUNDIR'] ?? '/var/run/openvswitch';
  return {
    rundir: absolute(run),
    logdir: absolute(env['OVS_LOGDIR'] ?? '/var/log/openvswitch'),
    dbdir: absolute(env['OVS_DBDIR'] ?? run),
  };
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : join(process.cwd(), path);
}

/** `name` itself when it is absolute, else the file of that name in `folder`. */
export function inFolder(folder: string, name: string): string {
  return isAbsolute(name) ? name : join(folder, name);
}
