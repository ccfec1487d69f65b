// A datapath by itself, put together from its rooms: arena, hot module, PMD threads, megaflows, ports and the control
// thread's own path. The eSwitch of a NIC model (nic/model) is no more than that; the host's has cards beside it
// (datapath.ts).

import { type Clock, systemClock } from '../lib/clock.ts';
import type { IoPoller } from '../lib/io-poller.ts';
import { logger } from '../lib/log.ts';
import { inSlices } from '../lib/slices.ts';
import { forwardBusErrors } from '../lib/syscalls/fault-signals.ts';
import { eventfdSignal } from '../lib/syscalls/fd.ts';
import type { DpAction } from './actions.ts';
import { Arena } from './arena/arena.ts';
import { GuestWindows } from './arena/guest-windows.ts';
import { Heap } from './arena/heap.ts';
import { NONE } from './arena/offset.ts';
import { Quiescence } from './arena/quiesce.ts';
import { ControlPath, MAIN_THREAD } from './control-path.ts';
import type {
  DpFlow,
  Dpif,
  DpifConfig,
  DpifStats,
  DpMeterBand,
  DpMeterStats,
  DpPort,
  FlowPut,
  FlowStats,
  LateCounts,
  OdpPort,
  PmdStats,
  PortSpec,
  RxqAssignment,
  UpcallSink,
} from './dpif.ts';
import { FlowTable } from './flow/flow-table.ts';
import { InstalledFlow } from './flow/installed-flow.ts';
import { MissFlows } from './flow/miss-flows.ts';
import { Rings } from './guest/rings.ts';
import { FLOW_MAX } from './layout/memory-map.ts';
import { Meters } from './meters.ts';
import type { Place } from './nic/offload/place.ts';
import { NicRegistry } from './nic/registry.ts';
import { compileHot, instantiateHot } from './pmd/hot-module.ts';
import { PmdPool } from './pmd/pmd-pool.ts';
import { type CardCounts, type PortCount, Ports } from './ports.ts';
import type { SlotView } from './slot-view.ts';
import { ThreadStats } from './thread-stats.ts';

const log = logger('dpif');

export interface EswitchOptions {
  readonly io: IoPoller;
  /** Where vhost-user sockets are made. */
  readonly rundir: string;
  readonly clock?: Clock;
  /** Lock weft's own memory (--mlockall). */
  readonly lockMemory?: boolean;
}

/** What a port does with packets of no flow is configured here. */
export interface EswitchDpif extends Omit<Dpif, 'offload'> {
  /** Packets from the port without a megaflow get these actions; undefined: they are upcalls, as everywhere. */
  setMissActions(odpPort: OdpPort, actions: readonly DpAction[] | undefined): void;
  missStats(odpPort: OdpPort): FlowStats | undefined;
  /** Packets from the port without a megaflow must have this source address; undefined: any. */
  setSource(odpPort: OdpPort, mac: Uint8Array | undefined): void;
  countsOf(odpPort: OdpPort): Readonly<Record<PortCount, bigint>>;
}

/** Starts a datapath without cards. Throws UserError when the packet memory cannot be had. */
export function createEswitch(options: EswitchOptions): EswitchDpif {
  return new Eswitch(options);
}

/** The part that cards take in forwarding a port's packets. */
export interface CardsPart {
  readonly nics: NicRegistry;
  /** What they forwarded. */
  readonly counts: CardCounts;
  /** Where on a card a port is that works; resolves when the card knows of it. */
  placed(odpPort: OdpPort, place: Place | undefined): Promise<void>;
}

const NO_COUNTS: CardCounts = { of: () => undefined, forget: () => {} };

export class Eswitch implements EswitchDpif {
  readonly #quiescence: Quiescence;
  protected readonly arena: Arena;
  protected readonly windows: GuestWindows;
  protected readonly flowTable: FlowTable;
  readonly #missFlows: MissFlows;
  readonly #ports: Ports;
  readonly #pmds: PmdPool;
  readonly #rings: Rings;
  protected readonly meters: Meters;
  readonly #control: ControlPath;
  readonly #stats: ThreadStats;
  readonly #threads = new Set<number>([MAIN_THREAD]);
  #sink: UpcallSink = () => ({ actions: [] });

  /** `cards`: absent where there are none. */
  constructor({ io, rundir, clock = systemClock, lockMemory = false }: EswitchOptions, cards?: CardsPart) {
    const arena = new Arena({ lock: lockMemory });
    if (!forwardBusErrors()) log.warn('a guest that truncates its memory can end this process: no SIGBUS forwarding');
    arena.backThread(MAIN_THREAD);
    const heap = new Heap(arena.views);
    const quiescence = new Quiescence(arena);
    const module = compileHot();
    const hot = instantiateHot(module, arena.memory, eventfdSignal);
    this.#quiescence = quiescence;
    this.#rings = new Rings(arena, heap, quiescence);
    this.meters = new Meters(arena, heap, quiescence);
    this.flowTable = new FlowTable(arena, heap, quiescence, hot, this.#threads);
    this.#missFlows = new MissFlows(arena, quiescence, this.flowTable);
    this.#pmds = new PmdPool(arena, module, quiescence, this.#rings, this.#threads);
    this.#stats = new ThreadStats(arena);
    this.#control = new ControlPath(arena, hot, this.flowTable.lists, this.#threads, () => clock.nowMs(), {
      upcall: (view) => this.#upcall(view),
      transmit: (outPort, frame) => this.#ports.transmit(outPort, frame),
      tick: () => this.#ports.tick(),
    });
    this.#pmds.onDeath.push((thread) => this.#control.resetThread(thread.index));
    this.arena = arena;
    this.windows = new GuestWindows(arena.base);
    this.#ports = new Ports({
      arena,
      heap,
      hot,
      quiescence,
      rings: this.#rings,
      windows: this.windows,
      clock,
      io,
      rundir,
      nics: cards?.nics ?? new NicRegistry(),
      threads: this.#threads,
      receive: (frame, inPort) => this.#control.receive(frame, inPort),
      hardware: cards?.counts ?? NO_COUNTS,
      polledPortsChanged: (count) => this.#pmds.want(count > 0),
      placed: (odpPort, place) => cards?.placed(odpPort, place) ?? Promise.resolve(),
    });
  }

  portAdd(spec: PortSpec): Promise<DpPort> {
    return this.#ports.add(spec);
  }

  async portDel(odpPort: OdpPort): Promise<void> {
    // Thousands of them after a storm of new flows.
    await inSlices(this.flowTable, (flow) => {
      if (flow.inPort === odpPort) this.flowTable.remove(flow);
    });
    this.setPolicer(odpPort, []);
    this.#missFlows.set(odpPort, undefined);
    this.#missFlows.setSource(odpPort, undefined);
    await this.#ports.remove(odpPort);
  }

  ports(): readonly DpPort[] {
    return this.#ports.list();
  }

  onPortChange(listener: (port: DpPort) => void): void {
    this.#ports.onChange(listener);
  }

  setUpcallSink(sink: UpcallSink): void {
    this.#sink = sink;
  }

  flowPut(put: FlowPut): DpFlow | undefined {
    return this.flowTable.put(put);
  }

  flowMod(flow: DpFlow, actions: readonly DpAction[], _late?: (counts: LateCounts) => void): void {
    if (flow instanceof InstalledFlow && flow.alive) this.flowTable.setActions(flow, actions);
  }

  flowDel(flow: DpFlow, _late?: (counts: LateCounts) => void): void {
    if (flow instanceof InstalledFlow) this.flowTable.remove(flow);
  }

  flows(): Iterable<DpFlow> {
    return this.flowTable;
  }

  flowCount(): number {
    return this.flowTable.size;
  }

  extract(packet: Uint8Array, inPort: OdpPort): Uint8Array {
    return this.#control.extract(packet, inPort);
  }

  execute(packet: Uint8Array, inPort: OdpPort, actions: readonly DpAction[]): void {
    const list = this.flowTable.lists.acquire(actions);
    try {
      this.#control.execute(packet, inPort, list.offset);
    } finally {
      this.flowTable.lists.release(list);
    }
  }

  receive(packet: Uint8Array, inPort: OdpPort): void {
    this.#control.receive(packet, inPort);
  }

  meterAdd(bands: readonly DpMeterBand[]): number | undefined {
    return this.meters.add(bands);
  }

  meterSet(id: number, bands: readonly DpMeterBand[]): void {
    this.meters.set(id, bands);
  }

  meterDel(id: number): void {
    this.meters.delete(id);
  }

  meterStats(id: number): DpMeterStats {
    return this.meters.stats(id);
  }

  setPolicer(odpPort: OdpPort, bands: readonly DpMeterBand[]): void {
    this.meters.police(odpPort, bands);
  }

  setMissActions(odpPort: OdpPort, actions: readonly DpAction[] | undefined): void {
    this.#missFlows.set(odpPort, actions);
  }

  missStats(odpPort: OdpPort): FlowStats | undefined {
    return this.#missFlows.stats(odpPort);
  }

  setSource(odpPort: OdpPort, mac: Uint8Array | undefined): void {
    this.#missFlows.setSource(odpPort, mac);
  }

  countsOf(odpPort: OdpPort): Readonly<Record<PortCount, bigint>> {
    return this.#ports.countsOf(odpPort);
  }

  configure(config: DpifConfig): void {
    this.flowTable.limit = Math.min(FLOW_MAX, config.flowLimit ?? FLOW_MAX);
    this.#control.setVlanLimit(config.vlanLimit ?? 0);
    this.#pmds.configure(config.pmdCpuMask, config.pmdSleepUsMax ?? 0, config.pmdGivesWay ?? false);
  }

  stats(): DpifStats {
    let hit = 0n;
    let missed = 0n;
    let lost = 0n;
    for (const thread of this.#threads) {
      const totals = this.#stats.totals(thread);
      hit += totals.hit;
      missed += totals.missed;
      lost += totals.lost;
    }
    return { hit, missed, lost, flows: this.flowTable.size };
  }

  pmdStats(): readonly PmdStats[] {
    const pmds = this.#pmds.threads.map((thread) =>
      this.#stats.read(thread.index, thread.name, thread.core, thread.restarts),
    );
    return [...pmds, this.#stats.read(MAIN_THREAD, 'main', undefined, 0)];
  }

  clearPmdStats(): void {
    this.#stats.clear(this.#threads);
  }

  rxqs(): readonly RxqAssignment[] {
    return this.#rings.assignments();
  }

  async barrier(): Promise<void> {
    await this.#quiescence.barrier();
  }

  portName(odpPort: OdpPort): string {
    return this.#ports.name(odpPort);
  }

  killPmd(core: number, how: 'trap' | 'exit'): void {
    this.#pmds.threads.find((thread) => thread.core === core)?.kill(how);
  }

  async close(): Promise<void> {
    await this.#ports.close();
    await this.closeCards();
    await this.#pmds.close();
    this.#control.close();
  }

  /** Between the last port and the last thread. */
  protected async closeCards(): Promise<void> {}

  /** Answer first, publish second: a thread that sees the new flow then also sees the answer (hot/upcall.ts). */
  #upcall(view: SlotView): void {
    const { isMiss, inPort } = view;
    const known = isMiss ? this.flowTable.lookup(inPort, view.keyAt) : undefined;
    if (known) {
      this.#control.answer(view, known.actions, known.offset, true);
      return;
    }
    const { actions, install, installed } = this.#sink(view);
    if (!isMiss) {
      this.#control.discard(view);
      return;
    }
    const flow = install && this.flowTable.prepare(install);
    this.#control.answer(view, actions, flow ? flow.offset : NONE, false);
    if (!flow) return;
    this.flowTable.publish(flow);
    installed?.(flow);
  }
}
