// What one case consists of: text as a person would type it, so that a failing case can be read and tried by hand.
import type { Version } from './openflow-link.ts';

export interface OraclePacket {
  readonly port: number;
  readonly hex: string;
}

export interface OracleCase {
  readonly seed: number;
  /** The version that ovs-ofctl adds the flows with. */
  readonly version: Version;
  /** Index into PORT_CONFIGS. */
  readonly config: number;
  readonly meters: readonly string[];
  readonly groups: readonly string[];
  readonly flows: readonly string[];
  readonly packets: readonly OraclePacket[];
}

/** What the two switches disagree about; `packets` is what comes out of ports. */
export type Aspect =
  | 'errors'
  | 'trace-flow'
  | 'trace-steps'
  | 'final-flow'
  | 'megaflow'
  | 'datapath-actions'
  | 'packets'
  | 'packet-ins'
  | 'datapath-flows'
  | 'flow-stats'
  | 'flow-text'
  | 'group-stats'
  | 'meter-stats';

export interface Failure {
  readonly oracleCase: OracleCase;
  readonly mismatches: readonly Mismatch[];
}

/**
 * What Open vSwitch was seen to do in a case: it sent a traced packet round; it has a datapath flow that it cannot read, or
 * one that writes the whole of a label stack entry and matches a part of it; it popped a tag off a
 * frame cut to its Ethernet header; a packet of it stopped at a controller and went on.
 */
export type Fact = 'trace-went-round' | 'unreadable-flow' | 'wrote-label-entry' | 'sent-runt' | 'resumed';

export interface Mismatch {
  readonly aspect: Aspect;
  readonly about: string;
  readonly facts: readonly Fact[];
  readonly ovs: string;
  readonly weft: string;
}
