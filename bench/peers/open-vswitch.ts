// Open vSwitch as a peer: an ovsdb-server of its own and one of its daemons. A subclass says which daemon, with what
// configuration.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { type Child, type Cleanup, runCommand, waitFor } from '../harness/children.ts';
import { answers } from '../harness/probe.ts';
import { Peer, type PeerSettings } from './peer.ts';

export const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export abstract class OpenVswitchPeer extends Peer {
  protected readonly tools = { vsctl: ['ovs-vsctl'], ofctl: ['ovs-ofctl'], appctl: ['ovs-appctl'] };
  /** How long the database and the daemon may take to answer. */
  protected abstract readonly startTimeoutMs: number;
  #database: Child | undefined;
  #daemon: Child | undefined;

  constructor(cleanup: Cleanup, settings: PeerSettings) {
    super('ovs', cleanup, settings);
  }

  get daemonPid(): number {
    return this.#daemon?.pid ?? -1;
  }

  get pids(): readonly number[] {
    return [this.#daemon, this.#database].flatMap((child) => (child ? [child.pid] : []));
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    await this.#database?.stop();
  }

  /** The database, made when it is not there yet, served by `server`. */
  protected async startDatabase(server: string): Promise<void> {
    const [database, socket] = [join(this.rundir, 'conf.db'), join(this.rundir, 'db.sock')];
    if (!existsSync(database)) await runCommand({ file: 'ovsdb-tool', args: ['create', database, SCHEMA] });
    const args = [database, `--remote=punix:${socket}`, `--unixctl=${this.rundir}/ovsdb.ctl`];
    this.#database = this.cleanup.spawn('ovsdb-server', this.command([server], args));
    await waitFor('ovsdb-server to answer', this.startTimeoutMs, () => answers(socket, 'list_dbs', []));
  }

  /** The daemon `file`, which logs to `log` when that is given; resolves when it answers. */
  protected async startDaemon(file: string, flags: readonly string[], log?: string): Promise<Child> {
    const args = [
      `unix:${this.rundir}/db.sock`,
      ...flags,
      '--disable-system',
      '--pidfile',
      `--unixctl=${this.unixctl}`,
    ];
    const daemon = this.cleanup.spawn('ovs-vswitchd', this.command([file], args), log);
    this.#daemon = daemon;
    await waitFor('ovs-vswitchd to answer', this.startTimeoutMs, async () => {
      if (daemon.exited) throw new UserError(`ovs-vswitchd ended: ${daemon.output}`);
      return answers(this.unixctl, 'version', []);
    });
    return daemon;
  }
}
