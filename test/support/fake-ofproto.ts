// A bridge that keeps flows in a list and forwards nothing: what the connection tests talk OpenFlow to.
import { OFPP } from '../../ofproto/model/actions.ts';
import type { Match } from '../../ofproto/model/flow.ts';
import {
  type FlowMod,
  type FlowStatsEntry,
  type FlowStatsRequest,
  OfError,
  type OfPortDesc,
  type OfPortStats,
  type PacketOut,
  type TableStats,
} from '../../ofproto/model/flow-mod.ts';
import type {
  L2Api,
  OfPort,
  OfprotoApi,
  OfprotoEvents,
  PortConfigFlag,
  PortDevice,
  Trace,
} from '../../ofproto/ofproto-api.ts';
import type { TreeApi } from '../../ofproto/spanning-tree/bridge-tree.ts';
import { Rule } from '../../ofproto/tables/rule.ts';

const CONFIG: OfPortDesc['config'] = {
  portDown: false,
  noRecv: false,
  noFwd: false,
  noPacketIn: false,
  noFlood: false,
  noStp: false,
  noRecvStp: false,
};

function port(ofPort: number, name: string, lastByte: number): OfPortDesc {
  return {
    ofPort,
    name,
    hwAddr: Uint8Array.of(0xaa, 0x55, 0xaa, 0x55, 0, lastByte),
    config: CONFIG,
    state: { linkDown: false, blocked: false, live: true },
    currSpeed: 0,
    maxSpeed: 0,
  };
}

/** Flow records are immutable; the list holds the current ones. */
export class FakeOfproto implements OfprotoApi {
  readonly name: string;
  datapathId = 0x0000aabbccddeeffn;
  descs: OfPortDesc[] = [port(1, 'p1', 1), port(2, 'p2', 2), port(OFPP.LOCAL, 'br0', 0xfe)];
  flows: FlowStatsEntry[] = [];
  readonly packetsOut: PacketOut[] = [];
  readonly failModes: string[] = [];
  /** Connections have no use for it. */
  readonly l2 = undefined as unknown as L2Api;
  readonly tree = undefined as unknown as TreeApi;
  missToController = false;
  /** Barriers wait for this. */
  barrierDone: Promise<void> = Promise.resolve();
  readonly #events = new Set<OfprotoEvents>();

  constructor(name = 'br0') {
    this.name = name;
  }

  subscribe(events: OfprotoEvents): () => void {
    this.#events.add(events);
    return () => this.#events.delete(events);
  }

  /** Raises an event as the bridge would. */
  emit(raise: (events: OfprotoEvents) => void): void {
    for (const events of this.#events) raise(events);
  }

  prepareFlow(mod: FlowMod): Rule {
    return new Rule(mod.tableId, mod, 0);
  }
  addFlow(): void {}
  configureTables(): void {}
  configureTable(): void {}
  setInBand(): void {}
  setCollectors(): void {}
  resume(): void {}
  findFlows(): readonly never[] {
    return [];
  }
  atomically<T>(changes: () => T): T {
    return changes();
  }

  addPort(_device: PortDevice, ofPort: number): void {
    this.descs.push(port(ofPort, `p${ofPort}`, ofPort));
  }
  delPort(ofPort: number): void {
    this.descs = this.descs.filter((desc) => desc.ofPort !== ofPort);
  }
  ports(): readonly OfPort[] {
    return this.descs.map(({ ofPort, name }) => ({ ofPort, name, device: undefined }));
  }

  modPort(ofPort: number, hwAddr: Uint8Array, config: Partial<Record<PortConfigFlag, boolean>>): void {
    const index = this.descs.findIndex((desc) => desc.ofPort === ofPort);
    const desc = this.descs[index];
    if (!desc) throw new OfError('OFPPMFC_BAD_PORT');
    if (Buffer.compare(desc.hwAddr, hwAddr) !== 0) throw new OfError('OFPPMFC_BAD_HW_ADDR');
    const changed = { ...desc, config: { ...desc.config, ...config } };
    this.descs[index] = changed;
    this.emit((events) => events.portStatus('modify', changed));
  }

  portDescs(): readonly OfPortDesc[] {
    return this.descs;
  }
  portStats(ofPort?: number): readonly OfPortStats[] {
    const chosen = this.descs.filter((desc) => ofPort === undefined || desc.ofPort === ofPort);
    return chosen.map((desc) => ({ ...ZERO_STATS, ofPort: desc.ofPort }));
  }

  flowMod(mod: FlowMod): void {
    const same = (flow: FlowStatsEntry) =>
      flow.tableId === mod.tableId && flow.priority === mod.priority && sameMatch(flow.match, mod.match);
    switch (mod.command) {
      case 'add':
        this.flows = [...this.flows.filter((flow) => !same(flow)), entryOf(mod)];
        break;
      case 'modify':
      case 'modify_strict':
        this.flows = this.flows.map((flow) =>
          (mod.command === 'modify' ? covers(mod, flow) : same(flow)) ? { ...flow, actions: mod.actions } : flow,
        );
        break;
      default:
        this.#delete((flow) => (mod.command === 'delete' ? covers(mod, flow) : same(flow)));
    }
  }

  readonly resources = {
    groupMod: () => {},
    groups: () => [],
    groupStats: () => [],
    meterMod: () => {},
    meters: () => [],
    meterStats: () => [],
  };

  flowsFor(request: FlowStatsRequest) {
    return { found: this.flowStats(request).map((flow) => ({ stats: () => flow })), nowMs: 0 };
  }
  flowStats(request: FlowStatsRequest): FlowStatsEntry[] {
    const chosen = this.flows.filter((flow) => covers(request, flow));
    return chosen.sort((a, b) => a.tableId - b.tableId || b.priority - a.priority);
  }
  aggregate(request: FlowStatsRequest): { packets: bigint; bytes: bigint; flows: number } {
    return { packets: 0n, bytes: 0n, flows: this.flowStats(request).length };
  }
  tableStats(): TableStats[] {
    return [...new Set(this.flows.map((flow) => flow.tableId))].map((tableId) => {
      const activeCount = this.flows.filter((flow) => flow.tableId === tableId).length;
      return { tableId, activeCount, lookupCount: 0n, matchedCount: 0n };
    });
  }
  packetOut(out: PacketOut): void {
    this.packetsOut.push({ ...out, packet: out.packet.slice() });
  }
  barrier(): Promise<void> {
    return this.barrierDone;
  }
  setFailMode(mode: string, control: string): void {
    this.failModes.push(`${mode} ${control}`);
  }
  setMissToController(wanted: boolean): void {
    this.missToController = wanted;
  }
  hiddenFlows(): [] {
    return [];
  }
  traceKey(): Uint8Array {
    return new Uint8Array(256);
  }
  trace(): string {
    return '';
  }
  explain(): Trace {
    return { text: this.trace(), megaflow: '', actions: [], actionText: () => '', error: undefined };
  }
  close(): void {}

  #delete(chosen: (flow: FlowStatsEntry) => boolean): void {
    const gone = this.flows.filter(chosen);
    this.flows = this.flows.filter((flow) => !chosen(flow));
    for (const flow of gone) {
      if (flow.flags.sendFlowRem) this.emit((events) => events.flowRemoved({ ...flow, reason: 'delete' }));
    }
  }
}

const ZERO_STATS: OfPortStats = {
  ofPort: 0,
  rxPackets: 0n,
  txPackets: 0n,
  rxBytes: 0n,
  txBytes: 0n,
  rxDropped: 0n,
  txDropped: 0n,
  rxErrors: 0n,
  txErrors: 0n,
  rxFrameErr: 0n,
  rxOverErr: 0n,
  rxCrcErr: 0n,
  collisions: 0n,
  durationMs: 1000,
};

function entryOf(mod: FlowMod): FlowStatsEntry {
  return {
    ...mod,
    tableId: mod.tableId === 255 ? 0 : mod.tableId,
    packets: 0n,
    bytes: 0n,
    durationMs: 0,
    idleAgeMs: 0,
    hardAgeMs: 0,
  };
}

function sameMatch(a: Match, b: Match): boolean {
  return a.flow.equals(b.flow) && a.mask.equals(b.mask);
}

/** Every bit the request asks for is matched by the flow, with the same value. */
function covers(request: { tableId: number; match: Match }, flow: FlowStatsEntry): boolean {
  if (request.tableId !== 255 && request.tableId !== flow.tableId) return false;
  const { flow: wanted, mask } = request.match;
  return mask.words.every((bits, index) => {
    const has = (flow.match.mask.words[index]! & bits) === (bits | 0);
    return has && (flow.match.flow.words[index]! & bits) === (wanted.words[index]! | 0);
  });
}
