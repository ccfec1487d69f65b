// The MAC address table of NORMAL: which port each address was last seen behind, by VLAN. Entries age; a full table
// forgets the least recently seen address of the port that has most, so that one port's flood of made-up addresses does
// not push out the others'.

export interface MacEntry {
  readonly vlan: number;
  readonly mac: Uint8Array;
  ofPort: number;
  /** When a packet from this address last came in. */
  seenMs: number;
}

export const MAC_AGING_DEFAULT_MS = 300_000;
export const MAC_ENTRIES_DEFAULT = 8192;

/** Events since the start or the last clearStats(). */
export interface MacTableStats {
  learned: number;
  expired: number;
  evicted: number;
  moved: number;
}

const NO_EVENTS: Readonly<MacTableStats> = { learned: 0, expired: 0, evicted: 0, moved: 0 };

export class MacTable {
  readonly stats: MacTableStats = { ...NO_EVENTS };
  readonly #changed: (mac: Uint8Array) => void;
  /** Least recently seen first. */
  readonly #entries = new Map<string, MacEntry>();
  readonly #perPort = new Map<number, number>();
  #agingTimeMs = MAC_AGING_DEFAULT_MS;
  #maxEntries = MAC_ENTRIES_DEFAULT;

  /** `changed` is told of every address whose look-up may answer differently now. */
  constructor(changed: (mac: Uint8Array) => void = () => {}) {
    this.#changed = changed;
  }

  configure(options: { agingTimeMs?: number; maxEntries?: number }): void {
    this.#agingTimeMs = options.agingTimeMs ?? this.#agingTimeMs;
    this.#maxEntries = Math.max(1, options.maxEntries ?? this.#maxEntries);
    while (this.#entries.size > this.#maxEntries) this.#evict();
  }

  lookup(vlan: number, mac: Uint8Array): number | undefined {
    return this.#entries.get(keyOf(vlan, mac))?.ofPort;
  }

  /** Notes that `mac` was seen behind `ofPort`. True when that is news: look-ups may answer differently now. */
  learn(vlan: number, mac: Uint8Array, ofPort: number, nowMs: number): boolean {
    const key = keyOf(vlan, mac);
    const entry = this.#entries.get(key);
    if (entry) {
      // Moves it to the recent end.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      entry.seenMs = Math.max(entry.seenMs, nowMs);
      if (entry.ofPort === ofPort) return false;
      this.#count(entry.ofPort, -1);
      this.#count(ofPort, 1);
      entry.ofPort = ofPort;
      this.stats.moved++;
      this.#changed(mac);
      return true;
    }
    if (this.#entries.size >= this.#maxEntries) this.#evict();
    this.#entries.set(key, { vlan, mac: mac.slice(), ofPort, seenMs: nowMs });
    this.#count(ofPort, 1);
    this.stats.learned++;
    this.#changed(mac);
    return true;
  }

  #count(ofPort: number, delta: number): void {
    const count = (this.#perPort.get(ofPort) ?? 0) + delta;
    if (count === 0) this.#perPort.delete(ofPort);
    else this.#perPort.set(ofPort, count);
  }

  #evict(): void {
    let fullest: number | undefined;
    for (const [ofPort, count] of this.#perPort) {
      if (fullest === undefined || count > this.#perPort.get(fullest)!) fullest = ofPort;
    }
    for (const [key, entry] of this.#entries) {
      if (entry.ofPort !== fullest) continue;
      this.#remove(key, entry);
      this.stats.evicted++;
      return;
    }
  }

  #remove(key: string, entry: MacEntry): void {
    this.#entries.delete(key);
    this.#count(entry.ofPort, -1);
    this.#changed(entry.mac);
  }

  /** Forgets addresses not seen for the aging time. True when there were some. */
  expire(nowMs: number): boolean {
    let expired = false;
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.seenMs < this.#agingTimeMs) continue;
      this.#remove(key, entry);
      this.stats.expired++;
      expired = true;
    }
    return expired;
  }

  /** Forgets what was learned on a port; without one, everything. True when there was something. */
  flush(ofPort?: number): boolean {
    const before = this.#entries.size;
    for (const [key, entry] of this.#entries) {
      if (ofPort === undefined || entry.ofPort === ofPort) this.#remove(key, entry);
    }
    return this.#entries.size !== before;
  }

  /** Least recently seen first, as fdb/show prints them. */
  entries(): readonly MacEntry[] {
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
