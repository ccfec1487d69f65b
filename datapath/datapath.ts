// createDpif(): the datapath behind its door (datapath/dpif.ts), put together from its rooms: arena, hot module, PMD
// threads, megaflows, ports and the control thread's own path.

import { type Clock, systemClock } from '../lib/clock.ts';
import type { IoPoller } from '../lib/io-poller.ts';
import { logger } from '../lib/log.ts';
import { inSlices } from '../lib/slices.ts';
import { forwardBusErrors } from '../lib/syscalls/fault-signals.ts';
import { eventfdSignal } from '../lib/syscalls/fd.ts';
import type { DpAction } from './actions.ts';
import { Arena } from './arena/arena.ts';
import type { DmaServices } from './arena/dma-memory.ts';
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
import { Meters, sumOfMeters } from './meters.ts';
import { OffloadEngine } from './nic/offload/engine.ts';
import { NicRegistry } from './nic/registry.ts';
import type { FunctionOpener } from './nic/vfio/pci-function.ts';
import { VfioOpener } from './nic/vfio/vfio-function.ts';
import { VfioProvider } from './nic/vfio/vfio-provider.ts';
import { compileHot, instantiateHot } from './pmd/hot-module.ts';
import { PmdPool } from './pmd/pmd-pool.ts';
import { type PortCount, Ports } from './ports.ts';
import type { SlotView } from './slot-view.ts';
import { ThreadStats } from './thread-stats.ts';

const log = logger('dpif');

export interface DatapathOptions {
  readonly io: IoPoller;
  /** Where vhost-user sockets are made. */
  readonly rundir: string;
  readonly clock?: Clock;
  /** Where `vf` ports find their cards. */
  readonly nics?: NicRegistry;
  /** Lock weft's own memory (--mlockall). */
  readonly lockMemory?: boolean;
  /** How PCI functions are opened; by VFIO when absent. */
  readonly functions?: (services: DmaServices) => FunctionOpener;
}

/** A datapath that is the eSwitch of a NIC (datapath/nic/model): what a port does with packets of no flow is configured. */
export interface EswitchDpif extends Dpif {
  /** Packets from the port without a megaflow get these actions; undefined: they are upcalls, as everywhere. */
  setMissActions(odpPort: OdpPort, actions: readonly DpAction[] | undefined): void;
  missStats(odpPort: OdpPort): FlowStats | undefined;
  /** Packets from the port without a megaflow must have this source address; undefined: any. */
  setSource(odpPort: OdpPort, mac: Uint8Array | undefined): void;
  countsOf(odpPort: OdpPort): Readonly<Record<PortCount, bigint>>;
}

export function createEswitch(options: DatapathOptions): EswitchDpif {
  return new Datapath(options);
}

/** Starts a datapath. Throws UserError when the packet memory cannot be had. */
export function createDpif(options: DatapathOptions): Dpif {
  return new Datapath(options);
}

class Datapath implements EswitchDpif {
  readonly #quiescence: Quiescence;
  readonly #flows: FlowTable;
  readonly #missFlows: MissFlows;
  readonly #ports: Ports;
  readonly #pmds: PmdPool;
  readonly #rings: Rings;
  readonly #meters: Meters;
  readonly #control: ControlPath;
  readonly #stats: ThreadStats;
  readonly offload: OffloadEngine;
  readonly #nics: NicRegistry;
  readonly #pci: VfioProvider;
  readonly #threads = new Set<number>([MAIN_THREAD]);
  #sink: UpcallSink = () => ({ actions: [] });

  constructor({
    io,
    rundir,
    clock = systemClock,
    nics = new NicRegistry(),
    lockMemory = false,
    functions,
  }: DatapathOptions) {
    const arena = new Arena({ lock: lockMemory });
    if (!forwardBusErrors()) log.warn('a guest that truncates its memory can end this process: no SIGBUS forwarding');
    arena.backThread(MAIN_THREAD);
    const heap = new Heap(arena.views);
    const quiescence = new Quiescence(arena);
    const module = compileHot();
    const hot = instantiateHot(module, arena.memory, eventfdSignal);
    this.#quiescence = quiescence;
    this.#rings = new Rings(arena, heap, quiescence);
    this.#meters = new Meters(arena, heap, quiescence);
    this.#flows = new FlowTable(arena, heap, quiescence, hot, this.#threads);
    this.#missFlows = new MissFlows(arena, quiescence, this.#flows);
    this.offload = new OffloadEngine({
      flows: this.#flows,
      clock,
      portName: (odpPort) => this.#ports.name(odpPort),
      chargeMeter: (id, more) => this.#meters.charge(id, more),
    });
    this.#flows.observer = this.offload;
    this.#pmds = new PmdPool(arena, module, quiescence, this.#rings, this.#threads);
    this.#stats = new ThreadStats(arena);
    this.#control = new ControlPath(arena, hot, this.#flows.lists, this.#threads, () => clock.nowMs(), {
      upcall: (view) => this.#upcall(view),
      transmit: (outPort, frame) => this.#ports.transmit(outPort, frame),
      tick: () => this.#ports.tick(),
    });
    this.#pmds.onDeath.push((thread) => this.#control.resetThread(thread.index));
    const windows = new GuestWindows(arena.base);
    const opener = functions?.({ arena, windows }) ?? new VfioOpener({ arena, windows });
    this.#pci = new VfioProvider(opener, clock, () => nics.retry());
    nics.add(this.#pci);
    this.#nics = nics;
    this.#ports = new Ports({
      arena,
      heap,
      hot,
      quiescence,
      rings: this.#rings,
      windows,
      clock,
      io,
      rundir,
      nics,
      threads: this.#threads,
      receive: (frame, inPort) => this.#control.receive(frame, inPort),
      hardware: this.offload.ports,
      polledPortsChanged: (count) => this.#pmds.want(count > 0),
      placed: (odpPort, place) => {
        this.offload.setPlace(odpPort, place);
        return this.offload.settled();
      },
    });
  }

  portAdd(spec: PortSpec): Promise<DpPort> {
    return this.#ports.add(spec);
  }

  async portDel(odpPort: OdpPort): Promise<void> {
    // Thousands of them after a storm of new flows.
    await inSlices(this.#flows, (flow) => {
      if (flow.inPort === odpPort) this.#flows.remove(flow);
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
    return this.#flows.put(put);
  }

  flowMod(flow: DpFlow, actions: readonly DpAction[], late?: (counts: LateCounts) => void): void {
    if (!(flow instanceof InstalledFlow) || !flow.alive) return;
    if (late) this.offload.changing(flow, late);
    this.#flows.setActions(flow, actions);
  }

  flowDel(flow: DpFlow, late?: (counts: LateCounts) => void): void {
    if (!(flow instanceof InstalledFlow)) return;
    if (late) this.offload.removing(flow, late);
    this.#flows.remove(flow);
  }

  flows(): Iterable<DpFlow> {
    return this.#flows;
  }

  flowCount(): number {
    return this.#flows.size;
  }

  extract(packet: Uint8Array, inPort: OdpPort): Uint8Array {
    return this.#control.extract(packet, inPort);
  }

  execute(packet: Uint8Array, inPort: OdpPort, actions: readonly DpAction[]): void {
    const list = this.#flows.lists.acquire(actions);
    try {
      this.#control.execute(packet, inPort, list.offset);
    } finally {
      this.#flows.lists.release(list);
    }
  }

  receive(packet: Uint8Array, inPort: OdpPort): void {
    this.#control.receive(packet, inPort);
  }

  meterAdd(bands: readonly DpMeterBand[]): number | undefined {
    const id = this.#meters.add(bands);
    if (id !== undefined) this.offload.meters.set(id, bands);
    return id;
  }

  meterSet(id: number, bands: readonly DpMeterBand[]): void {
    this.#meters.set(id, bands);
    this.offload.meters.set(id, bands);
  }

  meterDel(id: number): void {
    this.#meters.delete(id);
    this.offload.meters.delete(id);
  }

  meterStats(id: number): DpMeterStats {
    return sumOfMeters(this.#meters.stats(id), this.offload.meters.countsOf(id));
  }

  setPolicer(odpPort: OdpPort, bands: readonly DpMeterBand[]): void {
    this.#meters.police(odpPort, bands);
    this.offload.setPoliced(odpPort, bands.length > 0);
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
    this.#flows.limit = Math.min(FLOW_MAX, config.flowLimit ?? FLOW_MAX);
    this.#control.setVlanLimit(config.vlanLimit ?? 0);
    this.offload.configure(config.hwOffload ?? false, config.vlanLimit ?? 0);
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
    return { hit, missed, lost, flows: this.#flows.size };
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
    await Promise.all([this.offload.settled(), this.#quiescence.barrier()]);
  }

  killPmd(core: number, how: 'trap' | 'exit'): void {
    this.#pmds.threads.find((thread) => thread.core === core)?.kill(how);
  }

  async close(): Promise<void> {
    await this.#ports.close();
    this.offload.close();
    this.#nics.remove(this.#pci);
    await this.#pci.close();
    await this.#pmds.close();
    this.#control.close();
  }

  /** Answer first, publish second: a thread that sees the new flow then also sees the answer (hot/upcall.ts). */
  #upcall(view: SlotView): void {
    const { isMiss, inPort } = view;
    const known = isMiss ? this.#flows.lookup(inPort, view.keyAt) : undefined;
    if (known) {
      this.#control.answer(view, known.actions, known.offset, true);
      return;
    }
    const { actions, install, installed } = this.#sink(view);
    if (!isMiss) {
      this.#control.discard(view);
      return;
    }
    const flow = install && this.#flows.prepare(install);
    this.#control.answer(view, actions, flow ? flow.offset : NONE, false);
    if (!flow) return;
    this.#flows.publish(flow);
    installed?.(flow);
  }
}
