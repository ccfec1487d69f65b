// What a spanning tree lets a port do, as translation and OpenFlow see it. A port outside of the tree does everything.

import type { RstpState } from './rstp/port.ts';
import type { StpState } from './stp-port.ts';

export interface PortTree {
  readonly learns: boolean;
  readonly forwards: boolean;
  /** Whether BPDUs may leave. */
  readonly sendsBpdus: boolean;
  /** OFPPS_STP_* of OpenFlow 1.0; absent: listening, which is no bit. */
  readonly stp?: 'learn' | 'forward' | 'block';
}

const FORWARDING: PortTree = { learns: true, forwards: true, sendsBpdus: true, stp: 'forward' };

const STP: Readonly<Record<StpState, PortTree>> = {
  disabled: { learns: false, forwards: false, sendsBpdus: true },
  listening: { learns: false, forwards: false, sendsBpdus: true },
  blocking: { learns: false, forwards: false, sendsBpdus: false, stp: 'block' },
  learning: { learns: true, forwards: false, sendsBpdus: true, stp: 'learn' },
  forwarding: FORWARDING,
};

const RSTP: Readonly<Record<RstpState, PortTree>> = {
  Discarding: { learns: false, forwards: false, sendsBpdus: true },
  Learning: { learns: true, forwards: false, sendsBpdus: true, stp: 'learn' },
  Forwarding: FORWARDING,
};

export const stpPortTree = (state: StpState): PortTree => STP[state];
export const rstpPortTree = (state: RstpState): PortTree => RSTP[state];
