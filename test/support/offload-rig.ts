// The offload engine over a list of megaflows, a card in memory and a virtual clock: ports 1-3 are on the card as its vports
// 11-13, port 9 is on none.
import type { DpAction, DpFlow, FlowCounts, LateCounts } from '../../datapath/dpif.ts';
import { KEY_ETH_TYPE, KEY_IN_PORT, KEY_NW_DST, KEY_SIZE } from '../../datapath/layout/flow-key.ts';
import { OffloadEngine } from '../../datapath/nic/offload/engine.ts';
import type { HardwareTotals, OffloadFlow } from '../../datapath/nic/offload/entry.ts';
import { PortCountTable } from '../../datapath/nic/offload/port-counts.ts';
import type { NicCapabilities } from '../../datapath/nic/provider.ts';
import { VirtualClock } from '../../lib/clock.ts';
import { MemoryNic } from './memory-nic.ts';

export const output = (port: number): DpAction => ({ type: 'output', port });

export class RigFlow implements OffloadFlow {
  readonly key = new Uint8Array(KEY_SIZE);
  readonly mask = new Uint8Array(KEY_SIZE);
  readonly inPort: number;
  actions: readonly DpAction[];
  alive = true;
  hardware: HardwareTotals | undefined;
  /** What software forwarded. */
  packets = 0;

  constructor(inPort: number, destination: number, actions: readonly DpAction[]) {
    this.inPort = inPort;
    this.actions = actions;
    this.match(KEY_IN_PORT, inPort, 4);
    this.match(KEY_ETH_TYPE, 0x0800, 2);
    this.match(KEY_NW_DST, destination, 4);
  }

  match(at: number, value: number, size: number): void {
    Buffer.from(this.key.buffer).writeUIntBE(value, at, size);
    this.mask.fill(0xff, at, at + size);
  }

  readCounts(into: FlowCounts): void {
    into.packets = this.packets + (this.hardware?.packets ?? 0);
    into.bytes = 100 * this.packets + (this.hardware?.bytes ?? 0);
    into.usedMs = this.hardware?.usedMs ?? 0;
  }

  counts(): FlowCounts {
    const into = { packets: 0, bytes: 0, usedMs: 0 };
    this.readCounts(into);
    return into;
  }
}

export class OffloadRig {
  readonly clock = new VirtualClock(1_000_000);
  readonly flows = new Set<RigFlow>();
  readonly nic: MemoryNic;
  readonly engine: OffloadEngine;
  /** What was counted by meters in cards. */
  readonly charges: [id: number, packets: bigint][] = [];

  constructor(capabilities: Partial<NicCapabilities> = {}, answerMsMax = 10_000) {
    this.nic = new MemoryNic('nic0', capabilities);
    const portName = (port: number) => `p${port}`;
    this.engine = new OffloadEngine({
      flows: this.flows,
      clock: this.clock,
      ports: new PortCountTable(),
      portName,
      chargeMeter: (id, { packets }) => this.charges.push([id, packets]),
      answerMsMax,
    });
    for (const port of [1, 2, 3]) this.place(port);
    this.engine.configure(true, 0);
  }

  place(port: number): void {
    this.engine.setPlace(port, { card: this.nic, vport: port + 10 });
  }

  install(inPort: number, destination: number, actions: readonly DpAction[]): RigFlow {
    const flow = new RigFlow(inPort, destination, actions);
    this.flows.add(flow);
    this.engine.installed(flow);
    return flow;
  }

  change(flow: RigFlow, actions: readonly DpAction[], late?: (counts: LateCounts) => void): void {
    this.engine.changing(flow, late);
    flow.actions = actions;
  }

  remove(flow: RigFlow, late?: (counts: LateCounts) => void): void {
    this.engine.removing(flow, late);
    flow.alive = false;
    this.flows.delete(flow);
  }

  state(flow: RigFlow) {
    return this.engine.stateOf(flow as unknown as RigFlow & DpFlow);
  }

  /** By which flow the card forwards a packet of `flow`. */
  hit(flow: RigFlow, size = 100): readonly DpAction[] | undefined {
    const key = flow.key.slice();
    new DataView(key.buffer).setUint32(KEY_IN_PORT, flow.inPort + 10);
    return this.nic.hit(key, size)?.actions;
  }

  /** Lets everything happen that waits for nothing else. */
  async idle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass, with the readings and rankings that fall due. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.warp(Math.min(250, left));
      await this.idle();
    }
  }
}
