// How a state machine is written down and run (IEEE 802.1D-2004, 17.16): what each state does when it is entered, and where
// it goes when. Machines are run in turn until none of them moves.

import type { Bpdu } from '../bpdu.ts';
import type { BridgeId } from '../bridge-id.ts';
import type { RstpPort } from './port.ts';
import type { PriorityVector, RstpTimes } from './vectors.ts';

/** The bridge as its ports' machines see it (17.18). */
export interface RstpBridge {
  readonly bridgeId: BridgeId;
  /** By number. */
  readonly ports: readonly RstpPort[];
  rootPriority: PriorityVector;
  rootTimes: RstpTimes;
  rootPort: RstpPort | undefined;
  readonly bridgeTimes: RstpTimes;
  /** 17.19.34: RST BPDUs may be sent. */
  readonly rstpVersion: boolean;
  readonly transmitHoldCount: number;
  transmit(port: RstpPort, bpdu: Bpdu): void;
  /** fdbFlush: forgets the addresses learned on the port. */
  flush(port: RstpPort): void;
}

/** A machine as the standard draws it. */
interface MachineTable<State extends string> {
  readonly name: string;
  /** Where BEGIN leads. */
  begin(port: RstpPort): State;
  /** Where the machine goes now; undefined when it stays. */
  next(state: State, port: RstpPort, bridge: RstpBridge): State | undefined;
  readonly enter: Readonly<Record<State, (port: RstpPort, bridge: RstpBridge) => void>>;
}

export interface Machine {
  begin(port: RstpPort, bridge: RstpBridge): void;
  /** Takes one step; true when the machine moved. */
  step(port: RstpPort, bridge: RstpBridge): boolean;
}

export function machine<State extends string>(table: MachineTable<State>): Machine {
  const go = (state: State, port: RstpPort, bridge: RstpBridge) => {
    port.states.set(table.name, state);
    table.enter[state](port, bridge);
  };
  return {
    begin: (port, bridge) => go(table.begin(port), port, bridge),
    step: (port, bridge) => {
      const next = table.next(port.states.get(table.name) as State, port, bridge);
      if (next !== undefined) go(next, port, bridge);
      return next !== undefined;
    },
  };
}
