// What the offload engine knows of a megaflow whose in_port is on a card, and of each copy of it that the card has.

import type { FlowCounts, LateCounts } from '../../dpif.ts';
import type { FlowHandle, HardwareCounts, OutputCounts } from '../provider.ts';
import type { Subject } from './examine.ts';
import { type Sent, sentBy } from './outputs.ts';
import type { PortCountTable } from './port-counts.ts';

/** A megaflow as the engine needs it. */
export interface OffloadFlow extends Subject {
  readonly inPort: number;
  readonly alive: boolean;
  /** What cards forwarded of it: part of its counts. */
  hardware: HardwareTotals | undefined;
  readCounts(into: FlowCounts): void;
}

/** What cards forwarded of a flow so far, as far as they were asked. */
export interface HardwareTotals {
  readonly packets: number;
  readonly bytes: number;
  /** 0 when never. */
  readonly usedMs: number;
  readonly tcpFlags: number;
}

/** Told once a card has counted more for a flow that has been changed or deleted meanwhile. */
export type Late = (counts: LateCounts) => void;

const counts: FlowCounts = { packets: 0, bytes: 0, usedMs: 0 };

export class Entry implements HardwareTotals {
  readonly flow: OffloadFlow;
  packets = 0;
  bytes = 0;
  usedMs = 0;
  tcpFlags = 0;
  /** The one that forwards, or is being written. */
  copy: Copy | undefined;
  /** Those that the card has to take out still; they may bring more counts. */
  readonly leaving = new Set<Copy>();
  /** Waits to be written. */
  isQueued = false;
  queuedMs = 0;
  /** Why it is in software; undefined while it is not, or nobody has looked. */
  reason: string | undefined;
  /** The reason stands until the flow or its surroundings change. */
  isRefused = false;
  /** Packets per second, over the last two measurements or so. */
  rate = 0;
  #measured = 0;
  #measuredMs: number;

  constructor(flow: OffloadFlow, nowMs: number) {
    this.flow = flow;
    this.#measuredMs = nowMs;
  }

  /** Reads the rate since the last time. */
  measure(nowMs: number): void {
    const elapsedMs = nowMs - this.#measuredMs;
    if (elapsedMs <= 0) return;
    this.flow.readCounts(counts);
    const rate = ((counts.packets - this.#measured) * 1000) / elapsedMs;
    this.rate = this.#measured === 0 ? rate : (this.rate + rate) / 2;
    this.#measured = counts.packets;
    this.#measuredMs = nowMs;
  }

  /** Whom to tell of counts that come when the flow is another one, or none. */
  withdrawn(late: Late | undefined): void {
    for (const copy of this.leaving) copy.late ??= late;
  }

  add({ packets, bytes, usedMs, tcpFlags }: LateCounts): void {
    this.packets += packets;
    this.bytes += bytes;
    this.usedMs = Math.max(this.usedMs, usedMs);
    this.tcpFlags |= tcpFlags;
  }
}

/** A megaflow in the card's table, from the moment that it is sent there until the card has taken it out. */
export class Copy {
  readonly entry: Entry;
  /** The datapath's ports that it names: from and to. */
  readonly inPort: number;
  readonly sent: readonly Sent[];
  /** Undefined while the card has not answered. */
  handle: FlowHandle | undefined;
  sinceMs = 0;
  /** Where it stands among those to be removed. */
  doom = 0;
  late: Late | undefined;
  #packets = 0;
  #bytes = 0;
  /** What the card counted of each output; absent where the flow's counters tell. */
  #outputs: readonly OutputCounts[] | undefined;

  constructor(entry: Entry) {
    this.entry = entry;
    this.inPort = entry.flow.inPort;
    this.sent = sentBy(entry.flow.actions);
  }

  names(port: number): boolean {
    return this.inPort === port || this.sent.some((one) => one.port === port);
  }

  /** Takes what the card counted since it was last asked. */
  count({ packets, bytes, idleMs, tcpFlags, sent }: HardwareCounts, nowMs: number, ports: PortCountTable): void {
    if (sent) this.#countOutputs(sent, ports);
    const [packetsNow, bytesNow] = [Number(packets), Number(bytes)];
    if (packetsNow <= this.#packets) return;
    const usedMs = Math.floor(nowMs - (idleMs ?? 0));
    const more = { packets: packetsNow - this.#packets, bytes: bytesNow - this.#bytes, usedMs, tcpFlags };
    this.#packets = packetsNow;
    this.#bytes = bytesNow;
    this.entry.add(more);
    ports.received(this.inPort, more.packets, more.bytes);
    if (!sent) ports.sentAll(this.sent, more.packets, more.bytes);
    this.late?.(more);
  }

  #countOutputs(now: readonly OutputCounts[], ports: PortCountTable): void {
    for (const [i, { port }] of this.sent.entries()) {
      const [count, before] = [now[i], this.#outputs?.[i]];
      if (!count) continue;
      const packets = Number(count.packets - (before?.packets ?? 0n));
      if (packets > 0) ports.sent(port, packets, Number(count.bytes - (before?.bytes ?? 0n)));
    }
    this.#outputs = now;
  }
}
