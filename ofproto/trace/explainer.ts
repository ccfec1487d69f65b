// What a bridge is asked to explain (ofproto/trace): the packet that a request describes, followed through the bridge.

import { UserError } from '../../lib/errors.ts';
import {
  type Flow,
  KEY_DP_HASH,
  KEY_IN_PORT,
  KEY_PKT_MARK,
  KEY_RECIRC_ID,
  KEY_SIZE,
  KEY_SKB_PRIORITY,
} from '../model/flow.ts';
import type { Trace, TraceRequest } from '../ofproto-api.ts';
import { parseTraceFlow } from '../text/parse-flow.ts';
import type { Backer } from '../upcall/backer.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { XlateBridge, Xlated } from '../xlate/snapshot.ts';
import { parseTraceActions } from './parse-trace-actions.ts';
import { traceFlow } from './trace.ts';

const ETH_HEADER_SIZE = 14;
/** What a datapath knows of a packet besides its bytes. */
const PORT_METADATA = [KEY_IN_PORT, KEY_RECIRC_ID, KEY_DP_HASH, KEY_SKB_PRIORITY, KEY_PKT_MARK];

export class Explainer {
  readonly #bridge: XlateBridge;
  readonly #backer: Backer;

  constructor(bridge: XlateBridge, backer: Backer) {
    this.#bridge = bridge;
    this.#backer = backer;
  }

  explain({ flow: wanted, packet, isComposed, actions }: TraceRequest): Trace {
    const described = typeof wanted === 'string' ? this.#parse(wanted) : this.#backer.flowOfKey(wanted.key);
    if (typeof wanted !== 'string') described.setU32(KEY_IN_PORT, wanted.inPort);
    const flow = packet === undefined || isComposed ? described : this.#flowOfPacket(packet, described);
    const recircId = flow.u32(KEY_RECIRC_ID);
    const resume = this.#backer.frozen(recircId);
    if (recircId !== 0 && !resume) {
      throw new UserError(`no recirculation data for recirc_id 0x${recircId.toString(16)}`);
    }
    if (resume && resume.bond === undefined) flow.setU32(KEY_IN_PORT, resume.inPort);
    const idsOf = (states: readonly FrozenState[]) => this.#backer.showRecircs(states);
    const packetOut = actions === undefined ? undefined : parseTraceActions(actions, flow);
    const take = packet && ((xlated: Xlated) => this.#take(xlated, packet));
    return traceFlow(resume?.bridge ?? this.#bridge, flow, { resume, idsOf, packetOut }, take);
  }

  /** As in Open vSwitch, a packet is taken for real, except that it goes to controllers only and no flow is credited. */
  #take(xlated: Xlated, packet: Uint8Array): void {
    this.#backer.learn(xlated, this.#backer.clock.nowMs());
    this.#backer.hear(xlated, packet);
    this.#backer.executeUp(packet, xlated);
  }

  /** The datapath key of a flow in ofproto/trace's syntax. */
  key(flow: string): Uint8Array {
    return this.#parse(flow).bytes.slice(0, KEY_SIZE);
  }

  #parse(text: string): Flow {
    return parseTraceFlow(text, { ports: new Map([...this.#bridge.ports].map((port) => [port.ofPort, port.name])) });
  }

  /** A packet's own fields, with what `described` says of it that a datapath port could have said too. */
  #flowOfPacket(packet: Uint8Array, described: Flow): Flow {
    if (packet.length < ETH_HEADER_SIZE) throw new UserError('packet is shorter than an Ethernet header');
    const flow = this.#backer.flowOf(packet, 0);
    for (const offset of PORT_METADATA) flow.setU32(offset, described.u32(offset));
    return flow;
  }
}
