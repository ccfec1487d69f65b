// A card that is a table in memory: what it can do is asked for, its answers can be slow, late or missing, and it can be
// reset. It forwards nothing by itself: a test asks by which flow it would.
import type { SetHeader } from '../../datapath/actions.ts';
import { SET_LAYOUT } from '../../datapath/actions.ts';
import type { DpMeterStats } from '../../datapath/dpif.ts';
import { KEY_SIZE } from '../../datapath/layout/flow-key.ts';
import type {
  FlowHandle,
  HardwareCounts,
  HardwareFlow,
  HardwareMeter,
  InsertResult,
  NicCapabilities,
  NicPort,
  NicProvider,
  OffloadAction,
} from '../../datapath/nic/provider.ts';

const HEADERS = Object.keys(SET_LAYOUT) as SetHeader[];

/** Everything that a card could do at all. */
export const ALL_ACTIONS: ReadonlySet<OffloadAction> = new Set<OffloadAction>([
  ...HEADERS.map((header) => `set(${header})` as const),
  ...(['output', 'push_vlan', 'pop_vlan', 'trunc', 'clone', 'sample', 'push_mpls', 'pop_mpls', 'add_mpls'] as const),
  ...(['push_nsh', 'pop_nsh', 'push_eth', 'pop_eth', 'check_pkt_len', 'meter'] as const),
]);

export interface Stored {
  readonly flow: HardwareFlow;
  packets: number;
  bytes: number;
  tcpFlags: number;
  idleMs: number | undefined;
}

/** It drops nothing by itself: a test says what was above the rate. */
export interface StoredMeter {
  readonly bands: HardwareMeter['bands'];
  packets: bigint;
  bytes: bigint;
  /** Packets of 100 bytes that the first band applied to. */
  dropped: bigint;
}

export class MemoryNic implements NicProvider {
  readonly name: string;
  readonly capabilities: NicCapabilities;
  readonly table = new Map<FlowHandle, Stored>();
  readonly meters = new Map<number, StoredMeter>();
  /** How often a flow came that overlaps one that was there. */
  overlaps = 0;
  /** Questions so far. */
  readonly asked = { insert: 0, remove: 0, query: 0 };
  /** Why the card will not have a meter. */
  meterRefusal: (bands: HardwareMeter['bands']) => string | undefined = () => undefined;
  /** Why the card will not have a flow. */
  refusal: (flow: HardwareFlow) => string | undefined = () => undefined;
  /** What each question takes. */
  latency: () => Promise<void> = () => Promise.resolve();
  #tail: Promise<unknown> = Promise.resolve();
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => {};
  #nextHandle = 1;
  #generation = 0;
  readonly #listeners: (() => void)[] = [];

  constructor(name: string, capabilities: Partial<NicCapabilities> = {}) {
    this.name = name;
    this.capabilities = {
      matches: new Uint8Array(KEY_SIZE).fill(0xff),
      actions: ALL_ACTIONS,
      outputMax: 8,
      tableSize: 1000,
      counters: true,
      outputCounters: true,
      meters: { max: 4, bandMax: 2, bandTypes: new Set(['drop', 'dscp_remark']) },
      ...capabilities,
    };
  }

  /** From now on nothing is answered, until release(). */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
    this.#gate = Promise.resolve();
  }

  /** The card loses everything. */
  reset(): void {
    this.#generation++;
    this.table.clear();
    this.meters.clear();
    for (const listener of this.#listeners) listener();
  }

  /** A packet with this key, whose in_port is a vport: the flow that forwards it, which counts it. */
  hit(key: Uint8Array, size = 100): HardwareFlow | undefined {
    for (const stored of this.table.values()) {
      if (!agree(stored.flow.key, key, stored.flow.mask)) continue;
      stored.packets++;
      stored.bytes += size;
      stored.idleMs = 0;
      for (const action of stored.flow.actions) if (action.type === 'meter') this.#measure(action.id, size);
      return stored.flow;
    }
    return undefined;
  }

  insert(flows: readonly HardwareFlow[]): Promise<readonly InsertResult[]> {
    this.asked.insert++;
    return this.#inTurn(() => flows.map((flow) => this.#insert(flow)));
  }

  #insert(flow: HardwareFlow): InsertResult {
    const reason = this.refusal(flow);
    if (reason !== undefined) return { refused: 'unsupported', reason };
    for (const action of flow.actions) {
      if (action.type === 'meter' && !this.meters.has(action.id)) return { refused: 'unsupported', reason: 'no meter' };
    }
    if (this.table.size >= this.capabilities.tableSize) return { refused: 'full', reason: 'no room' };
    for (const { flow: other } of this.table.values()) {
      if (agree(other.key, flow.key, other.mask, flow.mask)) this.overlaps++;
    }
    const handle = this.#nextHandle++;
    this.table.set(handle, { flow, packets: 0, bytes: 0, tcpFlags: 0, idleMs: undefined });
    return { handle };
  }

  remove(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    this.asked.remove++;
    return this.#inTurn(() =>
      handles.map((handle) => {
        const counts = this.#counts(handle);
        this.table.delete(handle);
        return counts;
      }),
    );
  }

  query(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    this.asked.query++;
    return this.#inTurn(() => handles.map((handle) => this.#counts(handle)));
  }

  #counts(handle: FlowHandle): HardwareCounts | undefined {
    const stored = this.table.get(handle);
    if (!stored) return undefined;
    const { packets, bytes, idleMs, tcpFlags } = stored;
    return { packets: BigInt(packets), bytes: BigInt(bytes), idleMs, tcpFlags };
  }

  #measure(id: number, size: number): void {
    const meter = this.meters.get(id);
    if (!meter) throw new Error(`the card has no meter ${id}`);
    meter.packets++;
    meter.bytes += BigInt(size);
  }

  setMeters(meters: readonly HardwareMeter[]): Promise<readonly (string | undefined)[]> {
    return this.#inTurn(() =>
      meters.map(({ id, bands }) => {
        const refusal = this.meterRefusal(bands);
        if (refusal === undefined) this.meters.set(id, { bands, packets: 0n, bytes: 0n, dropped: 0n });
        return refusal;
      }),
    );
  }

  removeMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#inTurn(() =>
      ids.map((id) => {
        const counts = this.#meterCounts(id);
        this.meters.delete(id);
        return counts;
      }),
    );
  }

  queryMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#inTurn(() => ids.map((id) => this.#meterCounts(id)));
  }

  #meterCounts(id: number): DpMeterStats | undefined {
    const meter = this.meters.get(id);
    if (!meter) return undefined;
    const { packets, bytes, dropped, bands } = meter;
    const applied = bands.map((_, i) => (i === 0 ? dropped : 0n));
    return { packets, bytes, bands: applied.map((count) => ({ packets: count, bytes: count * 100n })) };
  }

  #inTurn<T>(act: () => T): Promise<T> {
    const turn = this.#tail.then(async () => {
      await this.latency();
      await this.#gate;
      return act();
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  onReset(listener: () => void): void {
    this.#listeners.push(listener);
  }

  openPort(): NicPort {
    throw new Error('no ports here');
  }
  async closePort(): Promise<void> {}
  async resetFunction(): Promise<void> {}
  async describe(): Promise<string> {
    return `${this.name}: generation ${this.#generation}`;
  }
  async close(): Promise<void> {}
}

/** Whether two keys are the same where all of the masks look. */
function agree(a: Uint8Array, b: Uint8Array, ...masks: readonly Uint8Array[]): boolean {
  return a.every((byte, i) => ((byte ^ b[i]!) & masks.reduce((bits, mask) => bits & mask[i]!, 0xff)) === 0);
}
