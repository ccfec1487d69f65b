// Open vSwitch as Debian has it, without DPDK and with no datapath but the dummy one: what the load scenario compares
// with, which needs no packets.

import { existsSync } from 'node:fs';
import { residentMemory } from '../harness/machine.ts';
import { OpenVswitchPeer, SCHEMA } from './open-vswitch.ts';
import type { StartCost } from './peer.ts';

/** Undefined when this peer can run here, else what is missing. */
export function ovsMissing(): string | undefined {
  return existsSync(SCHEMA) ? undefined : `${SCHEMA} is not there (apt-get install openvswitch-switch)`;
}

export class OvsPeer extends OpenVswitchPeer {
  readonly name = 'ovs';
  protected readonly startTimeoutMs = 20_000;

  async start(): Promise<StartCost> {
    await this.startDatabase('ovsdb-server');
    await this.vsctl(['--no-wait', 'init']);
    const startedMs = performance.now();
    const daemon = await this.startDaemon('ovs-vswitchd', ['--enable-dummy=override']);
    return { startMs: performance.now() - startedMs, ...residentMemory(daemon.pid) };
  }

  async version(): Promise<string> {
    return (await this.appctl(['version'])).trim();
  }
}
