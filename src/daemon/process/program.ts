// What this program calls itself. Clients find the daemon by Open vSwitch's file names and read Open vSwitch's version.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** The name in `ovs-vswitchd.pid`, `ovs-vswitchd.<pid>.ctl` and `ovs-vswitchd.log`. */
export const DAEMON_NAME = 'ovs-vswitchd';

/** The Open vSwitch release whose behaviour, database schema and formats weft follows. */
export const OVS_VERSION = '3.1.0';

/** What a user typed to run this, without folders and extension: the prefix of error messages. */
export function programName(): string {
  return basename(process.argv[1] ?? 'weft').replace(/\.[cm]?[jt]s$/, '');
}

/** weft's own version, from the nearest package.json above this file. */
export function weftVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
      if (typeof found === 'object' && found !== null && 'version' in found) return String(found.version);
    } catch {
      if (folder.pathname === '/') return 'unknown';
    }
  }
}

/** The first line is what scripts cut the version from; `name` stands where Open vSwitch's program name does. */
export function versionText(name: string): string {
  return `${name} (Open vSwitch) ${OVS_VERSION}\nweft ${weftVersion()}`;
}
