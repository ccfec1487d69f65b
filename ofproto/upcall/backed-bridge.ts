// A bridge as the slow path's backer uses it: where it translates, and who gets what comes of translations.

import type { Upcall } from '../../datapath/dpif.ts';
import type { BridgeEffects, ControllerSpec, FinTimeout, SampleSpec, XlateBridge } from '../xlate/snapshot.ts';

export interface BackedBridge {
  readonly name: string;
  readonly snapshot: XlateBridge;
  /** Its translations may come out differently now. */
  changed(): void;
  /** Learns what packets that took a translation's path taught. */
  /** `isLate`: statistics tell of the packets, others came since. */
  learn(effects: BridgeEffects, usedMs: number, isLate: boolean): void;
  /** Reads what a frame says to the bridge. */
  hear(here: BridgeEffects, frame: Uint8Array): void;
  /** fin_timeout: a connection's last packets were seen. */
  connectionEnded(fin: FinTimeout): void;
  /** A packet that a rule, or its absence, sends to the controllers. */
  packetIn(spec: ControllerSpec, packet: Uint8Array): void;
  /** A packet that a `sample` action chose; the buffers are only valid during the call. */
  sampled(spec: SampleSpec, packet: Upcall): void;
  /** Timeouts of rules and addresses. */
  expire(nowMs: number): void;
}
