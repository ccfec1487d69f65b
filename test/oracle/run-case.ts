// Runs one case on both switches and says where they differ.

import { clear } from './clear.ts';
import { COOKIE_BASE } from './generate/flows.ts';
import { withoutIcmpOfFragments } from './icmp-fragments.ts';
import { withMeantNdChecksum, withoutAtomicChecksum } from './ipv6-checksums.ts';
import { headsOf, learnedFlows, learns, withoutLearnedActions, withoutLearnedInstructions } from './learned-flows.ts';
import {
  comparableDump,
  comparablePacketIn,
  floods,
  flowStatsEntries,
  hiddenCounts,
  sinceThen,
  sortedFlowStats,
  sortedGroupStats,
  sortedMeterStats,
  traceParts,
  withoutSlowActions,
} from './normalise.ts';
import type { Encoded } from './ofctl-encoder.ts';
import type { Exchange } from './openflow-link.ts';
import type { Aspect, Fact, Mismatch, OracleCase, OraclePacket } from './oracle-case.ts';
import type { SwitchUnderTest } from './switch-under-test.ts';

/** A case with its messages. */
export interface EncodedCase {
  readonly text: OracleCase;
  readonly preamble: readonly Buffer[];
  /** A message each, or the words with which ovs-ofctl refuses the line. */
  readonly groups: Encoded['messages'];
  readonly flows: Encoded['messages'];
  readonly meters: readonly Buffer[];
}

export interface Sides {
  /** Replaced when a case ended it. */
  ovs: SwitchUnderTest;
  readonly weft: SwitchUnderTest;
  /** What `clear` sends. */
  readonly clear: readonly Buffer[];
}

/** Everything that one switch shows of a case, by aspect, in comparable form. */
type Observed = { readonly aspect: Aspect; readonly about: string; readonly text: string }[];

export interface CaseResult {
  readonly mismatches: readonly Mismatch[];
  /** Flows that Open vSwitch answered with an error, by position. */
  readonly refused: ReadonlySet<number>;
  /** Flows that packets took in Open vSwitch, as far as cookies tell, by position. */
  readonly hit: ReadonlySet<number>;
  /** Open vSwitch did not survive the case, which counts for nothing. */
  readonly endedOvs?: boolean;
}

export async function runCase(sides: Sides, encoded: EncodedCase): Promise<CaseResult> {
  const [ovs, weft] = await Promise.all([
    observe(sides.ovs, sides.clear, encoded),
    observe(sides.weft, sides.clear, encoded),
  ]);
  const mismatches: Mismatch[] = [];
  const facts = factsOf(ovs);
  ovs.forEach(({ aspect, about, text }) => {
    // By name: a packet that waits for a controller may have more stops in one switch than in the other.
    const other = weft.find((one) => one.aspect === aspect && one.about === about)?.text ?? '(nothing)';
    const pair = aspect === 'datapath-flows' ? withoutSlowActions(text, other) : { ovs: text, weft: other };
    if (pair.ovs !== pair.weft) mismatches.push({ aspect, about, facts, ...pair });
  });
  const refused = [...ovs[0]!.text.matchAll(/^flow (\d+):/gm)].map(([, i]) => Number(i));
  return { mismatches, refused: new Set(refused), hit: await hitFlows(sides.ovs) };
}

/** Of the outermost label stack entry the label alone, say, with an action that writes all of it. */
const PARTLY_MATCHED = /mpls\([^,]*,tc=\d+\/0,ttl=\d+\/0x0,bos=\d\/0.*actions:.*set\(mpls\(/;

function factsOf(ovs: Observed): Fact[] {
  const some = (name: Aspect, ...texts: readonly string[]) =>
    ovs.some(({ aspect, text }) => aspect === name && texts.every((one) => text.includes(one)));
  const facts: Fact[] = [];
  if (some('datapath-actions', 'check_pkt_len', 'recirc')) facts.push('trace-went-round');
  if (some('datapath-flows', 'bad key length')) facts.push('unreadable-flow');
  if (some('datapath-actions', 'trunc(14),pop_vlan')) facts.push('sent-runt');
  if (ovs.some(({ aspect, text }) => aspect === 'datapath-flows' && PARTLY_MATCHED.test(text)))
    facts.push('wrote-label-entry');
  if (ovs.some(({ about }) => about.startsWith('resumption '))) facts.push('resumed');
  return facts;
}

const OFPMP_FLOW = 1;
const OFPMP_GROUP = 6;
const ALL_FLOWS = Buffer.from(
  'ff000000ffffffffffffffff00000000000000000000000000000000000000000001000400000000',
  'hex',
);
const ALL_GROUPS = Buffer.from('fffffffc00000000', 'hex');
const OFPMP_METER = 9;
const ALL_METERS = Buffer.from('ffffffff00000000', 'hex');

/** The flows that packets took, by the cookies that the generator gives them. */
async function hitFlows(side: SwitchUnderTest): Promise<Set<number>> {
  const link = await side.link('OpenFlow13');
  const hit = new Set<number>();
  for (const entry of flowStatsEntries(await link.multipart(OFPMP_FLOW, ALL_FLOWS))) {
    // ofp_flow_stats: cookie, packet_count.
    if (entry.readBigUInt64BE(32) > 0n) hit.add(Number(entry.readBigUInt64BE(24)) - COOKIE_BASE);
  }
  return hit;
}

async function observe(side: SwitchUnderTest, emptying: readonly Buffer[], encoded: EncodedCase): Promise<Observed> {
  const { text: oracleCase } = encoded;
  const seen: Observed = [];
  await clear(side, emptying);
  side.sent();
  const hiddenBefore = hiddenCounts(await side.appctl('bridge/dump-flows', 'br0'));
  seen.push({ aspect: 'errors', about: 'errors', text: await load(side, encoded) });
  const learned = learns(oracleCase) ? headsOf(await side.appctl('bridge/dump-flows', 'br0')) : undefined;
  // Open vSwitch's revalidators run beside the packets, and delete a flow now and then, with what it counted. What packets
  // teach changes no flow of before, in both switches.
  await side.appctl('revalidator/pause');
  const pauses = oracleCase.flows.some((flow) => flow.includes('pause'));
  // Packets of the last case stopped there, too.
  if (pauses) await side.paused();
  let anyFlood = false;
  for (const [i, packet] of oracleCase.packets.entries()) {
    const isFlood = await trace(side, seen, packet, i);
    anyFlood ||= isFlood;
    await side.receive(`p${packet.port}`, [packet.hex]);
    if (pauses) await resume(side, seen, i);
    sawFrames(side, seen, `packet ${i}`, isFlood);
  }
  if (learned) {
    const text = learnedFlows(await side.appctl('bridge/dump-flows', 'br0'), learned);
    seen.push({ aspect: 'flow-text', about: 'learned flows', text });
  }
  // What flows of before count until revalidators run, Open vSwitch credits to the flows that packets would take by then.
  if (learned) await side.appctl('revalidator/purge');
  // Once more, now that the datapath has flows for them: what they do is what the first ones did.
  // Without flows they come one by one: first packets of different flows may overtake one another.
  for (const [port, hexes] of byPort(oracleCase.packets)) {
    for (const burst of learned ? hexes.map((hex) => [hex]) : [hexes]) await side.receive(port, burst);
  }
  if (pauses) await side.paused();
  sawFrames(side, seen, 'second packets', anyFlood);
  seen.push({
    aspect: 'datapath-flows',
    about: 'dpctl/dump-flows -m',
    text: comparableDump(await side.appctl('dpctl/dump-flows', '-m')),
  });
  const plain = await side.appctl('dpctl/dump-flows');
  seen.push({ aspect: 'datapath-flows', about: 'dpctl/dump-flows', text: comparableDump(plain) });
  // While the revalidators stand still: they would hold some flows back.
  await side.appctl('revalidator/purge');
  await side.appctl('revalidator/resume');
  await statistics(side, seen, encoded, hiddenBefore, learned);
  return seen;
}

async function load(side: SwitchUnderTest, encoded: EncodedCase): Promise<string> {
  const { text, preamble, groups, flows, meters } = encoded;
  const meterErrors = await send(side, 'OpenFlow13', [], meters);
  const groupErrors = await send(side, 'OpenFlow15', [], groups);
  const flowErrors = await send(side, text.version, preamble, flows);
  const named = (kind: string, lines: readonly string[]) => lines.map((line) => `${kind} ${line}`);
  return [...named('meter', meterErrors), ...named('group', groupErrors), ...named('flow', flowErrors)].join('\n');
}

async function send(
  side: SwitchUnderTest,
  version: OracleCase['version'],
  preamble: readonly Buffer[],
  messages: readonly (Buffer | string)[],
): Promise<string[]> {
  const real = [...messages.entries()].filter((entry): entry is [number, Buffer] => typeof entry[1] !== 'string');
  if (real.length === 0) return [];
  const { errors }: Exchange = await side.exchange(version, [...preamble, ...real.map(([, bytes]) => bytes)]);
  return [...errors].map(([at, error]) => `${real[at - preamble.length]?.[0] ?? -1}: ${error}`);
}

/** Whether the packet is flooded. */
async function trace(side: SwitchUnderTest, seen: Observed, packet: OraclePacket, i: number): Promise<boolean> {
  const text = await side.appctl('ofproto/trace', 'br0', `in_port=${packet.port}`, packet.hex);
  for (const [aspect, part] of traceParts(text)) seen.push({ aspect, about: `trace of packet ${i}`, text: part });
  // Open vSwitch really sends what it traces when check_pkt_larger is among the actions.
  if (text.includes('check_pkt_larger')) await side.round();
  side.sent();
  return floods(text);
}

/** A port that a flood and a mirror's flood both send to gets its copies in the order of a hash table. */
function sawFrames(side: SwitchUnderTest, seen: Observed, about: string, isFlood: boolean): void {
  for (const [port, frames] of side.sent()) {
    const right = side.name === 'ovs' ? frames.map(withMeantNdChecksum) : frames;
    const meant = right.map(withoutAtomicChecksum).map(withoutIcmpOfFragments);
    const text = (isFlood ? meant.toSorted() : meant).join('\n');
    seen.push({ aspect: 'packets', about: `${about} out of ${port}`, text });
  }
}

/** How often a packet may stop at a controller before it is left there. */
const STOPS_MAX = 3;

/** Gives packets that wait for a controller back until none does. */
async function resume(side: SwitchUnderTest, seen: Observed, i: number): Promise<void> {
  for (let stop = 0; stop < STOPS_MAX; stop++) {
    const { said, continuations } = await side.paused();
    seen.push({ aspect: 'packet-ins', about: `stop ${stop} of packet ${i}`, text: said.join('\n') });
    if (continuations.length === 0) return;
    const errors = await side.resume(continuations);
    seen.push({ aspect: 'errors', about: `resumption ${stop} of packet ${i}`, text: errors.join('\n') });
  }
  await side.paused();
}

function byPort(packets: readonly OraclePacket[]): Map<string, string[]> {
  const ports = new Map<string, string[]>();
  for (const { port, hex } of packets) ports.set(`p${port}`, [...(ports.get(`p${port}`) ?? []), hex]);
  return ports;
}

async function statistics(
  side: SwitchUnderTest,
  seen: Observed,
  encoded: EncodedCase,
  hiddenBefore: ReadonlyMap<string, number>,
  learned: ReadonlySet<string> | undefined,
): Promise<void> {
  const link = await side.link('OpenFlow13');
  await side.packetInsSent();
  const { packetIns } = await link.exchange([]);
  seen.push({ aspect: 'packet-ins', about: 'packet-ins', text: packetIns.map(comparablePacketIn).join('\n') });
  const { version } = encoded.text;
  const entries = await (await side.link(version === 'OpenFlow10' ? 'OpenFlow13' : version)).multipart(
    OFPMP_FLOW,
    ALL_FLOWS,
  );
  const known = learned ? withoutLearnedInstructions(entries, version) : entries;
  seen.push({ aspect: 'flow-stats', about: `flow statistics of ${version}`, text: sortedFlowStats(known, version) });
  const dump = sinceThen(await side.appctl('bridge/dump-flows', 'br0'), hiddenBefore);
  const text = learned ? withoutLearnedActions(dump, learned) : comparableDump(dump);
  seen.push({ aspect: 'flow-text', about: 'bridge/dump-flows', text });
  if (encoded.text.groups.length > 0) {
    const groups = await link.multipart(OFPMP_GROUP, ALL_GROUPS);
    seen.push({ aspect: 'group-stats', about: 'group statistics', text: sortedGroupStats(groups) });
  }
  if (encoded.text.meters.length > 0) {
    const meters = await link.multipart(OFPMP_METER, ALL_METERS);
    seen.push({ aspect: 'meter-stats', about: 'meter statistics', text: sortedMeterStats(meters) });
  }
}
