// Tells when all packet-ins that a switch has to send are sent. They leave in the order in which the slow path makes them:
// once one that is asked for now has come, so have those before it. It goes to a connection with a controller id of its
// own (NXT_SET_CONTROLLER_ID), where no other packet-in goes.
import { join } from 'node:path';
import { nicira, OpenFlowLink, packetOut } from './openflow-link.ts';

const CONTROLLER_ID = 0x6d;
const NXT_SET_CONTROLLER_ID = 20;

/** `controller(id=CONTROLLER_ID)`: NXAST_CONTROLLER with the whole packet. */
const TO_MARKER = Buffer.from([0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0, 20, 0xff, 0xff, 0, CONTROLLER_ID, 0, 0]);
const FRAME = Buffer.from('0a550000006d0a55000000ff88b5'.padEnd(120, '0'), 'hex');

/** A packet-in may be made by the packet of another, as when it is recirculated: so many may follow from one. */
const STEPS = 2;

export class PacketInMarker {
  readonly #link: OpenFlowLink;

  private constructor(link: OpenFlowLink) {
    this.#link = link;
  }

  static async open(rundir: string): Promise<PacketInMarker> {
    const link = await OpenFlowLink.open(join(rundir, 'br0.mgmt'), 'OpenFlow13');
    await link.exchange([
      nicira(link.version, NXT_SET_CONTROLLER_ID, Buffer.from([0, 0, 0, 0, 0, 0, 0, CONTROLLER_ID])),
    ]);
    return new PacketInMarker(link);
  }

  close(): void {
    this.#link.close();
  }

  /** Resolves when all that came before is sent. */
  async pass(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      let { packetIns } = await this.#link.exchange([packetOut(TO_MARKER, FRAME)]);
      while (packetIns.length === 0) ({ packetIns } = await this.#link.exchange([]));
    }
  }
}
