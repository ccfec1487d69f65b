// Open vSwitch with DPDK as a peer: Debian's openvswitch-switch-dpdk with an ovsdb-server of its own.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { type Child, type Cleanup, runCommand, waitFor } from '../harness/children.ts';
import { residentMemory } from '../harness/machine.ts';
import { answers } from '../harness/probe.ts';
import { Peer, type PeerSettings, type StartCost } from './peer.ts';

const VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk';
const OVSDB_SERVER = '/usr/sbin/ovsdb-server';
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const DPDK_PLUGINS = '/usr/lib/x86_64-linux-gnu';
const START_TIMEOUT_MS = 40_000;
const SOCKET_MEMORY_MIB = 384;

/** Undefined when this peer can run here, else what is missing. */
export function ovsDpdkMissing(): string | undefined {
  for (const file of [VSWITCHD, OVSDB_SERVER, SCHEMA]) {
    if (!existsSync(file)) return `${file} is not there (apt-get install openvswitch-switch-dpdk)`;
  }
  if (!hasMempoolDriver()) return "DPDK's mempool driver is not there (apt-get install librte-mempool-ring23)";
  return process.getuid?.() === 0 ? undefined : 'OVS-DPDK needs root';
}

/** Without this plug-in, only recommended by the package, every port stays down with an 'Invalid argument'. */
function hasMempoolDriver(): boolean {
  return (
    !existsSync(DPDK_PLUGINS) ||
    readdirSync(DPDK_PLUGINS, { recursive: true }).some((file) => String(file).includes('librte_mempool_ring.so'))
  );
}

export class OvsDpdkPeer extends Peer {
  readonly name = 'ovs-dpdk';
  protected readonly tools = {
    vsctl: ['ovs-vsctl'],
    ofctl: ['ovs-ofctl'],
    appctl: ['ovs-appctl'],
  };
  #database: Child | undefined;
  #daemon: Child | undefined;

  constructor(cleanup: Cleanup, settings: PeerSettings) {
    super('ovs', cleanup, settings);
  }

  async start(): Promise<StartCost> {
    await this.#startDatabase();
    const startedMs = performance.now();
    const args = [`unix:${this.rundir}/db.sock`, '--disable-system', '--pidfile', `--unixctl=${this.unixctl}`];
    const log = join(this.rundir, 'ovs-vswitchd.log');
    const daemon = this.cleanup.spawn('ovs-vswitchd', this.command([VSWITCHD], args), log);
    this.#daemon = daemon;
    await waitFor('ovs-vswitchd to answer', START_TIMEOUT_MS, async () => {
      if (daemon.exited) throw new UserError(`ovs-vswitchd ended: ${daemon.output}`);
      return answers(this.unixctl, 'version', []);
    });
    // The sockets answer for a moment before DPDK's initialisation holds the main thread: that belongs to the start.
    await waitFor('DPDK to be initialised', START_TIMEOUT_MS, async () => {
      const value = await this.vsctl(['get', 'Open_vSwitch', '.', 'dpdk_initialized']);
      return value.trim() === 'true';
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
    return (await runCommand({ file: VSWITCHD, args: ['--version'] })).split('\n').filter(Boolean).join(', ');
  }

  async #startDatabase(): Promise<void> {
    const database = join(this.rundir, 'conf.db');
    const socket = join(this.rundir, 'db.sock');
    if (!existsSync(database)) await runCommand({ file: 'ovsdb-tool', args: ['create', database, SCHEMA] });
    const args = [database, `--remote=punix:${socket}`, `--unixctl=${this.rundir}/ovsdb.ctl`];
    this.#database = this.cleanup.spawn('ovsdb-server', this.command([OVSDB_SERVER], args));
    await waitFor('ovsdb-server to answer', START_TIMEOUT_MS, () => answers(socket, 'list_dbs', []));
    const memory = this.settings.hugepages ? '--in-memory' : '--no-huge';
    const config = [
      'dpdk-init=true',
      `dpdk-extra="--no-pci ${memory}"`,
      `pmd-cpu-mask=${this.pmdMask}`,
      `dpdk-lcore-mask=0x${(1n << BigInt(this.settings.controlCore)).toString(16)}`,
      `dpdk-socket-mem="${SOCKET_MEMORY_MIB}"`,
      // Pools sized for the ports at hand instead of one for a whole host: it fits, and stays in the caches.
      'per-port-memory=true',
    ];
    const settings = config.map((entry) => `other_config:${entry}`);
    await this.vsctl(['--no-wait', 'init', '--', 'set', 'Open_vSwitch', '.', ...settings]);
  }
}
