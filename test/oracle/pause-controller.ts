// A controller that packets stop at (controller(pause) of ovs-actions(7)) and that gives them back as they came.

import { join } from 'node:path';
import { withoutBridge } from './normalise.ts';
import { nicira, OpenFlowLink } from './openflow-link.ts';

const NXT_SET_PACKET_IN_FORMAT = 16;
const NXPIF_NXT_PACKET_IN2 = 2;
const NXT_RESUME = 28;
const NXPINT_CONTINUATION = 8;
/** ofp_header and the experimenter header. */
const PROPERTIES_AT = 16;

export interface Paused {
  /** What packet-ins say, in hex, without transaction ids and the bridge's own id. */
  readonly said: readonly string[];
  /** The properties of those that wait to be given back. */
  readonly continuations: readonly Buffer[];
}

export class PauseController {
  readonly #link: OpenFlowLink;
  /** Packet-ins that came before the switch had answered for a resumption. */
  #early: readonly Buffer[] = [];

  private constructor(link: OpenFlowLink) {
    this.#link = link;
  }

  static async open(rundir: string): Promise<PauseController> {
    const link = await OpenFlowLink.open(join(rundir, 'br0.mgmt'), 'OpenFlow13');
    await link.exchange([nicira(link.version, NXT_SET_PACKET_IN_FORMAT, Buffer.from([0, 0, 0, NXPIF_NXT_PACKET_IN2]))]);
    return new PauseController(link);
  }

  close(): void {
    this.#link.close();
  }

  async paused(): Promise<Paused> {
    const packetIns = [...this.#early, ...(await this.#link.exchange([])).packetIns];
    this.#early = [];
    return {
      said: packetIns.map((bytes) => withoutBridge(bytes.subarray(PROPERTIES_AT))),
      continuations: packetIns.map((bytes) => bytes.subarray(PROPERTIES_AT)).filter(hasContinuation),
    };
  }

  async resume(continuations: readonly Buffer[]): Promise<string[]> {
    const { version } = this.#link;
    const messages = continuations.map((one) => nicira(version, NXT_RESUME, one));
    const { errors, packetIns } = await this.#link.exchange(messages);
    this.#early = [...this.#early, ...packetIns];
    return [...errors].map(([at, error]) => `${at}: ${error}`);
  }
}

/** Properties start with type and length, and are padded to eight bytes. */
function hasContinuation(properties: Buffer): boolean {
  for (let at = 0; at + 4 <= properties.length; ) {
    if (properties.readUInt16BE(at) === NXPINT_CONTINUATION) return true;
    at += Math.max(8, Math.ceil(properties.readUInt16BE(at + 2) / 8) * 8);
  }
  return false;
}
