// A weftd with one bridge for vhost-user ports, set up so that a machine of two cores stays usable: what the system
// tests with guests begin with. The bridge drops what no flow forwards.
//
//   const vswitch = await VhostSwitch.start();
//   const [a, b] = await vswitch.addPair('dpdkvhostuser');   // sockets; frames of one go to the other
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Weftd, type WeftdOptions } from './weftd.ts';

export const haveOvs = spawnSync('ovs-vsctl', ['--version']).status === 0;
/** Where PMD threads run: the last core. */
export const pmdCore = availableParallelism() - 1;

export type VhostType = 'dpdkvhostuser' | 'dpdkvhostuserclient';

/** Bridges are interfaces of the host: their names must not meet those of other tests. */
let bridgesMade = 0;

export interface PortCounters {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxDropped: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txDropped: number;
}

export class VhostSwitch {
  readonly weftd: Weftd;
  readonly bridge = `wv${process.pid % 100_000}x${bridgesMade++}`;
  #ports = 0;

  private constructor(options: WeftdOptions) {
    this.weftd = new Weftd({ ...options, env: { WEFT_TEST_HOOKS: '1', ...options.env } });
  }

  static async start(options: WeftdOptions = {}): Promise<VhostSwitch> {
    const vswitch = new VhostSwitch(options);
    try {
      await vswitch.weftd.start();
      const mask = `0x${(1 << pmdCore).toString(16)}`;
      await vswitch.weftd.vsctl(`set Open_vSwitch . other_config:pmd-cpu-mask=${mask} other_config:pmd-sleep-max=200`);
      const settings = 'datapath_type=netdev fail_mode=secure';
      await vswitch.weftd.vsctl(`add-br ${vswitch.bridge} -- set Bridge ${vswitch.bridge} ${settings}`);
    } catch (error) {
      await vswitch.close();
      throw error;
    }
    return vswitch;
  }

  /** Where the guest of a port connects, or listens. */
  socket(name: string): string {
    return join(this.weftd.dir, name);
  }

  /** Adds a port with the next OpenFlow port number; resolves with that number. */
  async addPort(name: string, type: VhostType): Promise<number> {
    const ofport = ++this.#ports;
    const path = type === 'dpdkvhostuserclient' ? ` options:vhost-server-path=${this.socket(name)}` : '';
    const iface = `set Interface ${name} type=${type}${path} ofport_request=${ofport}`;
    await this.weftd.vsctl(`add-port ${this.bridge} ${name} -- ${iface}`);
    return ofport;
  }

  /** Two ports, every frame of one going to the other; resolves with their numbers. */
  async addPair(names: readonly [string, string], type: VhostType): Promise<[number, number]> {
    const pair: [number, number] = [await this.addPort(names[0], type), await this.addPort(names[1], type)];
    await this.join(...pair);
    return pair;
  }

  async join(one: number, two: number): Promise<void> {
    await this.ofctl('add-flow', `in_port=${one},actions=output:${two}`);
    await this.ofctl('add-flow', `in_port=${two},actions=output:${one}`);
  }

  /** One ovs-ofctl command on the bridge. */
  ofctl(command: string, ...args: string[]): Promise<string> {
    return this.weftd.ofctl(command, this.bridge, ...args);
  }

  async linkUp(name: string): Promise<boolean> {
    return (await this.weftd.vsctl(`get Interface ${name} link_state`)) === 'up';
  }

  /** A port's counters, as `ovs-ofctl dump-ports` prints them. */
  async counters(name: string): Promise<PortCounters> {
    const text = await this.ofctl('dump-ports', name);
    const values = (direction: string) => {
      const found = new RegExp(`${direction} pkts=(\\d+), bytes=(\\d+), drop=(\\d+|\\?)`).exec(text);
      if (!found) throw new Error(`no ${direction} counters in ${text}`);
      return found.slice(1).map((word) => Number(word.replace('?', '0')));
    };
    const [rxPackets = 0, rxBytes = 0, rxDropped = 0] = values('rx');
    const [txPackets = 0, txBytes = 0, txDropped = 0] = values('tx');
    return { rxPackets, rxBytes, rxDropped, txPackets, txBytes, txDropped };
  }

  close(): Promise<void> {
    return this.weftd.close();
  }
}

/** Looks until `done`; throws naming what did not come. */
export async function eventually(
  what: string,
  done: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await done())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(50);
  }
}
