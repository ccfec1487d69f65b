// Packets that controllers give: new ones (packet-out), and those that waited for a controller (NXT_RESUME).

import { thawedState } from './continuations.ts';
import type { ResourceTables } from './groups/resource-tables.ts';
import { KEY_IN_PORT } from './model/flow.ts';
import { OfError, type PacketIn, type PacketOut } from './model/flow-mod.ts';
import { applyMetadata } from './model/packet-metadata.ts';
import { checkActions, checkInPort, checkReferences } from './tables/check-actions.ts';
import { checkPrerequisites } from './tables/check-prerequisites.ts';
import type { Transaction } from './tables/transaction.ts';
import type { Backer } from './upcall/backer.ts';
import type { XlateBridge } from './xlate/snapshot.ts';
import { xlate } from './xlate/xlate.ts';

const ETH_HEADER_SIZE = 14;
/** The number of no datapath port. */
const ODPP_NONE = 0xffffffff;

export class GivenPackets {
  readonly #bridge: XlateBridge;
  readonly #resources: ResourceTables;
  readonly #backer: Backer;
  readonly #transaction: Transaction;

  constructor(bridge: XlateBridge, resources: ResourceTables, backer: Backer, transaction: Transaction) {
    this.#bridge = bridge;
    this.#resources = resources;
    this.#backer = backer;
    this.#transaction = transaction;
  }

  /** A packet among changes that are made together meets those before it, and leaves when all are made. Throws OfError. */
  packetOut({ packet, inPort, actions, metadata }: PacketOut): void {
    checkActions(actions, -1);
    checkReferences(actions, this.#resources);
    checkInPort(inPort);
    // Nothing that could be sent; Open vSwitch does not complain either.
    if (packet.length < ETH_HEADER_SIZE) return;
    const { odpPort, flow } = this.#received(packet, inPort, metadata);
    checkPrerequisites(actions, { flow });
    const translated = xlate(this.#bridge, flow, { packetOut: actions });
    this.#transaction.note({ undo: () => {}, tell: () => this.#backer.execute(packet, odpPort, translated) });
  }

  /** Throws OfError; `uuid` is the bridge's name in continuations. */
  resume(packetIn: PacketIn, uuid: Uint8Array): void {
    const { packet, metadata } = packetIn;
    if (packet.length < ETH_HEADER_SIZE) throw new OfError('OFPBRC_BAD_LEN', 'packet is shorter than Ethernet');
    const { odpPort, flow } = this.#received(packet, metadata.flow.u32(KEY_IN_PORT), metadata);
    const resume = thawedState(packetIn, flow, this.#bridge, uuid);
    for (const { actions } of resume.frames) checkReferences(actions, this.#resources);
    this.#backer.execute(packet, odpPort, xlate(this.#bridge, flow, { resume }));
  }

  /** The packet as it is to be translated. */
  #received(packet: Uint8Array, inPort: number, metadata: PacketOut['metadata']) {
    const odpPort = this.#bridge.port(inPort)?.odpPort ?? ODPP_NONE;
    const flow = this.#backer.flowOf(packet, odpPort);
    flow.setU32(KEY_IN_PORT, inPort);
    if (metadata) applyMetadata(flow, metadata);
    return { odpPort, flow };
  }
}
