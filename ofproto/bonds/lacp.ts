// LACP over the links of one Port (IEEE 802.1AX-2014, 6.4): Selection Logic (6.4.14) and Mux machine (6.4.15) in the short
// form that Open vSwitch has: there is one aggregator, it belongs to the partner of the best link, and a link is attached
// to it as soon as it has that partner.

import { logger } from '../../lib/log.ts';
import { rateLimited } from '../../lib/log-rate-limit.ts';
import { comparePriority, LACP_STATE, type LacpInfo, sameSystem } from './lacp-info.ts';
import { LacpMember } from './lacp-member.ts';
import { decodeSlowFrame, type Lacpdu } from './lacp-pdu.ts';
import type { MemberPort } from './member-port.ts';
import type { LacpSettings, LacpStatus } from './settings.ts';

const log = rateLimited(logger('lacp'));
const { ACTIVITY, TIMEOUT, AGGREGATION, SYNCHRONIZED, COLLECTING, DISTRIBUTING, DEFAULTED, EXPIRED } = LACP_STATE;

/** What LACP asks of its bridge. */
export interface LacpParts {
  nowMs(): number;
  /** The bridge's address, six bytes. */
  bridgeMac(): Uint8Array;
  send(port: MemberPort, pdu: Lacpdu): void;
}

export class Lacp {
  readonly name: string;
  readonly #parts: LacpParts;
  readonly #members = new Map<MemberPort, LacpMember>();
  #settings: LacpSettings;
  /** Some link may have a partner. */
  #negotiated = false;

  constructor(name: string, settings: LacpSettings, parts: LacpParts) {
    this.name = name;
    this.#settings = settings;
    this.#parts = parts;
  }

  get settings(): LacpSettings {
    return this.#settings;
  }
  get members(): readonly LacpMember[] {
    return [...this.#members.values()];
  }
  get status(): LacpStatus {
    return this.#negotiated ? 'negotiated' : 'configured';
  }
  get sysId(): Uint8Array {
    const { systemId } = this.#settings;
    return systemId === undefined ? this.#parts.bridgeMac() : Buffer.from(systemId.replaceAll(':', ''), 'hex');
  }

  /** Takes over settings and members; those that stay keep their state. */
  configure(settings: LacpSettings, ports: readonly MemberPort[]): void {
    this.#settings = settings;
    const nowMs = this.#parts.nowMs();
    for (const port of this.#members.keys()) if (!ports.includes(port)) this.#members.delete(port);
    for (const port of ports) {
      const member = this.#members.get(port) ?? new LacpMember(port, nowMs, settings);
      this.#members.set(port, member);
      member.settings = settings.members[port.name] ?? {};
    }
    this.#select();
  }

  member(port: MemberPort): LacpMember | undefined {
    return this.#members.get(port);
  }

  /** Interface.lacp_current. */
  isCurrent(port: MemberPort): boolean {
    const state = this.#members.get(port)?.state;
    return state !== undefined && state !== 'defaulted';
  }

  mayEnable(port: MemberPort): boolean {
    return this.#members.get(port)?.mayEnable(this.#settings) ?? false;
  }

  /** The administrative key of all links: that of the first, or its number. */
  get key(): number {
    const [first] = this.#members.values();
    return first?.settings.key ?? first?.portId ?? 0;
  }

  /** What we say of ourselves on a link. */
  actor(member: LacpMember): LacpInfo {
    const { active, fast, systemPriority } = this.#settings;
    const { attached, state, portId, portPriority } = member;
    const flags =
      (active ? ACTIVITY : 0) |
      (fast ? TIMEOUT : 0) |
      (this.#members.size > 1 ? AGGREGATION : 0) |
      (attached ? SYNCHRONIZED : 0) |
      (attached || !this.#negotiated ? COLLECTING | DISTRIBUTING : 0) |
      (state === 'defaulted' ? DEFAULTED : 0) |
      (state === 'expired' ? EXPIRED : 0);
    const port = { key: this.key, portPriority, portId };
    return { sysPriority: systemPriority, sysId: this.sysId, ...port, state: flags };
  }

  receive(port: MemberPort, frame: Uint8Array): void {
    const member = this.#members.get(port);
    if (!member) return;
    member.counters.rxPdus++;
    const pdu = decodeSlowFrame(frame);
    if (pdu === 'marker') member.counters.rxMarkers++;
    else if (pdu === 'bad') {
      member.counters.rxBad++;
      log.warn(`${this.name}: received an unparsable LACP PDU.`);
    } else if (!port.linkUp) {
      log.info(`carrier state is DOWN, dropping received LACP PDU on ${port.name}.`);
    } else if (member.receive(pdu, this.#parts.nowMs(), this.#settings)) this.#select();
  }

  carrierChanged(port: MemberPort): void {
    this.#members.get(port)?.carrierChanged(this.#parts.nowMs(), this.#settings);
    this.#select();
  }

  /** Does what is due. */
  run(): void {
    const nowMs = this.#parts.nowMs();
    const changed = this.members.filter((member) => member.passTime(nowMs));
    if (changed.length > 0) this.#select();
    for (const member of this.members) {
      const actor = this.actor(member);
      if (!member.mustSend(actor, nowMs, this.#settings)) continue;
      this.#parts.send(member.port, { actor, partner: member.partner });
    }
  }

  nextEventMs(): number {
    return Math.min(...this.members.map((member) => member.nextEventMs(this.#settings)));
  }

  /** Selection Logic: whose partner the bond has, and which links lead there. */
  #select(): void {
    const candidates = this.members.filter((member) => member.state !== 'defaulted' && !this.#isLoop(member));
    // A link that works is not given up for one of which nothing is known yet.
    const current = candidates.filter((member) => member.state === 'current');
    const lead =
      this.#best(current.filter(({ attached }) => attached)) ?? this.#best(current) ?? this.#best(candidates);
    this.#negotiated = lead !== undefined;
    for (const member of this.members) {
      const hasPartner =
        lead?.partner.key === member.partner.key && sameSystem(lead.partner.sysId, member.partner.sysId);
      const isFallback = this.#settings.fallbackAb && member.state === 'defaulted' && !lead;
      member.attached = (hasPartner && candidates.includes(member)) || isFallback;
    }
  }

  #best(members: readonly LacpMember[]): LacpMember | undefined {
    return [...members].sort((a, b) => comparePriority(this.#priority(a), this.#priority(b)))[0];
  }

  #isLoop(member: LacpMember): boolean {
    if (!sameSystem(member.partner.sysId, this.sysId)) return false;
    log.warn(`member ${member.port.name}: Loopback detected. Interface is connected to its own bond`);
    return true;
  }

  /** The better system's view of the link decides (5.3.2). */
  #priority(member: LacpMember): LacpInfo {
    const actor = this.actor(member);
    const { partner } = member;
    const bySystem = actor.sysPriority - partner.sysPriority || Buffer.compare(actor.sysId, partner.sysId);
    return bySystem < 0 ? actor : partner;
  }
}
