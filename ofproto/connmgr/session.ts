// The OpenFlow state of one connection, from hello to its end: version, formats, role, and what it wants to hear.

import type { Clock } from '../../lib/clock.ts';
import { KEY_IN_PORT } from '../model/flow.ts';
import type { FlowRemoved, OfPortDesc, PacketIn, PacketInReason } from '../model/flow-mod.ts';
import {
  type AsyncConfig,
  type FlowFormat,
  OFP_NO_BUFFER,
  OFP10_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  type OfMessage,
  type OfMessageOf,
  type PacketInFormat,
  type TableDesc,
  type VacancyEvent,
} from '../model/messages.ts';
import type { PortStatusReason } from '../ofproto-api.ts';
import { encodeMessage, encodeWhole, VERSIONS } from '../wire/index.ts';
import {
  asyncConfigOf,
  FLOW_REMOVED_REASON,
  PACKET_IN_REASON,
  PORT_STATUS_REASON,
  REQUEST_FORWARD_REASON,
  TABLE_STATUS_REASON,
} from './async-config.ts';
import { Bundles } from './bundles.ts';
import type { ControllerRole } from './controller.ts';
import { FlowMonitors } from './flow-monitors.ts';
import { MultipartRequests } from './multipart-requests.ts';
import type { SwitchState } from './switch-state.ts';

/** What OpenFlow says of packets sent to a controller that set no length (OFP_DEFAULT_MISS_SEND_LEN). */
const MISS_SEND_LEN_DEFAULT = 128;

/** Of the message at fault, what an error message quotes at most: what fits (OpenFlow 1.3.5, 7.5.4 wants 64 or more). */
const ERROR_DATA_BYTES = 0xffff - 32;

const NO_GENERATION = 0xffff_ffff_ffff_ffffn;

type ForwardedRequest = OfMessageOf<'group_mod'> | OfMessageOf<'meter_mod'>;
/** Of OFPT_REQUESTFORWARD in front of the request. */
const REQUEST_FORWARD_SIZE = 8;

/** Where a session's bytes go. */
export interface SessionOutput {
  send(message: Uint8Array): void;
  readonly congested: boolean;
  /** False once the connection ended. */
  readonly open: boolean;
  /** Resolves when no longer congested, or when the connection ends. */
  drained(): Promise<void>;
  /** Packet-ins pass the rate limit first; `send` runs now, later or never. */
  limitPacketIn(kind: 'miss' | 'action', inPort: number, send: () => void): void;
}

export interface SessionOptions {
  readonly version: number;
  readonly isService: boolean;
  readonly asyncConfig: AsyncConfig;
  readonly clock: Clock;
}

export class Session {
  readonly switch: SwitchState;
  readonly version: number;
  readonly isService: boolean;
  readonly output: SessionOutput;
  role: 'equal' | 'master' | 'slave' = 'equal';
  flowFormat: FlowFormat = 'standard';
  packetInFormat: PacketInFormat = 'standard';
  flowModTableId = false;
  controllerId = 0;
  missSendLen: number;
  asyncConfig: AsyncConfig;

  readonly bundles: Bundles;
  readonly requests: MultipartRequests;
  readonly monitors = new FlowMonitors(this);

  constructor(state: SwitchState, output: SessionOutput, { version, isService, asyncConfig, clock }: SessionOptions) {
    this.requests = new MultipartRequests(clock, (header) => this.refuse(header, 'OFPBRC_MULTIPART_REQUEST_TIMEOUT'));
    this.bundles = new Bundles(clock, ({ opener }) => this.refuse(opener, 'OFPBFC_TIMEOUT'));
    this.switch = state;
    this.output = output;
    this.version = version;
    this.isService = isService;
    this.asyncConfig = asyncConfigOf(version, asyncConfig);
    this.missSendLen = isService ? 0 : MISS_SEND_LEN_DEFAULT;
  }

  send(message: OfMessage, version = this.version): void {
    // What changed before an answer is told before it.
    this.monitors.flush();
    for (const part of encodeMessage(message, version)) this.output.send(part);
  }

  /** Answers `request` with an error, in the request's version if there is such a version. */
  refuse(request: Uint8Array, code: string): void {
    const xid = new DataView(request.buffer, request.byteOffset).getUint32(4);
    const version = VERSIONS.find((known) => known === request[0]) ?? OFP10_VERSION;
    this.send({ type: 'error', xid, code, data: request.slice(0, ERROR_DATA_BYTES) }, version);
  }

  /** The connection ended. */
  stop(): void {
    this.bundles.stop();
    this.requests.stop();
  }

  /** Another controller became master in this one's place. */
  demote(): void {
    this.role = 'slave';
    if (this.version < OFP13_VERSION) return;
    const generationId = this.switch.generationId ?? NO_GENERATION;
    this.send({ type: 'role_status', xid: 0, role: 'slave', reason: 'master_request', generationId });
  }

  /** Tells the others of a request of this one that was carried out (OpenFlow 1.4, 7.4.6). */
  forward(request: ForwardedRequest): void {
    for (const other of this.switch.sessions) if (other !== this) other.#forwarded(request);
  }

  #forwarded(request: ForwardedRequest): void {
    if (this.version < OFP14_VERSION || !this.#asked('requestForward', REQUEST_FORWARD_REASON[request.type])) return;
    const bytes = encodeWhole(request, this.version, REQUEST_FORWARD_SIZE);
    if (bytes) this.send({ type: 'request_forward', xid: 0, bytes });
  }

  /** Controller.role of this session. */
  get controllerRole(): ControllerRole {
    return this.role === 'equal' ? 'other' : this.role;
  }

  /** Table misses of an OpenFlow 1.0 table go to some controller only while one like this is there. */
  get wantsMisses(): boolean {
    return (
      this.version < OFP13_VERSION && this.controllerId === 0 && this.#wants('packetIn', PACKET_IN_REASON.no_match)
    );
  }

  packetIn(packetIn: PacketIn): void {
    if (packetIn.controllerId !== this.controllerId) return;
    if (packetIn.miss === 'implicit' && this.version >= OFP13_VERSION) return;
    const reason = this.#reasonFor(packetIn);
    if (!this.#wants('packetIn', PACKET_IN_REASON[reason])) return;
    const kind = packetIn.reason === 'no_match' ? 'miss' : 'action';
    const inPort = packetIn.metadata.flow.u32(KEY_IN_PORT);
    this.output.limitPacketIn(kind, inPort, () =>
      this.send({
        type: 'packet_in',
        xid: 0,
        format: this.packetInFormat,
        bufferId: OFP_NO_BUFFER,
        packetIn: { ...packetIn, reason },
      }),
    );
  }

  flowRemoved(removed: FlowRemoved): void {
    if (!this.#wants('flowRemoved', FLOW_REMOVED_REASON[removed.reason])) return;
    this.send({ type: 'flow_removed', xid: 0, format: this.flowFormat, removed });
  }

  portStatus(reason: PortStatusReason, port: OfPortDesc): void {
    if (!this.#wants('portStatus', PORT_STATUS_REASON[reason])) return;
    this.send({ type: 'port_status', xid: 0, reason, port });
  }

  tableStatus(reason: VacancyEvent, table: TableDesc): void {
    if (this.version < OFP14_VERSION || !this.#wants('tableStatus', TABLE_STATUS_REASON[reason])) return;
    this.send({ type: 'table_status', xid: 0, reason, table });
  }

  portTreeState(port: OfPortDesc): void {
    if (this.version === OFP10_VERSION) this.portStatus('modify', port);
  }

  /** Reasons that came with 1.4 are actions to versions before it, and so is a table-miss flow's to those before 1.3. */
  #reasonFor({ reason, miss }: PacketIn): PacketInReason {
    if (miss === 'explicit' && this.version < OFP13_VERSION) return 'action';
    const isNew = PACKET_IN_REASON[reason] > PACKET_IN_REASON.invalid_ttl;
    return isNew && this.version < OFP14_VERSION ? 'action' : reason;
  }

  /** A service connection hears nothing until it sets a miss_send_len, as ovs-ofctl's `monitor` does. */
  #wants(kind: keyof AsyncConfig, reason: number): boolean {
    return !(this.isService && this.missSendLen === 0) && this.#asked(kind, reason);
  }

  #asked(kind: keyof AsyncConfig, reason: number): boolean {
    const mask = this.asyncConfig[kind][this.role === 'slave' ? 1 : 0];
    return (mask & (1 << reason)) !== 0;
  }
}
