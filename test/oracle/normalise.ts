// Puts answers into a form in which two switches can be compared: without what time, chance and hash tables decide.
import type { Version } from './openflow-link.ts';
import type { Aspect } from './oracle-case.ts';

/** Whether the packet is flooded, in the order of a hash table. */
const saysFlood = (trace: string): boolean => /^ +(FLOOD|ALL|-> .*flooding)/m.test(trace);

/** The same, and for mirrors to a VLAN, which flood without a word. */
export const floods = (trace: string): boolean =>
  saysFlood(trace) || new RegExp(`^Datapath actions:.*\\b\\d+(,\\d+){${FLOOD_MIN - 1},}`, 'm').test(trace);

/** The parts of an ofproto/trace, by what they say. */
export function traceParts(text: string): [Aspect, string][] {
  const lines = text.trimEnd().split('\n');
  const start = (word: string) => lines.filter((line) => line.startsWith(word)).join('\n');
  const isFlood = saysFlood(text);
  const actions = numbers(start('Datapath actions: '));
  const steps = lines.filter(
    (line) => !/^(Flow|Final flow|Megaflow|Datapath actions): /.test(line) && !isSlowPath(line),
  );
  return [
    ['trace-flow', start('Flow: ')],
    ['trace-steps', steps.map((line) => numbers(line.trimEnd())).join('\n')],
    ['final-flow', numbers(start('Final flow: '))],
    ['megaflow', numbers(start('Megaflow: '))],
    [
      'datapath-actions',
      isFlood ? sortedItems(actions.replace(/(push_vlan\([^)]*\)|pop_vlan),?/g, '')) : sortedRuns(actions),
    ],
  ];
}

/** An output by name or number, alone or among other actions and in the branches of check_pkt_len. */
const OUTPUT = /(?<=^|[,(])(p\d|br0|\d+)(?=[,)]|$)/g;

/** Outputs next to each other in order: a flood's are in that of a hash table. */
function sortedOutputs(actions: string): string {
  const outputs = actions.match(OUTPUT) ?? [];
  // A flood's tags come and go as its order wants; what comes out of each port is compared by itself.
  if (outputs.length > 2 && /push_vlan|pop_vlan/.test(actions)) {
    const rest = actions
      .replace(/push_vlan\([^)]*\)|pop_vlan/g, '')
      .replace(OUTPUT, '')
      .replace(/,+/g, ',');
    return `${rest} flood ${outputs.sort().join(',')}`;
  }
  return actions.replace(/(?<=^|[,(])(p\d|br0|\d+)(,(p\d|br0|\d+))+(?=[,)]|$)/g, (run) =>
    run.split(',').sort().join(','),
  );
}

/** A mirror to a VLAN floods without a word in the trace: outputs to so many ports in a row are put in order. */
const FLOOD_MIN = 4;

function sortedRuns(actions: string): string {
  return actions.replace(/(?<=[ ,(])\d+(?:,\d+)+(?=[,)]|$)/g, (run) => {
    const outputs = run.split(',');
    return outputs.length < FLOOD_MIN ? run : outputs.sort().join(',');
  });
}

/** Open vSwitch's userspace datapath lacks actions that weft's has, and says so behind the trace. */
const isSlowPath = (line: string): boolean =>
  line === 'This flow is handled by the userspace slow path because it:' ||
  line === '  - Uses action(s) not supported by datapath.';

const sortedItems = (line: string) =>
  line
    .split(/[,: ()]+/)
    .filter(Boolean)
    .sort()
    .join(' ');

/** Numbers that each switch gives out as it likes: recirculation ids, and meters in the datapath. */
function numbers(line: string): string {
  return line
    .replace(/\bmeter\(\d+\)/g, 'meter(N)')
    .replace(/recirc_id=(0x[0-9a-f]+|[1-9]\d*)/g, 'recirc_id=N')
    .replace(/recirc\(0x[0-9a-f]+\)/g, 'recirc(N)');
}

/** A dump's lines in order, without ages. */
export function comparableDump(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/^ufid:\S+, /, '')
        .replace(/duration=\d+s/, 'duration=N')
        .replace(/used:[^,]+/, 'used:N')
        .replace(/recirc_id\(0x[0-9a-f]+\)/, 'recirc_id(N)')
        .replace(/recirc\(0x[0-9a-f]+\)/g, 'recirc(N)')
        .replace(/\bmeter\(\d+\)/g, 'meter(N)')
        .replace(/recirc_id=[1-9]\d*/g, 'recirc_id=N')
        .replace(/, dp:ovs, /, ', ')
        // weft parses no deeper than its flows match: it sees TCP flags where a flow of the port looks at them.
        .replace(/, flags:[A-Z.]*(\[[0-9a-fx]+\])?/, '')
        // How Open vSwitch's own look-up keeps the flow.
        .replace(/, dp-extra-info:.*/, '')
        .replace(/actions:(.*)$/, (_, actions: string) => `actions:${sortedOutputs(actions)}`),
    )
    .filter((line) => !line.startsWith('flow-dump from'))
    .sort()
    .join('\n');
}

const HIDDEN = /^(table_id=254, .*)n_packets=(\d+), n_bytes=(\d+), (.*)$/gm;

/** Packets and bytes of the flows that no case can remove, by flow. */
export function hiddenCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, , packets, bytes, flow] of text.matchAll(HIDDEN)) {
    counts.set(`packets ${flow}`, Number(packets)).set(`bytes ${flow}`, Number(bytes));
  }
  return counts;
}

/** The dump with only what those flows counted since `before`. */
export function sinceThen(text: string, before: ReadonlyMap<string, number>): string {
  const since = (name: string, count: string) => Number(count) - (before.get(name) ?? 0);
  return text.replace(HIDDEN, (_, start: string, packets: string, bytes: string, flow: string) => {
    const [n, size] = [since(`packets ${flow}`, packets), since(`bytes ${flow}`, bytes)];
    return `${start}n_packets=${n}, n_bytes=${size}, ${flow}`;
  });
}

/** Copies of a body's entries, each of which starts with its length. */
export function flowStatsEntries(entries: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < entries.length; at += Math.max(entries.readUInt16BE(at), 1)) {
    out.push(Buffer.from(entries.subarray(at, at + entries.readUInt16BE(at))));
  }
  return out;
}

const counts = (packets: bigint, bytes: bigint): string => `n_packets=${packets}, n_bytes=${bytes}`;

/** Takes 64-bit counts out of an entry. */
function takeCounts(entry: Buffer, at: number): string {
  const text = counts(entry.readBigUInt64BE(at), entry.readBigUInt64BE(at + 8));
  entry.fill(0, at, at + 16);
  return text;
}

/** OXS_OF_PACKET_COUNT and OXS_OF_BYTE_COUNT; OXS_OF_DURATION and OXS_OF_IDLE_TIME. */
const OXS_COUNTS = /80020808(.{16})80020a08(.{16})/;
const OXS_TIMES = /8002000[0-9a-f].{16}|8002020[0-9a-f].{16}/g;

/** ofp_flow_stats (1.3) or ofp_flow_desc (1.5) entries in order, counts and then the rest in hex, without times. */
export function sortedFlowStats(entries: Buffer, version: Version): string {
  const texts = flowStatsEntries(entries).map((entry) => {
    if (version === 'OpenFlow15') {
      const hex = entry.toString('hex').replace(OXS_TIMES, 'time');
      const [, packets, bytes] = OXS_COUNTS.exec(hex) ?? [];
      return `${counts(BigInt(`0x${packets}`), BigInt(`0x${bytes}`))} ${hex.replace(OXS_COUNTS, 'counts')}`;
    }
    entry.fill(0, 4, 12);
    return `${takeCounts(entry, 32)} ${entry.toString('hex')}`;
  });
  return texts.sort().join('\n');
}

/** OpenFlow 1.3 ofp_group_stats entries in order, a line for the group and each bucket, without durations. */
export function sortedGroupStats(entries: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at < entries.length; ) {
    const size = entries.readUInt16BE(at);
    const entry = Buffer.from(entries.subarray(at, at + size));
    const id = entry.readUInt32BE(4);
    texts.push(`group ${id} refs ${entry.readUInt32BE(8)} ${takeCounts(entry, 16)}`);
    for (let bucket = 40; bucket < size; bucket += 16) {
      texts.push(`group ${id} bucket ${(bucket - 40) / 16} ${takeCounts(entry, bucket)}`);
    }
    at += Math.max(size, 1);
  }
  return texts.sort().join('\n');
}

/** OpenFlow 1.3 ofp_meter_stats entries in order, without durations. */
export function sortedMeterStats(entries: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at < entries.length; ) {
    const size = entries.readUInt16BE(at + 4);
    const entry = Buffer.from(entries.subarray(at, at + size));
    entry.fill(0, 32, 40);
    texts.push(entry.toString('hex'));
    at += Math.max(size, 1);
  }
  return texts.sort().join('\n');
}

/** Two dumps without the actions of flows that Open vSwitch cannot carry out in its datapath. */
export function withoutSlowActions(ovs: string, weft: string): { ovs: string; weft: string } {
  const slow = new Set<string>();
  // Whatever else there is to say about the flow, of which weft may say something else.
  const head = (line: string) =>
    line.replace(/, packets:.*/, '').replace(/,nd\(.*?\)(?=[,)]|$)|(?<=icmpv6\([^)]*?),?code=[^)]*(?=\))/g, '');
  const cut = (line: string) => line.replace(/actions:.*/, 'actions:slow');
  for (const line of ovs.split('\n')) if (/ actions:.*slow_path\(action\)/.test(line)) slow.add(head(line));
  const without = (text: string) => text.split('\n').map((line) => (slow.has(head(line)) ? cut(line) : line));
  return { ovs: without(ovs).join('\n'), weft: without(weft).join('\n') };
}

/** A packet-in without its transaction and buffer ids. */
export const comparablePacketIn = (bytes: Buffer): string => withoutBridge(bytes.subarray(12));

/** In hex, without the bridge's own id that a continuation holds (NXCPT_BRIDGE). */
export const withoutBridge = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/(?<=0008.{4}0000000080000014).{32}/, 'bridge');
