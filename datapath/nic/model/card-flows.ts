// The card's flow table: hardware flows as megaflows of the card's own datapath. A flow of a function whose sources are
// checked also matches the function's address, so that a spoofed packet finds none; such flows are made anew when the address
// or the check changes, and their counts go on.

import { type DpAction, type DpFlow, mapDpActions } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import { KEY_ETH_SRC, KEY_IN_PORT, KEY_RECIRC_ID } from '../../layout/flow-key.ts';
import type { FlowHandle, HardwareCounts, HardwareFlow, InsertResult, NicCapabilities, Vport } from '../provider.ts';
import { eachAction, unsupported } from './capabilities.ts';
import type { CardMeters } from './card-meters.ts';
import { OutputCounters } from './output-counters.ts';

interface CardFlow {
  readonly wanted: HardwareFlow;
  readonly vport: Vport;
  /** undefined while its port is away, or the check leaves it no packet. */
  installed: DpFlow | undefined;
  /** Its actions in our ports and meters, with what counts its outputs apart where that is needed. */
  readonly actions: readonly DpAction[];
  readonly outputs: OutputCounters | undefined;
  /** What earlier flows of this handle counted. */
  counted: { packets: bigint; bytes: bigint; usedMs: number | undefined; tcpFlags: number };
}

/** What the flow table asks of the card. */
export interface FlowOwner {
  readonly capabilities: NicCapabilities;
  hasVport(vport: Vport): boolean;
  /** The only source address that a function may use; undefined: any. */
  sourceOf(vport: Vport): Uint8Array | undefined;
}

const NOTHING = { packets: 0n, bytes: 0n, usedMs: undefined, tcpFlags: 0 };

export class CardFlows {
  readonly #dpif: EswitchDpif;
  readonly #owner: FlowOwner;
  readonly #nowMs: () => number;
  readonly #flows = new Map<FlowHandle, CardFlow>();
  readonly #meters: CardMeters;
  #nextHandle: FlowHandle = 1;

  constructor(dpif: EswitchDpif, meters: CardMeters, owner: FlowOwner, nowMs: () => number) {
    this.#dpif = dpif;
    this.#meters = meters;
    this.#owner = owner;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#flows.size;
  }

  insert(flow: HardwareFlow): InsertResult {
    const { capabilities } = this.#owner;
    const reason = this.#refusal(flow);
    if (reason !== undefined) return { refused: 'unsupported', reason };
    if (this.#flows.size >= capabilities.tableSize) {
      return { refused: 'full', reason: `the flow table holds ${capabilities.tableSize} flows` };
    }
    const outputs = OutputCounters.for(this.#dpif, flow.actions);
    if (outputs === 'full') return { refused: 'full', reason: 'no counters are left' };
    const actions = this.#withMeters(flow.actions, outputs);
    const entry: CardFlow = {
      wanted: flow,
      vport: vportOf(flow),
      actions,
      outputs,
      installed: undefined,
      counted: NOTHING,
    };
    this.#install(entry);
    if (!entry.installed) {
      outputs?.close();
      return { refused: 'unsupported', reason: 'the source address fails the spoof check' };
    }
    const handle = this.#nextHandle++;
    this.#flows.set(handle, entry);
    return { handle };
  }

  /** Takes flows away; their last counts once no packet is forwarded by them any more. */
  async remove(handles: readonly FlowHandle[]): Promise<(HardwareCounts | undefined)[]> {
    const entries = handles.map((handle) => {
      const entry = this.#flows.get(handle);
      this.#flows.delete(handle);
      if (entry?.installed) this.#dpif.flowDel(entry.installed);
      return entry;
    });
    await this.#dpif.barrier();
    // Read in the same turn: the records are given to other flows only after it.
    return entries.map((entry) => {
      const counts = entry && this.#countsOf(entry);
      entry?.outputs?.close();
      return counts;
    });
  }

  query(handles: readonly FlowHandle[]): (HardwareCounts | undefined)[] {
    return handles.map((handle) => {
      const entry = this.#flows.get(handle);
      return entry && this.#countsOf(entry);
    });
  }

  /** Flows of the vport, to their handles. */
  handlesOf(vport: Vport): FlowHandle[] {
    return [...this.#flows].filter(([, entry]) => entry.vport === vport).map(([handle]) => handle);
  }

  /** Takes the vport's flows out of the datapath, for it to be changed; their counts are kept. */
  async suspend(vport: Vport): Promise<void> {
    const entries = [...this.#flows.values()].filter((entry) => entry.vport === vport && entry.installed);
    for (const { installed } of entries) this.#dpif.flowDel(installed!);
    if (entries.length > 0) await this.#dpif.barrier();
    for (const entry of entries) {
      entry.counted = this.#totalOf(entry);
      entry.installed = undefined;
    }
  }

  /** Puts them back as the function is now. */
  resume(vport: Vport): void {
    for (const entry of this.#flows.values()) if (entry.vport === vport && !entry.installed) this.#install(entry);
  }

  #refusal(flow: HardwareFlow): string | undefined {
    const { capabilities } = this.#owner;
    const vport = vportOf(flow);
    if (capabilities.tableSize === 0) return 'the eSwitch has no flow table in legacy mode';
    if (!this.#owner.hasVport(vport)) return `the card has no vport ${vport}`;
    if (new DataView(flow.key.buffer, flow.key.byteOffset).getUint32(KEY_RECIRC_ID) !== 0)
      return 'recirculated packets';
    const reason = unsupported(flow, capabilities);
    if (reason !== undefined) return reason;
    for (const action of eachAction(flow.actions)) {
      if (action.type === 'output' && !this.#owner.hasVport(action.port)) return `the card has no vport ${action.port}`;
      if (action.type === 'meter' && this.#meters.of(action.id) === undefined)
        return `the card has no meter ${action.id}`;
    }
    return undefined;
  }

  #install(entry: CardFlow): void {
    const key = entry.wanted.key.slice();
    const mask = entry.wanted.mask.slice();
    mask.fill(0xff, KEY_IN_PORT, KEY_RECIRC_ID + 4);
    const source = this.#owner.sourceOf(entry.vport);
    if (source) {
      if (source.some((byte, i) => ((byte ^ key[KEY_ETH_SRC + i]!) & mask[KEY_ETH_SRC + i]!) !== 0)) return;
      key.set(source, KEY_ETH_SRC);
      mask.fill(0xff, KEY_ETH_SRC, KEY_ETH_SRC + 6);
    }
    entry.installed = this.#dpif.flowPut({ key, mask, actions: entry.actions });
  }

  #withMeters(actions: readonly DpAction[], outputs: OutputCounters | undefined): readonly DpAction[] {
    const own = mapDpActions(actions, (action) =>
      action.type === 'meter' ? { type: 'meter', id: this.#meters.of(action.id)! } : action,
    );
    return outputs?.counting(own) ?? own;
  }

  #totalOf({ counted, installed }: CardFlow): CardFlow['counted'] {
    if (!installed) return counted;
    const now = installed.stats();
    return {
      packets: counted.packets + now.packets,
      bytes: counted.bytes + now.bytes,
      usedMs: now.usedMs ?? counted.usedMs,
      tcpFlags: counted.tcpFlags | now.tcpFlags,
    };
  }

  #countsOf(entry: CardFlow): HardwareCounts {
    const { packets, bytes, usedMs, tcpFlags } = this.#totalOf(entry);
    const idleMs = usedMs === undefined ? undefined : Math.max(0, this.#nowMs() - usedMs);
    return { packets, bytes, idleMs, tcpFlags, sent: entry.outputs?.counts() };
  }
}

function vportOf({ key }: HardwareFlow): Vport {
  return new DataView(key.buffer, key.byteOffset).getUint32(KEY_IN_PORT);
}
