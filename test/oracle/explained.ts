// Differences that are meant or known, each with what it is and why; and how many cases may differ.
//
// What is never compared (normalise.ts): recirculation ids, numbers of meters in the datapath, UFIDs, ages and durations; the order of a flood and the tags
// that this order makes come and go (what comes out of each port is compared by itself); TCP flags in dumps, because weft
// parses no deeper than its flows match; Open vSwitch's remark that its userspace datapath lacks an action, and what it
// does in that datapath's place; packets that it really sends while it traces check_pkt_larger; checksums that it gets
// wrong behind IPv6 extension headers (ipv6-checksums.ts); what it writes into later fragments of ICMP
// (icmp-fragments.ts); dp-extra-info, which describes the inside of Open vSwitch's look-up.
//
// What is not generated (generate/packets.ts): later IPv4 fragments of TCP and UDP. Open vSwitch 3.1 takes their payload
// for a transport header and changes two bytes of it when an address is rewritten.
//
// Several causes may meet in one answer: each takes out of both switches' answers what it explains, and what is left has
// to be equal.
import {
  type Cause,
  counting,
  firstMeter,
  labelEntries,
  lacking,
  lostFrames,
  missingFrom,
  type Pair,
  sharing,
  without,
} from './dump-differences.ts';
import type { Aspect, Fact, Mismatch } from './oracle-case.ts';

export interface Explanation {
  readonly why: string;
  readonly aspects: readonly Aspect[];
  /** What was seen in the case, without which this explains nothing. */
  readonly needs?: Fact;
  readonly cause: Cause;
}

const COUNTS: readonly Aspect[] = ['flow-text', 'flow-stats', 'group-stats', 'meter-stats'];
const FLOWS: readonly Aspect[] = ['datapath-flows'];
/** Next protocols of NSH but IPv4, IPv6, Ethernet and NSH (RFC 8300, 2.2), where they are matched. */
const UNKNOWN_NP = /(?<=nsh\([^)]*)np=(0|[5-9]|\d\d+)(,|(?=\)))|,nsh_np=(0|[5-9]|\d\d+)(?=,|$)/;
const UNREADABLE = 'mpls((bad key length 0)';

/** A flow of packets that go round, and let them go round again; what the slow path does is not shown. */
const isRound = (line: string): boolean => /recirc_id\(N\).*actions:(slow|.*recirc\(N\))/.test(line);
const hasTag = (line: string): boolean => line.includes('vlan(') || /encap\(|eth_type\(0x(8100|88a8)\)/.test(line);
const hasNd = (line: string): boolean => /icmpv6\(|proto=58/.test(line);

/** Seen of IGMP and MLD queries, and of each such message with a wrong checksum. */
const SNOOPED =
  /^ +-> multicast snooping (query from \S+ is|received bad (IGMP|MLD) checksum) on port p\d in VLAN \d+$/;

export const EXPLAINED: readonly Explanation[] = [
  {
    why: 'Open vSwitch snoops on IGMP and MLD messages that it traces, and says so; a trace of weft changes nothing',
    aspects: ['trace-steps'],
    cause: ({ ovs, weft }) => ({ ovs: ovs.filter((line) => !SNOOPED.test(line)), weft }),
  },
  {
    why: "Open vSwitch sends what resumed packets tell controllers through the datapath's meter 0, whoever has that",
    aspects: ['meter-stats'],
    needs: 'resumed',
    cause: firstMeter,
  },
  {
    why: "Open vSwitch writes a whole label stack entry with one field of it, and does not match the rest: others' TTLs go out",
    aspects: ['packets'],
    needs: 'wrote-label-entry',
    cause: labelEntries,
  },
  {
    why: "a frame that its tag's end leaves shorter than an Ethernet header keeps the rest of its batch in a dummy port",
    aspects: ['packets'],
    needs: 'sent-runt',
    cause: lostFrames,
  },
  {
    why: 'Open vSwitch does not match the ICMPv6 code that the prerequisites of ND fields look at',
    aspects: ['megaflow'],
    cause: ({ ovs, weft }) => ({ ovs, weft: weft.map((line) => line.replace(',icmp_code=0x0/0xff', '')) }),
  },
  {
    why: 'Open vSwitch matches what ND carries only in datapath flows that match the whole ICMPv6 type and code',
    aspects: FLOWS,
    cause: without(/,nd\(.*?\)(?=[,)])|(?<=icmpv6\([^)]*?),?code=[^)]*(?=\))/g, hasNd),
  },
  {
    why: 'Open vSwitch does not match what NSH carries when decap cannot go on with it, so that its flow drops all others, too',
    aspects: ['megaflow', ...FLOWS],
    cause: ({ ovs, weft }) => ({ ovs, weft: weft.map((line) => line.replace(UNKNOWN_NP, '')).sort() }),
  },
  {
    why: 'Open vSwitch does not find its own flow again for a frame that ends in its VLAN tag, and counts nothing on it',
    aspects: FLOWS,
    cause: counting((line, ovs) => /encap\(\)\)?, packets/.test(line) && ovs === 0),
  },
  {
    why: 'Open vSwitch says of a VLAN tag that a frame ends before which bits were asked for, if its translation failed',
    aspects: FLOWS,
    cause: without(/vlan\([^()]*cfi=0\),encap\(\)/g, (line) => line.endsWith('actions:drop')),
  },
  {
    why: 'Open vSwitch runs a packet that goes round before it installs the flow of a round; weft counts its later rounds',
    aspects: FLOWS,
    cause: counting((line, ovs, weft) => isRound(line) && ovs < weft),
  },
  {
    why: 'Open vSwitch has let go of a recirc_id when the packet that a controller gave back comes round: it keeps no flow',
    aspects: FLOWS,
    needs: 'resumed',
    cause: lacking((line) => line.includes('recirc_id(N)')),
  },
  {
    why: 'Open vSwitch really sends what it traces when check_pkt_larger is among the actions: it comes round, and is counted',
    aspects: [...FLOWS, ...COUNTS],
    needs: 'trace-went-round',
    cause: counting((line, ovs, weft) => ovs > weft && (line.includes('recirc_id(N)') || !line.includes('recirc_id'))),
  },
  {
    why: 'Open vSwitch writes of a frame that ends in its MPLS type a flow that it cannot read',
    aspects: FLOWS,
    needs: 'unreadable-flow',
    cause: ({ ovs, weft }) => ({ ovs: ovs.map((line) => line.replace(UNREADABLE, 'mpls()')).sort(), weft }),
  },
  {
    why: 'Open vSwitch loses what a flow counted that it cannot read',
    aspects: COUNTS,
    needs: 'unreadable-flow',
    cause: counting((_, ovs, weft) => ovs < weft),
  },
  {
    why: "Open vSwitch's userspace datapath matches neither a tag's type nor whether another follows: one flow takes both",
    aspects: FLOWS,
    cause: sharing(hasTag, isRound),
  },
  {
    why: 'What ND carries and Open vSwitch does not match, one flow of it takes: weft has several',
    aspects: FLOWS,
    cause: sharing(hasNd, isRound),
  },
];

/** What explains a mismatch: as few causes as leave nothing when they are taken out. None when something is left. */
export function explanationOf(mismatch: Mismatch): readonly Explanation[] {
  let causes = EXPLAINED.filter(
    ({ aspects, needs }) => aspects.includes(mismatch.aspect) && (!needs || mismatch.facts.includes(needs)),
  );
  if (!isExplained(mismatch, causes)) return [];
  for (const one of causes) {
    const others = causes.filter((other) => other !== one);
    if (isExplained(mismatch, others)) causes = others;
  }
  return causes;
}

function isExplained({ ovs, weft }: Mismatch, causes: readonly Explanation[]): boolean {
  let pair: Pair = { ovs: ovs.split('\n'), weft: weft.split('\n') };
  for (const { cause } of causes) pair = cause(pair);
  return missingFrom(pair.ovs, pair.weft).length === 0 && missingFrom(pair.weft, pair.ovs).length === 0;
}

/**
 * Cases of 2,000 that may differ in each aspect: what is known and not explained, with one for chance in what hangs on
 * Open vSwitch's threads. It only goes down.
 */
export const DIFFERENCES_MAX: Readonly<Record<Aspect, number>> = {
  errors: 0,
  'trace-flow': 0,
  'trace-steps': 0,
  'final-flow': 0,
  megaflow: 0,
  'datapath-actions': 0,
  packets: 0,
  'packet-ins': 0,
  'datapath-flows': 1,
  'flow-stats': 1,
  'flow-text': 1,
  'group-stats': 0,
  'meter-stats': 0,
};
