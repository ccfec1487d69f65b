// A whole datapath on one thread, written for clarity: the ports that the control thread serves, a list of megaflows, and
// every upcall answered at once. The slow path is tested on it without workers, and the real datapath against it.
import { randomUUID } from 'node:crypto';
import type {
  DpAction,
  DpFlow,
  Dpif,
  DpifConfig,
  DpifStats,
  DpMeterStats,
  DpPort,
  FlowCounts,
  FlowPut,
  FlowStats,
  LinkSpeed,
  PmdStats,
  PortSpec,
  PortStats,
  RxqAssignment,
  UpcallSink,
} from '../../../datapath/dpif.ts';
import { KEY_DP_HASH, KEY_RECIRC_ID, KEY_TCP_FLAGS } from '../../../datapath/layout/flow-key.ts';
import type { PortDriver } from '../../../datapath/port/port.ts';
import { createPortDriver } from '../../../datapath/port/registry.ts';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { createIoPoller, type IoPoller } from '../../../lib/io-poller.ts';
import { NO_OFFLOAD } from '../memory-dpif.ts';
import { executeActions } from './execute.ts';
import { parseFrame } from './parse.ts';

const ETH_HEADER_SIZE = 14;
const RECIRC_DEPTH_MAX = 6;
const FLOW_LIMIT_DEFAULT = 200_000;

class ReferencePort implements DpPort {
  readonly name: string;
  readonly type: PortSpec['type'];
  readonly odpPort: number;
  readonly driver: PortDriver;

  constructor(spec: PortSpec, odpPort: number, driver: PortDriver) {
    this.name = spec.name;
    this.type = spec.type;
    this.odpPort = odpPort;
    this.driver = driver;
  }
  get mac(): string | undefined {
    return this.driver.mac;
  }
  get mtu(): number | undefined {
    return this.driver.mtu;
  }
  get ifindex(): number | undefined {
    return this.driver.ifindex;
  }
  get linkUp(): boolean {
    return this.driver.linkUp;
  }
  get adminUp(): boolean {
    return this.driver.adminUp;
  }
  get linkResets(): number {
    return this.driver.linkResets;
  }
  get linkSpeed(): LinkSpeed | undefined {
    return this.driver.linkSpeed;
  }
  get error(): string | undefined {
    return this.driver.error;
  }
  status(): Record<string, string> {
    return this.driver.status();
  }
  stats(): PortStats {
    return this.driver.stats();
  }
  setAdminUp(up: boolean): void {
    this.driver.setAdminUp(up);
  }
  reconfigure(spec: PortSpec): Promise<boolean> {
    return this.driver.reconfigure(spec);
  }
}

class ReferenceFlow implements DpFlow {
  readonly ufid = randomUUID();
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  actions: readonly DpAction[];
  alive = true;
  note: object | undefined;
  #stats: FlowStats = { packets: 0n, bytes: 0n, usedMs: undefined, tcpFlags: 0 };

  constructor(put: FlowPut) {
    this.mask = put.mask.slice();
    this.key = put.key.map((byte, i) => byte & this.mask[i]!);
    this.actions = put.actions;
  }

  matches(key: Uint8Array): boolean {
    return this.key.every((byte, i) => byte === (key[i]! & this.mask[i]!));
  }

  count(frame: Uint8Array, key: Uint8Array, usedMs: number): void {
    const { packets, bytes, tcpFlags } = this.#stats;
    const flags = (key[KEY_TCP_FLAGS]! << 8) | key[KEY_TCP_FLAGS + 1]!;
    this.#stats = {
      packets: packets + 1n,
      bytes: bytes + BigInt(frame.length),
      usedMs,
      tcpFlags: tcpFlags | flags,
    };
  }

  stats(): FlowStats {
    return this.#stats;
  }

  readCounts(into: FlowCounts): void {
    const { packets, bytes, usedMs } = this.#stats;
    Object.assign(into, { packets: Number(packets), bytes: Number(bytes), usedMs: usedMs ?? 0 });
  }
}

export interface ReferenceOptions {
  readonly clock?: Clock;
  readonly io?: IoPoller;
  readonly rundir?: string;
}

export class ReferenceDpif implements Dpif {
  readonly offload = NO_OFFLOAD;
  readonly #clock: Clock;
  readonly #io: IoPoller;
  readonly #rundir: string;
  readonly #ports = new Map<number, ReferencePort>();
  readonly #flows = new Set<ReferenceFlow>();
  #listeners: ((port: DpPort) => void)[] = [];
  #sink: UpcallSink = () => ({ actions: [] });
  #flowLimit = FLOW_LIMIT_DEFAULT;
  #vlanLimit = 0;
  #hit = 0n;
  #missed = 0n;

  constructor(options: ReferenceOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#io = options.io ?? createIoPoller();
    this.#rundir = options.rundir ?? '/tmp';
  }

  async portAdd(spec: PortSpec): Promise<DpPort> {
    let odpPort = spec.odpPort ?? 1;
    while (this.#ports.has(odpPort)) odpPort++;
    const driver = createPortDriver(spec, {
      odpPort,
      clock: this.#clock,
      io: this.#io,
      rundir: this.#rundir,
      receive: (frame) => this.receive(frame, odpPort),
      changed: () => {
        for (const listener of this.#listeners) listener(port);
      },
    });
    const port = new ReferencePort(spec, odpPort, driver);
    this.#ports.set(odpPort, port);
    await driver.open();
    return port;
  }

  async portDel(odpPort: number): Promise<void> {
    const port = this.#ports.get(odpPort);
    this.#ports.delete(odpPort);
    await port?.driver.close();
  }

  ports(): readonly DpPort[] {
    return [...this.#ports.values()];
  }
  onPortChange(listener: (port: DpPort) => void): void {
    this.#listeners.push(listener);
  }
  setUpcallSink(sink: UpcallSink): void {
    this.#sink = sink;
  }

  flowPut(put: FlowPut): DpFlow | undefined {
    const same = [...this.#flows].find((flow) => Buffer.compare(flow.mask, put.mask) === 0 && flow.matches(put.key));
    if (same) {
      same.actions = put.actions;
      return same;
    }
    if (this.#flows.size >= this.#flowLimit) return undefined;
    const flow = new ReferenceFlow(put);
    this.#flows.add(flow);
    return flow;
  }
  flowMod(flow: DpFlow, actions: readonly DpAction[]): void {
    (flow as ReferenceFlow).actions = actions;
  }
  flowDel(flow: DpFlow): void {
    (flow as ReferenceFlow).alive = false;
    this.#flows.delete(flow as ReferenceFlow);
  }
  flows(): Iterable<DpFlow> {
    return [...this.#flows];
  }
  flowCount(): number {
    return this.#flows.size;
  }

  extract(packet: Uint8Array, inPort: number): Uint8Array {
    return parseFrame(packet, inPort, this.#vlanLimit).key;
  }

  execute(packet: Uint8Array, inPort: number, actions: readonly DpAction[]): void {
    this.#run(packet, inPort, actions, 0);
  }

  #run(packet: Uint8Array, inPort: number, actions: readonly DpAction[], depth: number): void {
    executeActions(packet, actions, {
      output: (port, frame) => this.#ports.get(port)?.driver.send?.(frame),
      userspace: (cookie, frame) => {
        const key = this.extract(frame, inPort);
        const upcall = { reason: 'action' as const, inPort, packet: frame, key, cookie, frameSize: frame.length };
        this.#sink(upcall);
      },
      recirculate: (id, dpHash, frame) => {
        const key = Buffer.from(this.extract(frame, inPort));
        key.writeUInt32BE(id, KEY_RECIRC_ID);
        key.writeUInt32BE(dpHash, KEY_DP_HASH);
        if (depth < RECIRC_DEPTH_MAX) this.#process(Buffer.from(frame), inPort, key, depth + 1);
      },
    });
  }

  receive(packet: Uint8Array, inPort: number): void {
    if (packet.length < ETH_HEADER_SIZE) return;
    this.#process(packet, inPort, this.extract(packet, inPort), 0);
  }

  #process(packet: Uint8Array, inPort: number, key: Uint8Array, depth: number): void {
    const flow = [...this.#flows].find((candidate) => candidate.matches(key));
    if (flow) {
      this.#hit++;
      flow.count(packet, key, this.#clock.nowMs());
      this.#run(packet, inPort, flow.actions, depth);
      return;
    }
    this.#missed++;
    const upcall = { reason: 'miss' as const, inPort, packet, key, cookie: 0, frameSize: packet.length };
    const { install, actions, installed } = this.#sink(upcall);
    const added = install && this.flowPut(install);
    if (added) installed?.(added);
    this.#run(packet, inPort, actions, depth);
  }

  meterAdd(): undefined {
    return undefined;
  }
  meterSet(): void {}
  meterDel(): void {}
  meterStats(): DpMeterStats {
    return { packets: 0n, bytes: 0n, bands: [] };
  }
  setPolicer(): void {}

  configure(config: DpifConfig): void {
    this.#flowLimit = config.flowLimit ?? FLOW_LIMIT_DEFAULT;
    this.#vlanLimit = config.vlanLimit ?? 0;
  }
  stats(): DpifStats {
    return { hit: this.#hit, missed: this.#missed, lost: 0n, flows: this.#flows.size };
  }
  pmdStats(): readonly PmdStats[] {
    return [];
  }
  clearPmdStats(): void {}
  rxqs(): readonly RxqAssignment[] {
    return [];
  }
  async barrier(): Promise<void> {}
  killPmd(): void {}
  async close(): Promise<void> {
    for (const port of this.#ports.values()) await port.driver.close();
    this.#ports.clear();
    await this.#io.close();
  }
}
