// Open vSwitch with DPDK as a peer: Debian's openvswitch-switch-dpdk with an ovsdb-server of its own.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, waitFor } from '../harness/children.ts';
import { residentMemory } from '../harness/machine.ts';
import { OpenVswitchPeer, SCHEMA } from './open-vswitch.ts';
import type { StartCost } from './peer.ts';

const VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk';
const OVSDB_SERVER = '/usr/sbin/ovsdb-server';
const DPDK_PLUGINS = '/usr/lib/x86_64-linux-gnu';
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

export class OvsDpdkPeer extends OpenVswitchPeer {
  readonly name = 'ovs-dpdk';
  protected readonly startTimeoutMs = 40_000;

  async start(): Promise<StartCost> {
    await this.startDatabase(OVSDB_SERVER);
    await this.#configure();
    const startedMs = performance.now();
    const daemon = await this.startDaemon(VSWITCHD, [], join(this.rundir, 'ovs-vswitchd.log'));
    // The sockets answer for a moment before DPDK's initialisation holds the main thread: that belongs to the start.
    await waitFor('DPDK to be initialised', this.startTimeoutMs, async () => {
      const value = await this.vsctl(['get', 'Open_vSwitch', '.', 'dpdk_initialized']);
      return value.trim() === 'true';
    });
    return { startMs: performance.now() - startedMs, ...residentMemory(daemon.pid) };
  }

  async version(): Promise<string> {
    return (await runCommand({ file: VSWITCHD, args: ['--version'] })).split('\n').filter(Boolean).join(', ');
  }

  async #configure(): Promise<void> {
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
