// LACP on one link: the Receive machine (IEEE 802.1AX-2014, 6.4.12), the Periodic Transmission machine (6.4.13) and the
// Transmit machine (6.4.16). Which of a bond's links carry traffic is decided over all of them (lacp.ts).
//
//   EXPIRED --LACPDU--> CURRENT --no LACPDU for 3 periods--> EXPIRED --none for 3 s--> DEFAULTED
//
// As in Open vSwitch a new member of an active system begins as EXPIRED, and one whose carrier changed goes back there: for
// three seconds it answers and asks for fast LACPDUs; a passive system's waits as DEFAULTED. Transmission is not limited to three in a second: only a partner's LACPDUs and our
// own changes cause more than one.

import { isUpToDate, LACP_STATE, type LacpInfo, NO_INFO, sameInfo } from './lacp-info.ts';
import type { Lacpdu } from './lacp-pdu.ts';
import type { MemberPort } from './member-port.ts';
import type { LacpMemberSettings, LacpSettings } from './settings.ts';

/** Fast_Periodic_Time, Slow_Periodic_Time; a timeout is three of the period that we asked for (6.4.4). */
const FAST_PERIODIC_MS = 1000;
const SLOW_PERIODIC_MS = 30_000;
const TIMEOUT_PERIODS = 3;
export const PORT_PRIORITY_DEFAULT = 0xffff;

export type ReceiveState = 'current' | 'expired' | 'defaulted';

/** What lacp/show-stats prints. */
export interface LacpCounters {
  txPdus: number;
  rxPdus: number;
  rxBad: number;
  rxMarkers: number;
  expired: number;
  defaulted: number;
  carrierChanges: number;
}

export class LacpMember {
  readonly port: MemberPort;
  settings: LacpMemberSettings = {};
  readonly counters: LacpCounters = {
    txPdus: 0,
    rxPdus: 0,
    rxBad: 0,
    rxMarkers: 0,
    expired: 0,
    defaulted: 0,
    carrierChanges: 0,
  };
  state: ReceiveState = 'defaulted';
  /** The Mux machine has attached the link to the bond (6.4.15). */
  attached = false;
  partner: LacpInfo = NO_INFO;
  /** current_while_timer and periodic_timer, as times. */
  #timeoutMs = 0;
  #nextTxMs = 0;
  /** What the partner is believed to think of us. */
  #told: LacpInfo = NO_INFO;

  constructor(port: MemberPort, nowMs: number, { active }: LacpSettings) {
    this.port = port;
    this.#nextTxMs = nowMs;
    if (active) this.expire(nowMs);
  }

  get portId(): number {
    return this.settings.portId ?? this.port.ofPort & 0xffff;
  }
  get portPriority(): number {
    return this.settings.portPriority ?? PORT_PRIORITY_DEFAULT;
  }

  /** Whether the link may carry traffic: attached, and the partner says so too. */
  mayEnable({ fallbackAb }: LacpSettings): boolean {
    const isFallback = fallbackAb && this.state === 'defaulted';
    return this.attached && ((this.partner.state & LACP_STATE.SYNCHRONIZED) !== 0 || isFallback);
  }

  /** Enters EXPIRED. */
  expire(nowMs: number): void {
    this.state = 'expired';
    const state = (this.partner.state | LACP_STATE.TIMEOUT) & ~LACP_STATE.SYNCHRONIZED;
    this.partner = { ...this.partner, state };
    this.#timeoutMs = nowMs + TIMEOUT_PERIODS * FAST_PERIODIC_MS;
  }

  carrierChanged(nowMs: number, { active }: LacpSettings): void {
    this.counters.carrierChanges++;
    if (this.state === 'current' || active) this.expire(nowMs);
  }

  /** Lets time pass; true when the state changed. */
  passTime(nowMs: number): boolean {
    if (this.state === 'defaulted' || nowMs < this.#timeoutMs) return false;
    if (this.state === 'current') {
      this.counters.expired++;
      this.expire(nowMs);
    } else {
      this.counters.defaulted++;
      this.state = 'defaulted';
      this.partner = NO_INFO;
    }
    return true;
  }

  /** Takes a LACPDU; true when it says something new. */
  receive({ actor, partner }: Lacpdu, nowMs: number, { fast }: LacpSettings): boolean {
    const isNews = this.state !== 'current' || !sameInfo(this.partner, actor);
    this.state = 'current';
    this.#timeoutMs = nowMs + TIMEOUT_PERIODS * (fast ? FAST_PERIODIC_MS : SLOW_PERIODIC_MS);
    this.#told = partner;
    this.partner = actor;
    return isNews;
  }

  /** Whether a LACPDU with `actor` is to be sent now; the caller sends it. */
  mustSend(actor: LacpInfo, nowMs: number, { active }: LacpSettings): boolean {
    if (!active && this.state === 'defaulted') return false;
    if (nowMs < this.#nextTxMs && isUpToDate(actor, this.#told)) return false;
    this.#told = actor;
    const isFast = (this.partner.state & LACP_STATE.TIMEOUT) !== 0;
    this.#nextTxMs = nowMs + (isFast ? FAST_PERIODIC_MS : SLOW_PERIODIC_MS);
    this.counters.txPdus++;
    return true;
  }

  /** When something happens here by itself; Infinity: never. */
  nextEventMs({ active }: LacpSettings): number {
    if (this.state === 'defaulted') return active ? this.#nextTxMs : Number.POSITIVE_INFINITY;
    return Math.min(this.#timeoutMs, this.#nextTxMs);
  }
}
