// Flows that learn adds, in dumps. What the first packets of a case teach is compared. What later ones do is not: Open
// vSwitch learns again from a datapath flow when it pushes its statistics, in the order of a hash with a random seed, so
// that it is chance which of several datapath flows has the last word on a flow that all of them learn.
import { comparableDump, flowStatsEntries } from './normalise.ts';
import type { Version } from './openflow-link.ts';
import type { OracleCase } from './oracle-case.ts';

export const learns = ({ flows }: OracleCase): boolean => flows.some((flow) => flow.includes('learn('));

/** Table and match of a flow in bridge/dump-flows: the line without counters and actions. */
const headOf = (line: string): string => line.replace(/duration=.*n_bytes=\d+, /, '').replace(/actions=.*/, '');

/** What tells learned flows from the others in later dumps: `text` is the dump before any packet. */
export function headsOf(text: string): ReadonlySet<string> {
  return new Set(text.split('\n').map(headOf));
}

/** The learned flows of a dump, without counters. */
export function learnedFlows(text: string, before: ReadonlySet<string>): string {
  const lines = text.split('\n').filter((line) => line !== '' && !before.has(headOf(line)));
  return lines
    .map((line) => headOf(line) + line.replace(/.*?actions=/, 'actions='))
    .sort()
    .join('\n');
}

/** A comparable dump in which learned flows do nothing. */
export function withoutLearnedActions(text: string, before: ReadonlySet<string>): string {
  const lines = text.split('\n').map((line) => (before.has(headOf(line)) ? line : line.replace(/actions=.*/, '')));
  return comparableDump(lines.join('\n'));
}

/** What the generator gives learned flows for a cookie; 0 is learn's own. */
const LEARNED_COOKIES: ReadonlySet<bigint> = new Set([0n, 0x77n]);

/** Flow statistics in which flows with such cookies do nothing. */
export function withoutLearnedInstructions(entries: Buffer, version: Version): Buffer {
  const cut = flowStatsEntries(entries).map((entry) => {
    const cookie = entry.readBigUInt64BE(version === 'OpenFlow15' ? 16 : 32);
    return LEARNED_COOKIES.has(cookie) ? withoutInstructions(entry, version) : entry;
  });
  return Buffer.concat(cut);
}

/** ofp_flow_stats and ofp_flow_desc: the match, in 1.5 then the statistics, then instructions. */
function withoutInstructions(entry: Buffer, version: Version): Buffer {
  const padded = (at: number) => at + ((entry.readUInt16BE(at + 2) + 7) & ~7);
  const end = version === 'OpenFlow15' ? padded(padded(24)) : padded(48);
  const cut = Buffer.from(entry.subarray(0, end));
  cut.writeUInt16BE(end, 0);
  return cut;
}
