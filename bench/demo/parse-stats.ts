// Reads the counters that the command-line tools print: `dpif-netdev/pmd-stats-show` and `dump-ports`.

export interface PmdCounters {
  readonly core: string;
  readonly packets: number;
  readonly emcHits: number;
  readonly megaflowHits: number;
  readonly upcalls: number;
  readonly failedUpcalls: number;
  readonly idleCycles: number;
  readonly busyCycles: number;
}

export interface PortCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** One entry for each PMD thread of `dpif-netdev/pmd-stats-show`; lookups that skip the EMC count as megaflow hits. */
export function parsePmdStats(text: string): PmdCounters[] {
  return text
    .split(/^(?=\S)/m)
    .filter((section) => section.startsWith('pmd thread'))
    .map((section) => {
      const count = (name: string) => Number(new RegExp(`^\\s+${name}:\\s*(\\d+)`, 'm').exec(section)?.[1] ?? 0);
      return {
        core: /core_id (\d+)/.exec(section)?.[1] ?? '?',
        packets: count('packets received'),
        emcHits: count('emc hits'),
        megaflowHits: count('megaflow hits') + count('simple match hits') + count('smc hits'),
        upcalls: count('miss with success upcall'),
        failedUpcalls: count('miss with failed upcall'),
        idleCycles: count('idle (?:cycles|iterations)'),
        busyCycles: count('processing cycles') || count('busy iterations'),
      };
    });
}

/** Counters by port name or number, as `ofctl dump-ports` prints them. */
export function parseDumpPorts(text: string): Map<string, PortCounters> {
  const ports = new Map<string, PortCounters>();
  for (const section of text.split(/^\s+port\s+/m).slice(1)) {
    const name = /^"?([^":]+)"?:/.exec(section)?.[1]?.trim();
    const [rx = '', tx = ''] = section.split(/\btx pkts=/);
    const count = (part: string, field: string) => Number(new RegExp(`${field}=(\\d+)`).exec(part)?.[1] ?? 0);
    if (name === undefined) continue;
    ports.set(name, {
      rxPackets: count(rx, 'rx pkts'),
      rxDropped: count(rx, 'drop'),
      txPackets: Number(/^\d+/.exec(tx)?.[0] ?? 0),
      txDropped: count(tx, 'drop'),
    });
  }
  return ports;
}
