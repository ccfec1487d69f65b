// One switch of the offload scenario: its ports, its guests, and what is read off while frames flow. The ports are two
// vhost-user guests' or two functions of a NIC model; a second pair of vhost-user guests may share the PMD thread.

import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions } from '../bench-options.ts';
import type { Cleanup } from '../harness/children.ts';
import { GeneratorProcess } from '../harness/generator-process.ts';
import { PORT_A, PORT_B } from '../peers/peer.ts';
import { WeftPeer } from '../peers/weft.ts';
import { perAddress } from '../scenarios.ts';

export const TABLE_SIZE = 1000;
/** An idle PMD thread naps, in every case: it leaves its core to a card that has none of its own. */
const PMD_SLEEP_US = 200;
/** Guests of the second pair, which shares a core with the first, sleep so long when nothing moved. */
const OTHERS_YIELD_US = 50;
const OTHER_PORTS = [
  ['c', 3],
  ['d', 4],
] as const;

export interface Load {
  readonly pps: number;
  /** Of the second pair; NaN when there is none. */
  readonly othersPps: number;
  /** Share of its time that the PMD thread worked, in percent. */
  readonly pmdBusy: number;
}

export interface SessionSettings {
  readonly onCard: boolean;
  readonly flowCount: number;
  readonly cardCore: number;
}

export class Session {
  readonly peer: WeftPeer;
  readonly #options: BenchOptions;
  readonly #cleanup: Cleanup;
  readonly #settings: SessionSettings;
  #generator!: GeneratorProcess;
  #others: GeneratorProcess | undefined;

  constructor(options: BenchOptions, cleanup: Cleanup, settings: SessionSettings) {
    const { pmdCore, guestCore, hugepages } = options;
    this.#options = options;
    this.#cleanup = cleanup;
    this.#settings = settings;
    this.peer = new WeftPeer(cleanup, { pmdCore, controlCore: guestCore, hugepages });
  }

  async start(): Promise<void> {
    const { onCard, flowCount } = this.#settings;
    await this.peer.start();
    await this.peer.vsctl(['set', 'Open_vSwitch', '.', `other_config:pmd-sleep-max=${PMD_SLEEP_US}`]);
    if (onCard) await this.#addFunctions();
    else await this.peer.addPorts();
    const others = `in_port=${OTHER_PORTS[0][1]},actions=output:${OTHER_PORTS[1][1]}`;
    const flows = flowCount === 1 ? [`in_port=${PORT_A},actions=output:${PORT_B}`] : perAddress(flowCount);
    await this.peer.setFlows([...flows, others]);
    this.#generator = this.#pair(['a', 'b'], flowCount);
    await this.#generator.ready();
  }

  get generator(): GeneratorProcess {
    return this.#generator;
  }

  async offload(isOn: boolean): Promise<void> {
    await this.peer.vsctl(['set', 'Open_vSwitch', '.', `other_config:hw-offload=${isOn}`]);
  }

  /** Adds the second pair, and has it send. */
  async addOthers(): Promise<void> {
    const port = ([side, ofPort]: (typeof OTHER_PORTS)[number]) => [
      ...['--', 'add-port', 'br0', side, '--', 'set', 'Interface', side, 'type=dpdkvhostuserclient'],
      ...[`options:vhost-server-path=${this.#socket(side)}`, `ofport_request=${ofPort}`],
    ];
    await this.peer.vsctl(OTHER_PORTS.flatMap(port).slice(1));
    this.#others = this.#pair(['c', 'd'], 1, ['--yield-us', String(OTHERS_YIELD_US)]);
    await this.#others.ready();
    this.#others.send('start');
  }

  /** What passes while everybody sends, after `warmUpMs`. */
  async measure(warmUpMs: number): Promise<Load> {
    await sleep(warmUpMs);
    await this.peer.appctl(['dpif-netdev/pmd-stats-clear']);
    const before = await this.#counts();
    await sleep(this.#options.durationMs);
    const after = await this.#counts();
    const [pps, othersPps] = after.map(({ timeMs, received }, i) => {
      const { timeMs: startMs, received: had } = before[i]!;
      return ((received - had) * 1000) / (timeMs - startMs);
    });
    const pmdBusy = busyShare(await this.peer.appctl(['dpif-netdev/pmd-stats-show']));
    return { pps: pps!, othersPps: othersPps ?? Number.NaN, pmdBusy };
  }

  async stop(): Promise<void> {
    await this.#others?.stop();
    await this.#generator?.stop();
    await this.peer.stop();
  }

  async #counts(): Promise<{ timeMs: number; received: number }[]> {
    const generators = [this.#generator, ...(this.#others ? [this.#others] : [])];
    const all = await Promise.all(generators.map((generator) => generator.stats()));
    return all.map(({ timeMs, guests }) => ({ timeMs, received: guests[1]?.rxPackets ?? 0 }));
  }

  #socket(side: string): string {
    return `${this.peer.rundir}/guest-${side}.sock`;
  }

  #pair([from, to]: readonly [string, string], flowCount: number, more: readonly string[] = []): GeneratorProcess {
    const { ringSize, guestCore, hugepages } = this.#options;
    return new GeneratorProcess(this.#cleanup, [
      ...['--guest', `side=a,role=tx,listen=${this.#socket(from)}`],
      ...['--guest', `side=b,role=rx,listen=${this.#socket(to)}`],
      ...['--size', '64', '--ring', String(ringSize), '--core', String(guestCore), '--mode', 'saturating'],
      ...['--flows', String(flowCount), ...(hugepages ? [] : ['--no-hugepages']), ...more],
    ]);
  }

  async #addFunctions(): Promise<void> {
    const ends = ['a', 'b'].map((side, vf) => `vf${vf}-end=vhost-client,vf${vf}-path=${this.#socket(side)}`);
    const line = `vfs=2,table-size=${TABLE_SIZE},core=${this.#settings.cardCore},${ends.join(',')}`;
    await this.peer.vsctl(['set', 'Open_vSwitch', '.', `other_config:nic-model0="${line}"`]);
    await this.peer.addBridge();
    const port = (vf: number, ofPort: number) => [
      ...['--', 'add-port', 'br0', `vf${vf}`, '--', 'set', 'Interface', `vf${vf}`, 'type=vf', 'options:nic=model0'],
      ...[`options:vf=${vf}`, `ofport_request=${ofPort}`],
    ];
    await this.peer.vsctl([...port(0, PORT_A), ...port(1, PORT_B)].slice(1));
  }
}

/** `processing cycles: N (12.34%)` of the first PMD thread. */
function busyShare(text: string): number {
  return Number(/processing cycles:\s*\d+ \(([\d.]+)%\)/.exec(text)?.[1] ?? 'NaN');
}
