// createDpif(): the datapath behind its door (datapath/dpif.ts): one by itself (eswitch.ts), and the cards that forward some
// of its packets: PCI functions by VFIO, and the offload engine.

import { type Clock, systemClock } from '../lib/clock.ts';
import type { DpAction } from './actions.ts';
import type { DmaServices } from './arena/dma-memory.ts';
import type { DpFlow, Dpif, DpifConfig, DpMeterBand, DpMeterStats, LateCounts, OdpPort } from './dpif.ts';
import { Eswitch, type EswitchOptions } from './eswitch.ts';
import { InstalledFlow } from './flow/installed-flow.ts';
import { sumOfMeters } from './meter-counts.ts';
import { OffloadEngine } from './nic/offload/engine.ts';
import type { Place } from './nic/offload/place.ts';
import { PortCountTable } from './nic/offload/port-counts.ts';
import { NicRegistry } from './nic/registry.ts';
import type { FunctionOpener } from './nic/vfio/pci-function.ts';
import { VfioOpener } from './nic/vfio/vfio-function.ts';
import { VfioProvider } from './nic/vfio/vfio-provider.ts';

export interface DatapathOptions extends EswitchOptions {
  /** Where `vf` ports find their cards. */
  readonly nics?: NicRegistry;
  /** How PCI functions are opened; by VFIO when absent. */
  readonly functions?: (services: DmaServices) => FunctionOpener;
}

/** Starts a datapath. Throws UserError when the packet memory cannot be had. */
export function createDpif(options: DatapathOptions): Dpif {
  return new Datapath(options);
}

class Datapath extends Eswitch implements Dpif {
  readonly offload: OffloadEngine;
  readonly #nics: NicRegistry;
  readonly #pci: VfioProvider;

  constructor({ nics = new NicRegistry(), functions, ...options }: DatapathOptions) {
    const clock: Clock = options.clock ?? systemClock;
    const counts = new PortCountTable();
    // No port is there before the engine is.
    let offload: OffloadEngine | undefined;
    const placed = async (odpPort: OdpPort, place: Place | undefined) => {
      offload!.setPlace(odpPort, place);
      await offload!.settled();
    };
    super(options, { nics, counts, placed });
    offload = new OffloadEngine({
      flows: this.flowTable,
      clock,
      ports: counts,
      portName: (odpPort) => this.portName(odpPort),
      chargeMeter: (id, more) => this.meters.charge(id, more),
    });
    this.offload = offload;
    this.flowTable.observer = offload;
    const services = { arena: this.arena, windows: this.windows };
    this.#pci = new VfioProvider(functions?.(services) ?? new VfioOpener(services), clock, () => nics.retry());
    nics.add(this.#pci);
    this.#nics = nics;
  }

  override flowMod(flow: DpFlow, actions: readonly DpAction[], late?: (counts: LateCounts) => void): void {
    if (late && flow instanceof InstalledFlow && flow.alive) this.offload.changing(flow, late);
    super.flowMod(flow, actions);
  }

  override flowDel(flow: DpFlow, late?: (counts: LateCounts) => void): void {
    if (late && flow instanceof InstalledFlow) this.offload.removing(flow, late);
    super.flowDel(flow);
  }

  override meterAdd(bands: readonly DpMeterBand[]): number | undefined {
    const id = super.meterAdd(bands);
    if (id !== undefined) this.offload.meters.set(id, bands);
    return id;
  }

  override meterSet(id: number, bands: readonly DpMeterBand[]): void {
    super.meterSet(id, bands);
    this.offload.meters.set(id, bands);
  }

  override meterDel(id: number): void {
    super.meterDel(id);
    this.offload.meters.delete(id);
  }

  override meterStats(id: number): DpMeterStats {
    const [own, cards] = [super.meterStats(id), this.offload.meters.countsOf(id)];
    return cards ? sumOfMeters(own, cards) : own;
  }

  override setPolicer(odpPort: OdpPort, bands: readonly DpMeterBand[]): void {
    super.setPolicer(odpPort, bands);
    this.offload.setPoliced(odpPort, bands.length > 0);
  }

  override configure(config: DpifConfig): void {
    super.configure(config);
    this.offload.configure(config.hwOffload ?? false, config.vlanLimit ?? 0);
  }

  override async barrier(): Promise<void> {
    await Promise.all([this.offload.settled(), super.barrier()]);
  }

  protected override async closeCards(): Promise<void> {
    this.offload.close();
    this.#nics.remove(this.#pci);
    await this.#pci.close();
  }
}
