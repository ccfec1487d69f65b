// A datapath that forwards nothing: a list of megaflows and ports for tests of the slow path, which feed it upcalls by
// hand. Packets are given as keys, so no parser is needed.

import type {
  DpAction,
  DpFlow,
  Dpif,
  DpMeterBand,
  DpMeterStats,
  DpPort,
  FlowCounts,
  FlowPut,
  FlowStats,
  Offload,
  PortStats,
  UpcallSink,
  UpcallVerdict,
} from '../../datapath/dpif.ts';

export class MemoryFlow implements DpFlow {
  readonly ufid: string;
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  actions: readonly DpAction[];
  alive = true;
  note: object | undefined;
  counts: FlowStats = { packets: 0n, bytes: 0n, usedMs: undefined, tcpFlags: 0 };

  constructor(id: number, put: FlowPut) {
    this.ufid = `00000000-0000-0000-0000-${id.toString(16).padStart(12, '0')}`;
    this.key = put.key.map((byte, i) => byte & put.mask[i]!);
    this.mask = put.mask.slice();
    this.actions = put.actions;
  }

  stats(): FlowStats {
    return this.counts;
  }

  readCounts(into: FlowCounts): void {
    into.packets = Number(this.counts.packets);
    into.bytes = Number(this.counts.bytes);
    into.usedMs = this.counts.usedMs ?? 0;
  }

  /** As if `packets` packets of `size` bytes had just been forwarded. */
  hit(packets: number, size: number, nowMs: number): void {
    const { counts } = this;
    this.counts = {
      packets: counts.packets + BigInt(packets),
      bytes: counts.bytes + BigInt(packets * size),
      usedMs: nowMs,
      tcpFlags: 0,
    };
  }
}

export class MemoryPort implements DpPort {
  readonly name: string;
  readonly type = 'dummy';
  readonly odpPort: number;
  readonly mtu = 1500;
  readonly ifindex = undefined;
  readonly linkResets = 0;
  readonly error = undefined;
  linkUp = true;
  adminUp = true;

  constructor(name: string, odpPort: number) {
    this.name = name;
    this.odpPort = odpPort;
  }

  get mac(): string {
    return `aa:55:aa:55:00:${this.odpPort.toString(16).padStart(2, '0')}`;
  }

  status(): Record<string, string> {
    return {};
  }

  stats(): PortStats {
    return { rx_packets: 3, tx_packets: 4n };
  }

  setAdminUp(up: boolean): void {
    this.adminUp = up;
  }

  reconfigure(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/** A datapath without cards. */
export const NO_OFFLOAD: Offload = {
  isOn: false,
  isUnsettled: false,
  stateOf: () => undefined,
  holds: () => false,
  refresh: () => Promise.resolve(),
  cards: () => [],
  explain: () => [],
};

/** The parts of Dpif that the slow path uses. */
export class MemoryDpif
  implements
    Pick<
      Dpif,
      | 'setUpcallSink'
      | 'onPortChange'
      | 'flowPut'
      | 'flowMod'
      | 'flowDel'
      | 'flows'
      | 'flowCount'
      | 'extract'
      | 'execute'
      | 'barrier'
      | 'meterAdd'
      | 'meterSet'
      | 'meterDel'
      | 'meterStats'
      | 'offload'
    >
{
  #sink: UpcallSink = () => ({ actions: [] });
  readonly offload = NO_OFFLOAD;
  readonly #flows = new Set<MemoryFlow>();
  readonly meters = new Map<number, readonly DpMeterBand[]>();
  /** What execute() was told to do. */
  readonly executed: { packet: Uint8Array; inPort: number; actions: readonly DpAction[] }[] = [];
  /** What extract() answers. */
  extracted = new Uint8Array(256);
  #lastId = 0;

  /** This as the whole door, for code that takes one. */
  get dpif(): Dpif {
    return this as unknown as Dpif;
  }

  setUpcallSink(sink: UpcallSink): void {
    this.#sink = sink;
  }

  onPortChange(): void {}

  flowPut(put: FlowPut): MemoryFlow {
    const flow = new MemoryFlow(++this.#lastId, put);
    this.#flows.add(flow);
    return flow;
  }

  flowMod(flow: DpFlow, actions: readonly DpAction[]): void {
    (flow as MemoryFlow).actions = actions;
  }

  flowDel(flow: DpFlow): void {
    (flow as MemoryFlow).alive = false;
    this.#flows.delete(flow as MemoryFlow);
  }

  flows(): Iterable<MemoryFlow> {
    return this.#flows;
  }

  flowCount(): number {
    return this.#flows.size;
  }

  extract(_packet: Uint8Array, inPort: number): Uint8Array {
    new DataView(this.extracted.buffer).setUint32(0, inPort);
    return this.extracted;
  }

  execute(packet: Uint8Array, inPort: number, actions: readonly DpAction[]): void {
    this.executed.push({ packet, inPort, actions });
  }

  meterAdd(bands: readonly DpMeterBand[]): number {
    let id = 0;
    while (this.meters.has(id)) id++;
    this.meters.set(id, bands);
    return id;
  }

  meterSet(id: number, bands: readonly DpMeterBand[]): void {
    this.meters.set(id, bands);
  }

  meterDel(id: number): void {
    this.meters.delete(id);
  }

  /** Nothing is counted here. */
  meterStats(id: number): DpMeterStats {
    const none = { packets: 0n, bytes: 0n };
    return { ...none, bands: (this.meters.get(id) ?? []).map(() => none) };
  }

  barrier(): Promise<void> {
    return Promise.resolve();
  }

  /** A packet without a megaflow: asks the sink, and installs what it says. */
  miss(key: Uint8Array, frame: number | Uint8Array = 100): UpcallVerdict {
    const inPort = new DataView(key.buffer, key.byteOffset).getUint32(0);
    const packet = typeof frame === 'number' ? new Uint8Array(frame) : frame;
    const frameSize = packet.length;
    const verdict = this.#sink({ reason: 'miss', inPort, packet, key, cookie: 0, frameSize });
    if (verdict.install) verdict.installed?.(this.flowPut(verdict.install));
    return verdict;
  }

  /** A packet that met a `userspace` action. */
  userspace(cookie: number, packet: Uint8Array, inPort = 0): void {
    this.#sink({ reason: 'action', inPort, packet, key: new Uint8Array(256), cookie, frameSize: packet.length });
  }
}
