// Takes out of two dumps in what they differ, as far as it is Open vSwitch's own doing (explained.ts). Each function takes
// one cause out of both and leaves everything else as it is, so that what is left has to be equal.

/** The same answer of both switches. */
export interface Pair {
  readonly ovs: readonly string[];
  readonly weft: readonly string[];
}

export type Cause = (pair: Pair) => Pair;

const COUNTS = /(n_packets=|packets:)(\d+)(, n_bytes=|, bytes:)(\d+)/g;

const packetsOf = (line: string): number => Number(new RegExp(COUNTS).exec(line)?.[2] ?? 0);
const withoutCounts = (line: string): string => line.replace(COUNTS, '$1N$3N');
const sorted = (lines: readonly string[]): string[] => [...lines].sort();

/** The lines of `some` that `others` lacks, each as often as it is there. */
export function missingFrom(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return some.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/** Lines that say the same when `text` is taken out of those that `isMeant`. */
export const without =
  (text: RegExp, isMeant: (line: string) => boolean = () => true): Cause =>
  ({ ovs, weft }) => {
    const cut = (lines: readonly string[]) =>
      sorted(lines.map((line) => (isMeant(line) ? line.replace(text, '') : line)));
    return { ovs: cut(ovs), weft: cut(weft) };
  };

/** Lines that Open vSwitch lacks and that `isMeant`. */
export const lacking =
  (isMeant: (line: string) => boolean): Cause =>
  ({ ovs, weft }) => {
    const more = missingFrom(weft, ovs).filter(isMeant);
    return { ovs, weft: missingFrom(weft, more) };
  };

/** Lines that differ in their counts only, and in which `isMeant` says of Open vSwitch's and weft's packets that they may. */
export const counting =
  (isMeant: (line: string, ovs: number, weft: number) => boolean): Cause =>
  ({ ovs, weft }) => {
    const rest = missingFrom(weft, ovs);
    const same = new Map<string, string>();
    for (const line of missingFrom(ovs, weft)) {
      const at = rest.findIndex((one) => withoutCounts(one) === withoutCounts(line));
      if (at < 0 || !isMeant(line, packetsOf(line), packetsOf(rest[at]!))) continue;
      const [other] = rest.splice(at, 1);
      same.set(line, withoutCounts(line)).set(other!, withoutCounts(line));
    }
    const cut = (lines: readonly string[]) => sorted(lines.map((line) => same.get(line) ?? line));
    return { ovs: cut(ovs), weft: cut(weft) };
  };

/**
 * Open vSwitch has one flow where weft has several, all of which `isMeant`: what they counted together is what that one
 * counted, with the first packet of each flow, which no flow counts. Of flows that `mayMiss` all, that one counted less.
 */
export const sharing =
  (isMeant: (line: string) => boolean, mayMiss: (line: string) => boolean): Cause =>
  ({ ovs, weft }) => {
    const heads = ovs.map(withoutCounts);
    const more = weft.filter((line) => isMeant(line) && !heads.includes(withoutCounts(line)));
    const pair = counting((line, here, there) => isMeant(line) && here > there)({ ovs, weft });
    const sum = (lines: readonly string[]) => lines.reduce((total, line) => total + packetsOf(line), 0);
    const missing = more.reduce((total, line) => total + packetsOf(line) + 1, 0);
    const counted = sum(ovs) - (sum(weft) - sum(more));
    const isRight = counted === missing || (counted < missing && more.every(mayMiss));
    if (more.length === 0 || !isRight) return { ovs, weft };
    return { ovs: pair.ovs, weft: missingFrom(pair.weft, more) };
  };

/** ofp_meter_stats in hex: meter_id to flow_count, packet_in_count and byte_in_count, duration, bands. */
const METER = /^([0-9a-f]{32})([0-9a-f]{16})[0-9a-f]{16}([0-9a-f]{16})[0-9a-f]*$/;

/** Of the meter that Open vSwitch has as its first, packets that it counts beyond those of weft. */
export const firstMeter: Cause = ({ ovs, weft }) => {
  const [here, there] = [METER.exec(ovs[0] ?? ''), METER.exec(weft[0] ?? '')];
  if (!here || !there || here[1] !== there[1] || BigInt(`0x${here[2]}`) <= BigInt(`0x${there[2]}`))
    return { ovs, weft };
  return { ovs: [here[1]!, ...ovs.slice(1)], weft: [there[1]!, ...weft.slice(1)] };
};

/** A frame's addresses, tags, Ethernet type and outermost label; then class, S bit and TTL. */
const LABEL_ENTRY = /^([0-9a-f]{24}(?:(?:8100|88a8)[0-9a-f]{4})*884[78][0-9a-f]{5})[0-9a-f]{3}/;

/** Frames that differ in what their outermost label stack entry has beside the label, each in its place. */
export const labelEntries: Cause = ({ ovs, weft }) => {
  const cut = (line: string | undefined) => line?.replace(LABEL_ENTRY, '$1');
  const areAlike = ovs.length === weft.length && ovs.every((line, i) => cut(line) === cut(weft[i]));
  return areAlike ? { ovs: weft, weft } : { ovs, weft };
};

/** Frames that Open vSwitch lost among those that it sent, which are weft's in their order. */
export const lostFrames: Cause = ({ ovs, weft }) => {
  const sent = ovs.filter((frame) => frame !== '');
  let at = 0;
  for (const frame of weft) if (frame === sent[at]) at++;
  return at === sent.length ? { ovs: weft, weft } : { ovs, weft };
};
