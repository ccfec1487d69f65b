// A card that is a table in memory: what it can do is asked for, its answers can be slow, late or missing, and it can be
// reset. It forwards nothing by itself: a test asks by which flow it would.
import type { SetHeader } from '../../datapath/actions.ts';
import { SET_LAYOUT } from '../../datapath/actions.ts';
import { KEY_SIZE } from '../../datapath/layout/flow-key.ts';
import type {
  FlowHandle,
  HardwareCounts,
  HardwareFlow,
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
  ...(['push_nsh', 'pop_nsh', 'push_eth', 'pop_eth', 'check_pkt_len'] as const),
]);

export interface Stored {
  readonly flow: HardwareFlow;
  packets: number;
  bytes: number;
  tcpFlags: number;
  idleMs: number | undefined;
}

export class MemoryNic implements NicProvider {
  readonly name: string;
  readonly capabilities: NicCapabilities;
  readonly table = new Map<FlowHandle, Stored>();
  /** How often a flow came that overlaps one that was there. */
  overlaps = 0;
  /** Questions so far. */
  readonly asked = { insert: 0, remove: 0, query: 0 };
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
      meterMax: 0,
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
    for (const listener of this.#listeners) listener();
  }

  /** A packet with this key, whose in_port is a vport: the flow that forwards it, which counts it. */
  hit(key: Uint8Array, size = 100): HardwareFlow | undefined {
    for (const stored of this.table.values()) {
      if (!agree(stored.flow.key, key, stored.flow.mask)) continue;
      stored.packets++;
      stored.bytes += size;
      stored.idleMs = 0;
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
  async setMeter(): Promise<void> {}
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
