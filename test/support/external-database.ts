// The real ovsdb-server with an empty Open_vSwitch database on <folder>/db.sock, for a switch to be a client of.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export class ExternalDatabase {
  readonly remote: string;
  readonly #pid: number;

  constructor(folder: string) {
    const file = join(folder, 'conf.db');
    this.remote = `unix:${join(folder, 'db.sock')}`;
    const pidfile = join(folder, 'ovsdb-server.pid');
    execFileSync('ovsdb-tool', ['create', file, SCHEMA]);
    execFileSync('ovsdb-server', [
      ...['--detach', '--no-chdir', '-vconsole:off', `--pidfile=${pidfile}`],
      ...[`--unixctl=${join(folder, 'ovsdb-server.ctl')}`, `--remote=p${this.remote}`, file],
    ]);
    this.#pid = Number(readFileSync(pidfile, 'utf8'));
    execFileSync('ovs-vsctl', [`--db=${this.remote}`, '--no-wait', 'init']);
  }

  close(): void {
    process.kill(this.#pid);
  }
}
