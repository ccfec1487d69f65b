// In-band control (ovs-vswitchd.conf.db(5), Controller, connection_mode): hidden flows that let the traffic between the
// switch and its controllers and managers pass a bridge whatever its tables say, so that nobody can lock the switch out
// of its own management. They stand above everything that OpenFlow can say.

import { OFPP, type OfAction } from './model/actions.ts';
import { newFlowMod } from './model/flow-mod.ts';
import type { FlowTables } from './tables/flow-tables.ts';
import { Rule } from './tables/rule.ts';
import { parseMatchText } from './text/parse-match.ts';

/** Who is to be reached: a controller or manager by its IPv4 address. */
export interface InBandRemote {
  readonly address: string;
  readonly port: number;
}

export interface InBandSettings {
  readonly remotes: readonly InBandRemote[];
  /** The queue that the traffic takes (other_config:in-band-queue). */
  readonly queueId?: number | undefined;
}

/** In steps from DHCP requests of the local port up to TCP from a remote; Open vSwitch's own numbers. */
const FROM_LOCAL_DHCP = 180_000;
const TO_LOCAL_ARP = 180_001;
const FROM_LOCAL_ARP = 180_002;
const TO_REMOTE_ARP = 180_005;
const FROM_REMOTE_ARP = 180_006;
const TO_REMOTE_TCP = 180_007;
const FROM_REMOTE_TCP = 180_008;

interface Wanted {
  readonly priority: number;
  readonly match: string;
}

export class InBand {
  readonly #tables: FlowTables;
  readonly #now: () => number;
  #settings: InBandSettings = { remotes: [] };
  #localMac: string | undefined;
  #actions: readonly OfAction[] = [];
  readonly #rules = new Map<string, Rule>();

  constructor(tables: FlowTables, now: () => number) {
    this.#tables = tables;
    this.#now = now;
  }

  /** Whether the bridge has somebody to reach: then DHCP replies come to the local port, too. */
  get isOn(): boolean {
    return this.#settings.remotes.length > 0;
  }

  configure(settings: InBandSettings): void {
    if (settings.queueId !== this.#settings.queueId) this.#removeAll();
    this.#settings = settings;
    this.#actions = actionsOf(settings.queueId);
    this.refresh(this.#localMac);
  }

  /** To be called when the local port's address may have changed, and when flow tables were emptied. */
  refresh(localMac: string | undefined): void {
    this.#localMac = localMac;
    if (!this.isOn && this.#rules.size === 0) return;
    const wanted = new Map(this.#wanted().map((rule) => [`${rule.priority} ${rule.match}`, rule]));
    for (const [key, rule] of this.#rules) {
      if (wanted.has(key) && !rule.removed) continue;
      this.#tables.remove(rule, 'delete');
      this.#rules.delete(key);
    }
    for (const [key, rule] of wanted) if (!this.#rules.has(key)) this.#rules.set(key, this.#insert(rule));
  }

  #insert({ priority, match }: Wanted): Rule {
    const mod = { ...newFlowMod('add'), priority, match: parseMatchText(match), actions: this.#actions };
    const rule = new Rule(0, mod, this.#now());
    this.#tables.insert(rule);
    return rule;
  }

  #removeAll(): void {
    for (const rule of this.#rules.values()) this.#tables.remove(rule, 'delete');
    this.#rules.clear();
  }

  #wanted(): Wanted[] {
    const { remotes } = this.#settings;
    const addresses = new Set(remotes.map(({ address }) => address));
    return [
      ...(remotes.length > 0 && this.#localMac !== undefined ? localRules(this.#localMac) : []),
      ...[...addresses].flatMap((address) => [
        { priority: TO_REMOTE_ARP, match: `arp,arp_tpa=${address},arp_op=2` },
        { priority: FROM_REMOTE_ARP, match: `arp,arp_spa=${address},arp_op=1` },
      ]),
      ...remotes.flatMap(({ address, port }) => [
        { priority: TO_REMOTE_TCP, match: `tcp,nw_dst=${address},tp_dst=${port}` },
        { priority: FROM_REMOTE_TCP, match: `tcp,nw_src=${address},tp_src=${port}` },
      ]),
    ];
  }
}

/** What the local port needs to get an address and to find others. */
function localRules(mac: string): Wanted[] {
  return [
    { priority: FROM_LOCAL_DHCP, match: `udp,in_port=LOCAL,dl_src=${mac},tp_src=68,tp_dst=67` },
    { priority: TO_LOCAL_ARP, match: `arp,dl_dst=${mac},arp_op=2` },
    { priority: FROM_LOCAL_ARP, match: `arp,dl_src=${mac},arp_op=1` },
  ];
}

function actionsOf(queueId: number | undefined): readonly OfAction[] {
  const normal: OfAction = { type: 'output', port: OFPP.NORMAL, maxLen: 0 };
  return queueId === undefined ? [normal] : [{ type: 'set_queue', queue: queueId }, normal];
}
