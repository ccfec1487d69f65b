// A bond: the members of one Port, which of them are enabled, which one is active, and which packets go out by which
// (ovs-vswitchd.conf.db(5), Port, "Bonding Configuration"; ovs-actions(7), "normal").
//
//   link up and LACP content --bond_updelay--> enabled
//   otherwise                --bond_downdelay--> disabled
//
// The active member sends all of an active-backup bond, and receives multicast for a balance-slb bond. It stays until it
// is disabled; then the primary follows, else the one that was active in the last run, else the first that is enabled,
// else the one whose delay ends first, at once.

import { logger } from '../../lib/log.ts';
import type { BondVerdict, XlateBond } from '../xlate/bond-snapshot.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import { type Bucket, Buckets } from './bond-buckets.ts';
import type { MemberPort } from './member-port.ts';
import { rebalance, type Shift } from './rebalance.ts';
import type { BondMode, BondSettings, LacpStatus } from './settings.ts';

const log = logger('bond');
const NEVER = Number.POSITIVE_INFINITY;

export interface BondMember {
  readonly port: MemberPort;
  enabled: boolean;
  /** Carrier, and no objection by LACP. */
  mayEnable: boolean;
  /** When `enabled` changes; NEVER while it is as it should be. */
  delayEndsMs: number;
}

/** What a bond asks of its bridge. */
export interface BondParts {
  nowMs(): number;
  /** What packets that were recirculated for this bond go on with. */
  recirc(): { readonly id: number; readonly state: FrozenState };
}

export class Bond implements XlateBond {
  readonly name: string;
  readonly createdMs: number;
  readonly #parts: BondParts;
  #settings: BondSettings;
  readonly #members = new Map<MemberPort, BondMember>();
  #active: BondMember | undefined;
  /** Address of the member that was active last. */
  #activeMac: string | undefined;
  #lacpStatus: LacpStatus = 'off';
  readonly buckets = new Buckets();
  #nextRebalanceMs: number;
  /** The mode that loads were measured in. */
  #measuredMode: BondMode;
  /** Translations may come out differently; and peers may look for stations behind another link. */
  #changed = true;
  #moved = false;

  constructor(name: string, settings: BondSettings, parts: BondParts) {
    this.name = name;
    this.#settings = settings;
    this.#parts = parts;
    this.#activeMac = settings.activeBefore;
    this.createdMs = parts.nowMs();
    this.#nextRebalanceMs = parts.nowMs() + settings.rebalanceIntervalMs;
    this.#measuredMode = settings.mode;
  }

  get settings(): BondSettings {
    return this.#settings;
  }
  get lacpStatus(): LacpStatus {
    return this.#lacpStatus;
  }
  /** In the order they joined. */
  get members(): readonly BondMember[] {
    return [...this.#members.values()];
  }
  get active(): BondMember | undefined {
    return this.#active;
  }
  get #enabled(): MemberPort[] {
    return this.members.filter(({ enabled }) => enabled).map(({ port }) => port);
  }

  /** How members are chosen now. */
  get mode(): BondMode {
    const fallsBack = this.#lacpStatus === 'configured' && this.#settings.lacpFallback;
    return fallsBack ? 'active-backup' : this.#settings.mode;
  }

  /** The id of recirculated packets that stands for the bond; 0: it has none. */
  get recircId(): number {
    return this.#settings.mode === 'active-backup' ? 0 : this.#parts.recirc().id;
  }

  /** other_config:bond-primary, where it means something. */
  get primary(): string | undefined {
    const { mode, primary, lacpFallback } = this.#settings;
    return mode === 'active-backup' || lacpFallback ? primary : undefined;
  }

  /** When loads are balanced anew; undefined: never. */
  get nextRebalanceMs(): number | undefined {
    const isBalanced = this.mode !== 'active-backup' && this.#settings.rebalanceIntervalMs > 0;
    return isBalanced ? this.#nextRebalanceMs : undefined;
  }

  member(port: MemberPort): BondMember | undefined {
    return this.#members.get(port);
  }

  /** Takes over settings and members; those that stay keep their state. */
  configure(settings: BondSettings, ports: readonly MemberPort[]): void {
    const before = this.#settings;
    this.#settings = settings;
    if (before.rebalanceIntervalMs !== settings.rebalanceIntervalMs) {
      this.#nextRebalanceMs = this.#parts.nowMs() + settings.rebalanceIntervalMs;
    }
    for (const [port, member] of this.#members) {
      if (ports.includes(port)) continue;
      this.#members.delete(port);
      if (this.#active === member) this.#active = undefined;
    }
    for (const port of ports) {
      if (!this.#members.has(port)) this.#join({ port, enabled: false, mayEnable: port.linkUp, delayEndsMs: NEVER });
    }
    this.#changed = true;
  }

  /** A new member's link counts at once. */
  #join(member: BondMember): void {
    this.#members.set(member.port, member);
    if (member.mayEnable) this.#enable(member, true);
  }

  /** Does what is due. Returns what changed: translations; where peers find stations. */
  run(lacpStatus: LacpStatus, mayEnable: (port: MemberPort) => boolean): { changed: boolean; moved: boolean } {
    if (lacpStatus !== this.#lacpStatus) {
      this.#lacpStatus = lacpStatus;
      this.#changed = true;
    }
    if (this.mode !== this.#measuredMode) this.#measureAnew();
    for (const member of this.members) this.#updateLink(member, mayEnable(member.port));
    if (!this.#active?.enabled || this.#wantsPrimary()) this.#chooseActive();
    if (this.buckets.assign(this.#enabled)) this.#changed = true;
    this.#rebalanceWhenDue();
    // A partner finds stations behind all links of the bond alike.
    const toldByLacp = this.mode === 'balance-tcp' || this.#lacpStatus === 'negotiated';
    const done = { changed: this.#changed, moved: this.#moved && !toldByLacp };
    this.#changed = this.#moved = false;
    return done;
  }

  #measureAnew(): void {
    this.#measuredMode = this.mode;
    this.#nextRebalanceMs = this.#parts.nowMs() + this.#settings.rebalanceIntervalMs;
    for (const bucket of this.buckets.all) bucket.load = 0;
  }

  #updateLink(member: BondMember, up: boolean): void {
    member.mayEnable = up;
    const { name } = member.port;
    if ((up === member.enabled) !== (member.delayEndsMs === NEVER)) {
      log.info(`member ${name}: link state ${up ? 'up' : 'down'}`);
      if (up === member.enabled) {
        member.delayEndsMs = NEVER;
        log.info(`member ${name}: will not be ${up ? 'disabled' : 'enabled'}`);
      } else this.#startDelay(member, up);
    }
    if (this.#parts.nowMs() >= member.delayEndsMs) this.#enable(member, up);
  }

  #startDelay(member: BondMember, up: boolean): void {
    const { upDelayMs, downDelayMs } = this.#settings;
    const delayMs = up ? upDelayMs : downDelayMs;
    member.delayEndsMs = this.#parts.nowMs() + delayMs;
    if (delayMs === 0) return;
    const [what, how] = up ? ['enabled', 'up'] : ['disabled', 'down'];
    log.info(`member ${member.port.name}: will be ${what} if it stays ${how} for ${delayMs} ms`);
  }

  #enable(member: BondMember, enabled: boolean): void {
    member.delayEndsMs = NEVER;
    if (enabled === member.enabled) return;
    member.enabled = enabled;
    this.#changed = true;
    log.info(`member ${member.port.name}: ${enabled ? 'enabled' : 'disabled'}`);
  }

  #wantsPrimary(): boolean {
    const { primary } = this;
    if (primary === undefined || this.#active?.port.name === primary) return false;
    return this.members.some(({ port, enabled }) => enabled && port.name === primary);
  }

  #chooseActive(): void {
    const before = this.#active;
    const next = this.#bestMember();
    this.#active = next;
    this.#changed = true;
    if (!next) {
      if (before) log.info(`bond ${this.name}: all members disabled`);
      return;
    }
    if (next.enabled) log.info(`bond ${this.name}: active member is now ${next.port.name}`);
    else this.#skipDelay(next);
    this.#activeMac = next.port.mac;
    this.#moved = true;
  }

  #skipDelay(member: BondMember): void {
    const leftMs = Math.round(member.delayEndsMs - this.#parts.nowMs());
    const why = `skipping remaining ${leftMs} ms updelay (since no member was enabled)`;
    log.info(`bond ${this.name}: active member is now ${member.port.name}, ${why}`);
    this.#enable(member, true);
  }

  #bestMember(): BondMember | undefined {
    const enabled = this.members.filter((member) => member.enabled);
    const { primary } = this;
    return (
      enabled.find(({ port }) => port.name === primary) ??
      enabled.find(({ port }) => port.mac !== undefined && port.mac === this.#activeMac) ??
      enabled[0] ??
      this.members.filter(({ mayEnable }) => mayEnable).sort((a, b) => a.delayEndsMs - b.delayEndsMs)[0]
    );
  }

  #rebalanceWhenDue(): void {
    const nowMs = this.#parts.nowMs();
    if (nowMs < (this.nextRebalanceMs ?? NEVER)) return;
    this.#nextRebalanceMs = nowMs + this.#settings.rebalanceIntervalMs;
    rebalance(this.#enabled, this.buckets.all, (shift) => this.#shifted(shift));
    this.buckets.fade();
  }

  #shifted({ bucket, from, to, fromLoad, toLoad }: Shift): void {
    const kB = (bytes: number) => `${Math.floor(bytes / 1024)}kB`;
    const what = `shift ${kB(bucket.load)} of load (with hash ${bucket.hash}) from ${from.name} to ${to.name}`;
    log.info(`bond ${this.name}: ${what} (now carrying ${kB(fromLoad)} and ${kB(toLoad)} load, respectively)`);
    this.#changed = true;
  }

  /** When something happens here by itself. */
  nextEventMs(): number {
    return Math.min(this.nextRebalanceMs ?? NEVER, ...this.members.map(({ delayEndsMs }) => delayEndsMs));
  }

  // Commands; run() is to follow.

  /** False when it was the active one before. */
  setActive(member: BondMember): boolean {
    if (this.#active === member) return false;
    this.#active = member;
    this.#activeMac = member.port.mac;
    this.#changed = this.#moved = true;
    log.info(`bond ${this.name}: active member is now ${member.port.name}`);
    return true;
  }

  /** Without delay; until the link changes. */
  setEnabled(member: BondMember, enabled: boolean): void {
    this.#enable(member, enabled);
  }

  migrate(bucket: Bucket, member: BondMember): void {
    bucket.port = member.port;
    this.#changed = true;
  }

  // Translation

  admits(port: MemberPort, isMulticast: boolean): BondVerdict {
    const member = this.#members.get(port);
    if (this.#lacpStatus === 'negotiated') return member?.enabled ? 'accept' : 'drop';
    const { mode } = this;
    if (this.#lacpStatus === 'configured' && mode !== 'active-backup') return 'drop';
    const isActive = member !== undefined && member === this.#active;
    if (isMulticast && !isActive && !(mode === 'balance-slb' && this.#settings.allMembersActive)) return 'drop';
    if (mode === 'balance-slb') return 'unless-moved';
    return mode === 'active-backup' && isActive ? 'accept' : 'drop';
  }

  get only(): { readonly port: MemberPort | undefined } | undefined {
    return this.mode === 'active-backup' ? { port: this.#active?.port } : undefined;
  }

  get recirc(): FrozenState | undefined {
    return this.mode === 'balance-tcp' ? this.#parts.recirc().state : undefined;
  }

  get hashBasis(): number {
    return this.#settings.hashBasis;
  }

  /** balance-tcp sends nothing without an LACP partner. */
  get isDown(): boolean {
    if (this.mode === 'balance-tcp' && this.#lacpStatus !== 'negotiated') return true;
    return !this.#active?.enabled;
  }

  bucket(hash: number): Bucket {
    return this.buckets.of(hash);
  }
}
