// The MAC address table of NORMAL: which port each address was last seen behind, by VLAN. Entries age; a full table
// forgets the least recently seen address of the port that has most, so that one port's flood of made-up addresses does
// not push out the others'. Static entries, which people add, neither move nor age.

/** Port: whatever the owner takes for one; compared by identity. */
export interface MacEntry<Port> {
  readonly vlan: number;
  readonly mac: Uint8Array;
  port: Port;
  /** When a packet from this address last came in. */
  seenMs: number;
  isStatic: boolean;
  /** Until then a gratuitous ARP does not move it; 0: it does. */
  arpLockedUntilMs: number;
}

/** An entry that was learned hangs in the list of its port, between those seen before and after it. */
interface Entry<Port> extends MacEntry<Port> {
  older: Entry<Port> | undefined;
  newer: Entry<Port> | undefined;
}

/** The entries learned behind one port: finding the oldest of a port must cost nothing, for a flood asks every time. */
interface PortEntries<Port> {
  count: number;
  oldest: Entry<Port> | undefined;
  newest: Entry<Port> | undefined;
}

export const MAC_AGING_DEFAULT_MS = 300_000;
export const MAC_ENTRIES_DEFAULT = 8192;
const ARP_LOCK_MS = 5000;

/** Events since the start or the last clearStats(). */
export interface MacTableStats {
  learned: number;
  expired: number;
  evicted: number;
  moved: number;
}

const NO_EVENTS: Readonly<MacTableStats> = { learned: 0, expired: 0, evicted: 0, moved: 0 };

export class MacTable<Port> {
  readonly stats: MacTableStats = { ...NO_EVENTS };
  readonly #changed: (mac: Uint8Array) => void;
  /** Least recently seen first. */
  readonly #entries = new Map<string, Entry<Port>>();
  /** Entries that may be evicted. */
  readonly #perPort = new Map<Port, PortEntries<Port>>();
  #agingTimeMs = MAC_AGING_DEFAULT_MS;
  #maxEntries = MAC_ENTRIES_DEFAULT;

  /** `changed` is told of every address whose look-up may answer differently now. */
  constructor(changed: (mac: Uint8Array) => void = () => {}) {
    this.#changed = changed;
  }

  configure(options: { agingTimeMs?: number; maxEntries?: number }): void {
    this.#agingTimeMs = options.agingTimeMs ?? this.#agingTimeMs;
    this.#maxEntries = Math.max(1, options.maxEntries ?? this.#maxEntries);
    while (this.#entries.size > this.#maxEntries) if (!this.#evict()) break;
  }

  lookup(vlan: number, mac: Uint8Array): Port | undefined {
    return this.#entries.get(keyOf(vlan, mac))?.port;
  }

  /**
   * Notes that `mac`, which is kept, was seen behind `port`. True when that is news: look-ups may answer differently now.
   */
  learn(vlan: number, mac: Uint8Array, port: Port, nowMs: number): boolean {
    const key = keyOf(vlan, mac);
    const entry = this.#entries.get(key);
    if (entry?.isStatic) return false;
    if (entry) {
      // Moves it to the recent end.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      entry.seenMs = Math.max(entry.seenMs, nowMs);
      const before = entry.port;
      this.#leave(entry);
      entry.port = port;
      this.#join(entry);
      if (before === port) return false;
      this.stats.moved++;
      this.#changed(mac);
      return true;
    }
    if (!this.#makeRoom()) return false;
    this.#join(this.#add(key, vlan, mac, port, nowMs, false));
    this.stats.learned++;
    this.#changed(mac);
    return true;
  }

  /** A gratuitous ARP was seen: copies of it that come back from elsewhere are not to move the address. */
  lockArp(vlan: number, mac: Uint8Array, nowMs: number): void {
    const entry = this.#entries.get(keyOf(vlan, mac));
    if (!entry || entry.isStatic) return;
    const isNews = entry.arpLockedUntilMs === 0;
    entry.arpLockedUntilMs = Math.max(entry.arpLockedUntilMs, nowMs + ARP_LOCK_MS);
    if (isNews) this.#changed(mac);
  }

  isArpLocked(vlan: number, mac: Uint8Array, nowMs: number): boolean {
    return (this.#entries.get(keyOf(vlan, mac))?.arpLockedUntilMs ?? 0) > nowMs;
  }

  /** Makes `mac` stay behind `port`; returns the entry that it replaces. Static entries may overfill the table. */
  addStatic(vlan: number, mac: Uint8Array, port: Port): MacEntry<Port> | undefined {
    const key = keyOf(vlan, mac);
    const before = this.#entries.get(key);
    if (before?.isStatic && before.port === port) return undefined;
    if (before) this.#remove(key, before);
    else this.#makeRoom();
    this.#add(key, vlan, mac.slice(), port, 0, true);
    this.#changed(mac);
    return before;
  }

  /** False when there is no such static entry. */
  deleteStatic(vlan: number, mac: Uint8Array): boolean {
    const key = keyOf(vlan, mac);
    const entry = this.#entries.get(key);
    if (!entry?.isStatic) return false;
    this.#remove(key, entry);
    return true;
  }

  #add(key: string, vlan: number, mac: Uint8Array, port: Port, seenMs: number, isStatic: boolean): Entry<Port> {
    const entry = { vlan, mac, port, seenMs, isStatic, arpLockedUntilMs: 0, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Hangs a learned entry at the recent end of its port's list. */
  #join(entry: Entry<Port>): void {
    let list = this.#perPort.get(entry.port);
    if (!list) {
      list = { count: 0, oldest: undefined, newest: undefined };
      this.#perPort.set(entry.port, list);
    }
    list.count++;
    entry.older = list.newest;
    entry.newer = undefined;
    if (list.newest) list.newest.newer = entry;
    else list.oldest = entry;
    list.newest = entry;
  }

  #leave(entry: Entry<Port>): void {
    const list = this.#perPort.get(entry.port)!;
    if (entry.older) entry.older.newer = entry.newer;
    else list.oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else list.newest = entry.older;
    if (--list.count === 0) this.#perPort.delete(entry.port);
  }

  #makeRoom(): boolean {
    return this.#entries.size < this.#maxEntries || this.#evict();
  }

  #evict(): boolean {
    let fullest: PortEntries<Port> | undefined;
    for (const list of this.#perPort.values()) if (list.count > (fullest?.count ?? 0)) fullest = list;
    const oldest = fullest?.oldest;
    if (!oldest) return false;
    this.#remove(keyOf(oldest.vlan, oldest.mac), oldest);
    this.stats.evicted++;
    return true;
  }

  #remove(key: string, entry: Entry<Port>): void {
    this.#entries.delete(key);
    if (!entry.isStatic) this.#leave(entry);
    this.#changed(entry.mac);
  }

  /** Forgets addresses not seen for the aging time. True when there were some. */
  expire(nowMs: number): boolean {
    let expired = false;
    for (const [key, entry] of this.#entries) {
      if (entry.arpLockedUntilMs !== 0 && entry.arpLockedUntilMs <= nowMs) {
        entry.arpLockedUntilMs = 0;
        this.#changed(entry.mac);
      }
      if (entry.isStatic || nowMs - entry.seenMs < this.#agingTimeMs) continue;
      this.#remove(key, entry);
      this.stats.expired++;
      expired = true;
    }
    return expired;
  }

  /** Forgets every address that was learned. True when there was something. */
  flush(): boolean {
    return this.#removeIf((entry) => !entry.isStatic);
  }

  /** Forgets what was learned behind `port`. */
  flushLearned(port: Port): boolean {
    return this.#removeIf((entry) => entry.port === port && !entry.isStatic);
  }

  /** Forgets every address behind `port`. True when there was something. */
  flushPort(port: Port): boolean {
    return this.#removeIf((entry) => entry.port === port);
  }

  /** Forgets what was learned in a VLAN. */
  flushVlan(vlan: number): boolean {
    return this.#removeIf((entry) => entry.vlan === vlan && !entry.isStatic);
  }

  #removeIf(chosen: (entry: MacEntry<Port>) => boolean): boolean {
    const before = this.#entries.size;
    for (const [key, entry] of this.#entries) if (chosen(entry)) this.#remove(key, entry);
    return this.#entries.size !== before;
  }

  /** Least recently seen first, as fdb/show prints them. */
  entries(): readonly MacEntry<Port>[] {
    return [...this.#entries.values()];
  }

  get size(): number {
    return this.#entries.size;
  }

  get maxEntries(): number {
    return this.#maxEntries;
  }

  clearStats(): void {
    Object.assign(this.stats, NO_EVENTS);
  }
}

/** VLAN and address as a string of four characters. */
function keyOf(vlan: number, mac: Uint8Array): string {
  return String.fromCharCode(vlan, (mac[0]! << 8) | mac[1]!, (mac[2]! << 8) | mac[3]!, (mac[4]! << 8) | mac[5]!);
}

/** An address as a number, for whoever keeps many. */
export function macNumber(mac: Uint8Array): number {
  return (
    ((mac[0]! << 8) | mac[1]!) * 2 ** 32 + ((mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!) + 2 ** 31
  );
}
