// Priority vectors and times, which RSTP compares and passes on (IEEE 802.1D-2004, 17.5, 17.18.4). Times are whole seconds.

import type { ConfigBpdu } from '../bpdu.ts';
import type { BridgeId, PortId } from '../bridge-id.ts';

/** A way to a root: the better, the lower, its members compared in this order. */
export interface PriorityVector {
  readonly rootId: BridgeId;
  readonly rootPathCost: number;
  readonly designatedBridge: BridgeId;
  readonly designatedPort: PortId;
  /** The port that received it; 0 where that does not matter. */
  readonly bridgePort: PortId;
}

export interface RstpTimes {
  readonly messageAge: number;
  readonly maxAge: number;
  readonly helloTime: number;
  readonly forwardDelay: number;
}

/** Below 0 when `a` is better, 0 when they are the same. */
export function compare(a: PriorityVector, b: PriorityVector): number {
  if (a.rootId !== b.rootId) return a.rootId < b.rootId ? -1 : 1;
  if (a.rootPathCost !== b.rootPathCost) return a.rootPathCost - b.rootPathCost;
  if (a.designatedBridge !== b.designatedBridge) return a.designatedBridge < b.designatedBridge ? -1 : 1;
  if (a.designatedPort !== b.designatedPort) return a.designatedPort - b.designatedPort;
  return a.bridgePort - b.bridgePort;
}

const ADDRESS_MASK = (1n << 48n) - 1n;
const PORT_NUMBER_MASK = 0xfff;

/** 17.6: better, or from the very port that the other is from, whatever it says now. */
export function isSuperior(message: PriorityVector, held: PriorityVector): boolean {
  if (compare(message, held) < 0) return true;
  const isSameBridge = ((message.designatedBridge ^ held.designatedBridge) & ADDRESS_MASK) === 0n;
  const isSamePort = ((message.designatedPort ^ held.designatedPort) & PORT_NUMBER_MASK) === 0;
  return isSameBridge && isSamePort && compare(message, held) !== 0;
}

export const isSameAddress = (a: BridgeId, b: BridgeId): boolean => ((a ^ b) & ADDRESS_MASK) === 0n;

export function sameTimes(a: RstpTimes, b: RstpTimes): boolean {
  return (
    a.messageAge === b.messageAge &&
    a.maxAge === b.maxAge &&
    a.helloTime === b.helloTime &&
    a.forwardDelay === b.forwardDelay
  );
}

export function vectorOf(config: ConfigBpdu, bridgePort: PortId): PriorityVector {
  const { rootId, rootPathCost, bridgeId, portId } = config;
  return { rootId, rootPathCost, designatedBridge: bridgeId, designatedPort: portId, bridgePort };
}

/** 17.21.12: no less than a second between hellos. */
export function timesOf(config: ConfigBpdu): RstpTimes {
  const seconds = (ms: number) => Math.round(ms / 1000);
  return {
    messageAge: seconds(config.messageAgeMs),
    maxAge: seconds(config.maxAgeMs),
    helloTime: Math.max(1, seconds(config.helloTimeMs)),
    forwardDelay: seconds(config.forwardDelayMs),
  };
}
