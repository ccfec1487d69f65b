// Who listens to which multicast group, and where routers are, by VLAN: what a bridge learned from IGMP and MLD. Members
// and routers that stay silent are forgotten; a full table forgets the group heard of longest ago.

import type { McastEvent } from './mcast-message.ts';
import type { McastRow } from './ofproto-api.ts';
import { formatIpv4, formatIpv6 } from './text/addresses.ts';
import type { XlateBundle, XlateSnooping } from './xlate/snapshot.ts';

export const MCAST_AGING_DEFAULT_MS = 300_000;
export const MCAST_TABLE_SIZE_DEFAULT = 2048;
/** A router asks every 125 s (RFC 3376, 8.2); one answer may be lost. */
const ROUTER_IDLE_MS = 180_000;

interface Group {
  readonly vlan: number;
  readonly address: Uint8Array;
  /** Last heard of, by bundle; the one heard of longest ago first. */
  readonly members: Map<XlateBundle, number>;
}

interface Router {
  readonly vlan: number;
  readonly bundle: XlateBundle;
  seenMs: number;
}

export class McastSnooping implements XlateSnooping {
  readonly #changed: () => void;
  /** The group heard of longest ago first. */
  readonly #groups = new Map<string, Group>();
  #routers: Router[] = [];
  agingMs = MCAST_AGING_DEFAULT_MS;
  maxGroups = MCAST_TABLE_SIZE_DEFAULT;
  floodUnregistered = true;

  /** `changed` is called when multicast may go other ways. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  members(vlan: number, address: Uint8Array): Iterable<XlateBundle> | undefined {
    return this.#groups.get(keyOf(vlan, address))?.members.keys();
  }

  routers(vlan: number): XlateBundle[] {
    return this.#routers.filter((router) => router.vlan === vlan).map(({ bundle }) => bundle);
  }

  /** Takes in what a message says that came in by `bundle`. */
  hear(event: McastEvent, bundle: XlateBundle, vlan: number, nowMs: number): void {
    if (event.kind === 'query') this.#sawRouter(bundle, vlan, nowMs);
    else if (event.kind === 'leave') this.#leave(keyOf(vlan, event.group), bundle);
    else this.#join(event.group, bundle, vlan, nowMs);
  }

  /** Who gets everything need not be a member. */
  #join(address: Uint8Array, bundle: XlateBundle, vlan: number, nowMs: number): void {
    if (bundle.mcastFlood || this.routers(vlan).includes(bundle)) return;
    const key = keyOf(vlan, address);
    const group = this.#groups.get(key) ?? { vlan, address: address.slice(), members: new Map<XlateBundle, number>() };
    const isNews = !group.members.has(bundle);
    if (!this.#groups.has(key) && this.#groups.size >= this.maxGroups) this.#evict();
    // Both move to the recent end.
    this.#groups.delete(key);
    this.#groups.set(key, group);
    group.members.delete(bundle);
    group.members.set(bundle, nowMs);
    if (isNews) this.#changed();
  }

  #evict(): void {
    for (const key of this.#groups.keys()) {
      this.#groups.delete(key);
      return;
    }
  }

  #leave(key: string, bundle: XlateBundle): void {
    const group = this.#groups.get(key);
    if (!group?.members.delete(bundle)) return;
    if (group.members.size === 0) this.#groups.delete(key);
    this.#changed();
  }

  #sawRouter(bundle: XlateBundle, vlan: number, nowMs: number): void {
    const known = this.#routers.find((router) => router.bundle === bundle && router.vlan === vlan);
    if (known) known.seenMs = nowMs;
    else {
      this.#routers.push({ vlan, bundle, seenMs: nowMs });
      this.#changed();
    }
  }

  expire(nowMs: number): void {
    this.#forget(
      (_, seenMs) => nowMs - seenMs >= this.agingMs,
      (router) => nowMs - router.seenMs >= ROUTER_IDLE_MS,
    );
  }

  flushPort(bundle: XlateBundle): void {
    this.#forget(
      (member) => member === bundle,
      (router) => router.bundle === bundle,
    );
  }

  flush(): void {
    this.#forget(
      () => true,
      () => true,
    );
  }

  #forget(isGone: (bundle: XlateBundle, seenMs: number) => boolean, isLost: (router: Router) => boolean): void {
    const routers = this.#routers.filter((router) => !isLost(router));
    let changed = routers.length !== this.#routers.length;
    this.#routers = routers;
    for (const [key, { members }] of this.#groups) {
      for (const [bundle, seenMs] of members) if (isGone(bundle, seenMs)) changed = members.delete(bundle);
      if (members.size === 0) this.#groups.delete(key);
    }
    if (changed) this.#changed();
  }

  /** As mdb/show prints them. */
  rows(nowMs: number): McastRow[] {
    const age = (seenMs: number) => Math.floor((nowMs - seenMs) / 1000);
    const groups = [...this.#groups.values()].flatMap(({ vlan, address, members }) =>
      [...members].map(([bundle, seenMs]) => ({ bundle, vlan, group: textOf(address), ageS: age(seenMs) })),
    );
    return [
      ...groups,
      ...this.#routers.map((router) => ({ ...router, group: undefined, ageS: age(router.seenMs) })),
    ].map(({ bundle, vlan, group, ageS }) => ({ ofPort: bundle.ofPort, vlan, group, ageS }));
  }
}

const textOf = (address: Uint8Array): string => (address.length === 4 ? formatIpv4(address) : formatIpv6(address));
const keyOf = (vlan: number, address: Uint8Array): string => `${vlan} ${Buffer.from(address).toString('hex')}`;
