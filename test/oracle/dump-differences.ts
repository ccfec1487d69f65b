// In what two dumps of datapath flows differ, as far as it is Open vSwitch's own doing (explained.ts).
import type { Mismatch } from './oracle-case.ts';

interface Difference {
  /** Lines that only one of them has, in order. */
  readonly ovs: readonly string[];
  readonly weft: readonly string[];
}

function differenceOf({ ovs, weft }: Mismatch, same: (line: string) => string = (line) => line): Difference {
  const [left, right] = [ovs, weft].map((text) => text.split('\n').map(same));
  return {
    ovs: left!.filter((line) => !right!.includes(line)),
    weft: right!.filter((line) => !left!.includes(line)),
  };
}

const withoutCounts = (line: string): string => line.replace(/packets:\d+, bytes:\d+/, '');
const packets = (line: string): number => Number(/packets:(\d+)/.exec(line)?.[1]);

/** The two agree on every flow but for what it matches of neighbour discovery and ICMPv6's code. */
export function differsInNdOnly(mismatch: Mismatch): boolean {
  const withoutNd = (line: string) =>
    line.replace(/,nd\(.*?\)(?=[,)])/, '').replace(/(icmpv6\([^)]*?),?code=[^)]*\)/, '$1)');
  const { ovs, weft } = differenceOf(mismatch, withoutNd);
  return ovs.length === 0 && weft.length === 0;
}

/** Flows that send packets round count more in weft, and nothing else differs. */
export function countsMoreRounds(mismatch: Mismatch): boolean {
  const { ovs, weft } = differenceOf(mismatch);
  return (
    ovs.length === weft.length &&
    ovs.every((line, i) => {
      const other = weft[i]!;
      const isRound = /recirc_id\(N\).*actions:.*recirc\(N\)/.test(line);
      return isRound && withoutCounts(line) === withoutCounts(other) && packets(line) < packets(other);
    })
  );
}

/** One of Open vSwitch's flows with a tag took packets for which weft has flows with another tag besides. */
export function sharesFlowsOfTags(mismatch: Mismatch): boolean {
  const { ovs, weft } = differenceOf(mismatch);
  const rest = weft.filter((line) => !ovs.some((other) => withoutCounts(other) === withoutCounts(line)));
  return (
    ovs.length > 0 &&
    rest.length > 0 &&
    rest.length === weft.length - ovs.length &&
    [...ovs, ...rest].every((line) => line.includes('vlan(') || /encap\(|eth_type\(0x(8100|88a8)\)/.test(line))
  );
}
