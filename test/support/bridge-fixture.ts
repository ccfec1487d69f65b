// A switch of bridges over a datapath and a clock, driven by the text that ovs-ofctl takes.

import type { Dpif, DpPort } from '../../datapath/dpif.ts';
import type { VirtualClock } from '../../lib/clock.ts';
import { createBacker, type Ofproto, type SlowPath } from '../../ofproto/index.ts';
import { OFPP } from '../../ofproto/model/actions.ts';
import { KEY_IN_PORT, KEY_SIZE } from '../../ofproto/model/flow.ts';
import type { FlowModCommand, FlowStatsEntry } from '../../ofproto/model/flow-mod.ts';
import type { MirrorSettings } from '../../ofproto/ofproto-api.ts';
import { PatchDevice } from '../../ofproto/patch-ports.ts';
import { parseFlow, parseFlowStatsRequest, parseTraceFlow } from '../../ofproto/text/parse-flow.ts';

/** Datapath number of the first bridge's LOCAL port; the next bridge's is one more. */
export const LOCAL_ODP_PORT = 100;

export class BridgeFixture {
  readonly clock: VirtualClock;
  readonly slowPath: SlowPath;
  readonly bridges = new Map<string, Ofproto>();
  readonly #mirrors = new Map<string, MirrorSettings[]>();

  constructor(dpif: Dpif, clock: VirtualClock) {
    this.clock = clock;
    this.slowPath = createBacker(dpif, clock);
  }

  get br0(): Ofproto {
    return this.bridge('br0');
  }

  /** A bridge with these ports, each with its datapath number. */
  addBridgeOf(name: string, local: DpPort, ports: readonly DpPort[]): Ofproto {
    const bridge = this.slowPath.createOfproto(name);
    bridge.addPort(local, OFPP.LOCAL);
    for (const port of ports) bridge.addPort(port, port.odpPort);
    this.bridges.set(name, bridge);
    return bridge;
  }

  /** Joins two bridges by patch ports with these numbers. */
  patch(here: readonly [bridge: string, ofPort: number], there: readonly [bridge: string, ofPort: number]): void {
    for (const [[bridge, ofPort], [, peer]] of [
      [here, there],
      [there, here],
    ] as const) {
      this.bridge(bridge).addPort(new PatchDevice(`patch${ofPort}`, `patch${peer}`, 'dummy'), ofPort);
    }
  }

  /** Adds a mirror to a bridge. */
  mirror(bridge: string, settings: MirrorSettings): void {
    const all = [...(this.#mirrors.get(bridge) ?? []), settings];
    this.#mirrors.set(bridge, all);
    this.bridge(bridge).l2.setMirrors(all);
  }

  noMirrors(bridge: string): void {
    this.#mirrors.delete(bridge);
    this.bridge(bridge).l2.setMirrors([]);
  }

  bridge(name: string): Ofproto {
    return this.bridges.get(name)!;
  }

  /** Runs ovs-ofctl's `COMMAND br0 TEXT`. */
  flowMod(text: string, command: FlowModCommand = 'add', bridge = 'br0'): void {
    this.bridge(bridge).flowMod(parseFlow(text, command));
  }

  /** Key of a packet described as for ofproto/trace. */
  key(text: string): Uint8Array {
    const flow = parseTraceFlow(text);
    const ofPort = flow.u32(KEY_IN_PORT);
    flow.setU32(KEY_IN_PORT, ofPort === OFPP.LOCAL ? LOCAL_ODP_PORT : ofPort);
    return flow.bytes.slice(0, KEY_SIZE);
  }

  /** Lets time pass, with all rounds of revalidation that fall due. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.warp(Math.min(left, 500));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  stats(text = '', bridge = 'br0'): FlowStatsEntry[] {
    return this.bridge(bridge).flowStats(parseFlowStatsRequest(text));
  }
}
