// Open vSwitch as Debian has it, without DPDK and with no datapath but the dummy one: what the load scenario compares
// with, which needs no packets.

import { existsSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';
import { type Child, type Cleanup, runCommand, waitFor } from '../harness/children.ts';
import { residentMemory } from '../harness/machine.ts';
import { answers } from '../harness/probe.ts';
import { Peer, type PeerSettings, type StartCost } from './peer.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const START_TIMEOUT_MS = 20_000;

/** Undefined when this peer can run here, else what is missing. */
export function ovsMissing(): string | undefined {
  return existsSync(SCHEMA) ? undefined : `${SCHEMA} is not there (apt-get install openvswitch-switch)`;
}

export class OvsPeer extends Peer {
  readonly name = 'ovs';
  protected readonly tools = { vsctl: ['ovs-vsctl'], ofctl: ['ovs-ofctl'], appctl: ['ovs-appctl'] };
  #database: Child | undefined;
  #daemon: Child | undefined;

  constructor(cleanup: Cleanup, settings: PeerSettings) {
    super('ovs', cleanup, settings);
  }

  async start(): Promise<StartCost> {
    const [database, socket] = [`${this.rundir}/conf.db`, `${this.rundir}/db.sock`];
    if (!existsSync(database)) await runCommand({ file: 'ovsdb-tool', args: ['create', database, SCHEMA] });
    const serve = [database, `--remote=punix:${socket}`, `--unixctl=${this.rundir}/ovsdb.ctl`];
    this.#database = this.cleanup.spawn('ovsdb-server', this.command(['ovsdb-server'], serve));
    await waitFor('ovsdb-server to answer', START_TIMEOUT_MS, () => answers(socket, 'list_dbs', []));
    await this.vsctl(['--no-wait', 'init']);
    const startedMs = performance.now();
    const flags = ['--enable-dummy=override', '--disable-system', `--unixctl=${this.unixctl}`, '--pidfile'];
    const daemon = this.cleanup.spawn('ovs-vswitchd', this.command(['ovs-vswitchd'], [`unix:${socket}`, ...flags]));
    this.#daemon = daemon;
    await waitFor('ovs-vswitchd to answer', START_TIMEOUT_MS, () => {
      if (daemon.exited) throw new UserError(`ovs-vswitchd ended: ${daemon.output}`);
      return answers(this.unixctl, 'version', []);
    });
    return { startMs: performance.now() - startedMs, ...residentMemory(daemon.pid) };
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

  async version(): Promise<string> {
    return (await this.appctl(['version'])).trim();
  }
}
