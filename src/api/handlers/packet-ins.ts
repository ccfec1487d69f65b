// StreamPacketIns: packets for the controller, through a queue that is bounded for each stream.

import { KEY_IN_PORT } from '../../../ofproto/model/flow.ts';
import type { PacketIn } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import { type Call, findBridge } from '../call.ts';
import { matchMessage } from '../convert/match.ts';
import { NO_CUT, PACKET_IN_REASON_NAMES, reasonNumber } from '../convert/values.ts';
import { CallError } from '../errors.ts';
import type { PacketInMessage, PacketInReasonName, PacketInsRequest } from '../messages.ts';

const PACKETS_MAX = 1024;
const BYTES_MAX = 4 * 1024 * 1024;

/** What waits for a slow reader, and what it lost. */
export class PacketQueue {
  readonly #waiting: PacketIn[] = [];
  #bytes = 0;
  dropped = 0;

  push(packetIn: PacketIn): void {
    const { packet, maxLen } = packetIn;
    const size = Math.min(packet.length, maxLen || NO_CUT);
    if (this.#waiting.length >= PACKETS_MAX || this.#bytes + size > BYTES_MAX) {
      this.dropped++;
      return;
    }
    this.#bytes += size;
    // The frame's memory is the datapath's.
    this.#waiting.push({ ...packetIn, packet: packet.slice(0, size) });
  }

  shift(): PacketIn | undefined {
    const next = this.#waiting.shift();
    this.#bytes -= next?.packet.length ?? 0;
    return next;
  }
}

export function streamPacketIns(request: PacketInsRequest, call: Call, ready: () => void): Promise<void> {
  const bridge = findBridge(call.client, request.bridge);
  const wants = filterOf(request);
  const queue = new PacketQueue();
  const pump = pumpOf(queue, call);
  return new Promise((resolve, reject) => {
    const unsubscribe = subscribe(bridge, {
      packetIn: (packetIn) => {
        if (!wants(packetIn)) return;
        queue.push(packetIn);
        pump();
      },
      closed: () => reject(new CallError('NOT_FOUND', `bridge "${bridge.name}" is gone`)),
    });
    call.onEnd(() => {
      unsubscribe();
      resolve();
    });
    ready();
  });
}

function subscribe(bridge: OfprotoApi, events: { packetIn(packetIn: PacketIn): void; closed(): void }): () => void {
  return bridge.subscribe({ ...events, flowRemoved: () => {}, portStatus: () => {} });
}

/** Sends what waits while the reader takes it. */
function pumpOf(queue: PacketQueue, call: Call): () => void {
  let isBlocked = false;
  return function pump() {
    if (isBlocked) return;
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (call.send(packetInMessage(next, queue.dropped))) continue;
      isBlocked = true;
      void call.drained().then(() => {
        isBlocked = false;
        if (!call.ended) pump();
      });
      return;
    }
  };
}

function filterOf(request: PacketInsRequest): (packetIn: PacketIn) => boolean {
  const { controllerId } = request;
  const reasons = new Set(request.reasons.map((reason) => PACKET_IN_REASON_NAMES[reasonNumber(reason)]));
  const mask = BigInt(request.cookieMask);
  const cookie = BigInt(request.cookie) & mask;
  return (packetIn) =>
    packetIn.controllerId === controllerId &&
    packetIn.miss !== 'implicit' &&
    (reasons.size === 0 || reasons.has(nameOf(packetIn))) &&
    (packetIn.cookie & mask) === cookie;
}

const nameOf = ({ reason }: PacketIn) => `OFPR_${reason.toUpperCase()}` as PacketInReasonName;

function packetInMessage(packetIn: PacketIn, dropped: number): PacketInMessage {
  const { metadata } = packetIn;
  return {
    inPort: metadata.flow.u32(KEY_IN_PORT),
    reason: nameOf(packetIn),
    tableId: packetIn.tableId,
    cookie: String(packetIn.cookie),
    packet: packetIn.packet,
    totalLen: packetIn.totalLen,
    metadata: matchMessage(metadata),
    controllerId: packetIn.controllerId,
    userdata: packetIn.userdata ?? new Uint8Array(),
    dropped,
  };
}
