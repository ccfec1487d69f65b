// Differences that are meant or known, each with what it is and why; and how many cases may differ.
//
// What is never compared (normalise.ts): recirculation ids, numbers of meters in the datapath, UFIDs, ages and durations; the order of a flood and the tags
// that this order makes come and go (what comes out of each port is compared by itself); TCP flags in dumps, because weft
// parses no deeper than its flows match; Open vSwitch's remark that its userspace datapath lacks an action, and what it
// does in that datapath's place; packets that it really sends while it traces check_pkt_larger; the ICMPv6 checksum that it
// gets wrong behind extension headers (nd-checksum.ts); dp-extra-info, which describes the inside of Open vSwitch's look-up.
//
// What is not generated (generate/packets.ts): later IPv4 fragments of TCP and UDP. Open vSwitch 3.1 takes their payload
// for a transport header and changes two bytes of it when an address is rewritten.
import { countsMoreRounds, differsInNdOnly, sharesFlowsOfTags } from './dump-differences.ts';
import type { Aspect, Mismatch, OracleCase } from './oracle-case.ts';

export interface Explanation {
  readonly why: string;
  readonly applies: (mismatch: Mismatch, oracleCase: OracleCase) => boolean;
}

export const EXPLAINED: readonly Explanation[] = [
  {
    why: 'Open vSwitch does not find its own flow again for a frame that ends in its VLAN tag, and counts nothing on it',
    applies: ({ aspect, ovs }) => aspect === 'datapath-flows' && /cfi=0\),encap\(\), packets:0/.test(ovs),
  },
  {
    why: 'Open vSwitch does not match the ICMPv6 code that the prerequisites of ND fields look at',
    applies: ({ aspect, ovs, weft }) =>
      aspect === 'megaflow' && ovs === weft.replace(',icmp_code=0x0/0xff', '') && weft.includes(',icmp_code=0x0/0xff'),
  },
  {
    why: 'Open vSwitch matches what ND carries only in datapath flows that match the whole ICMPv6 type and code',
    applies: (mismatch) => mismatch.aspect === 'datapath-flows' && differsInNdOnly(mismatch),
  },
  {
    why: 'Open vSwitch runs a packet that goes round before it installs the flow of a round; weft counts its later rounds',
    applies: (mismatch) => mismatch.aspect === 'datapath-flows' && countsMoreRounds(mismatch),
  },
  {
    why: "Open vSwitch's userspace datapath matches neither a tag's type nor whether another follows: one flow takes both",
    applies: (mismatch) => mismatch.aspect === 'datapath-flows' && sharesFlowsOfTags(mismatch),
  },
];

/** What explains a mismatch; nothing explains a difference in packets that come out. */
export function explanationOf(mismatch: Mismatch, oracleCase: OracleCase): Explanation | undefined {
  if (mismatch.aspect === 'packets') return undefined;
  return EXPLAINED.find(({ applies }) => applies(mismatch, oracleCase));
}

/**
 * Cases of 2,000 that may differ in each aspect: what is known today and not explained, with little room. It only goes
 * down; 5 in all, none of them in packets, is where it is to go.
 */
export const DIFFERENCES_MAX: Readonly<Record<Aspect, number>> = {
  errors: 8,
  'trace-flow': 4,
  'trace-steps': 16,
  'final-flow': 8,
  megaflow: 14,
  'datapath-actions': 10,
  packets: 25,
  'packet-ins': 22,
  'datapath-flows': 55,
  'flow-stats': 20,
  'flow-text': 30,
  'group-stats': 12,
  'meter-stats': 5,
};
