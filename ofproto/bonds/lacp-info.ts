// What LACP says of one end of a link (IEEE 802.1AX-2014, 6.4.2.3, 6.4.6).

export const LACP_STATE = {
  ACTIVITY: 0x01,
  TIMEOUT: 0x02,
  AGGREGATION: 0x04,
  SYNCHRONIZED: 0x08,
  COLLECTING: 0x10,
  DISTRIBUTING: 0x20,
  DEFAULTED: 0x40,
  EXPIRED: 0x80,
} as const;

export interface LacpInfo {
  readonly sysPriority: number;
  /** Six bytes. */
  readonly sysId: Uint8Array;
  readonly key: number;
  readonly portPriority: number;
  readonly portId: number;
  /** LACP_STATE flags. */
  readonly state: number;
}

/** Nothing is known of the partner. */
export const NO_INFO: LacpInfo = {
  sysPriority: 0,
  sysId: new Uint8Array(6),
  key: 0,
  portPriority: 0,
  portId: 0,
  state: 0,
};

export const sameSystem = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export function sameInfo(a: LacpInfo, b: LacpInfo): boolean {
  return a.state === b.state && samePort(a, b);
}

function samePort(a: LacpInfo, b: LacpInfo): boolean {
  return (
    a.sysPriority === b.sysPriority &&
    sameSystem(a.sysId, b.sysId) &&
    a.key === b.key &&
    a.portPriority === b.portPriority &&
    a.portId === b.portId
  );
}

const { ACTIVITY, TIMEOUT, SYNCHRONIZED, AGGREGATION } = LACP_STATE;
const TOLD_AT_ONCE = ACTIVITY | TIMEOUT | SYNCHRONIZED | AGGREGATION;

/** Whether the partner, which believes `b`, need not be told `a` before its time (update_NTT, 6.4.9). */
export const isUpToDate = (a: LacpInfo, b: LacpInfo): boolean =>
  samePort(a, b) && ((a.state ^ b.state) & TOLD_AT_ONCE) === 0;

/** Negative when system and port of `a` come before those of `b`: lower numbers do (5.3.2). */
export function comparePriority(a: LacpInfo, b: LacpInfo): number {
  return (
    a.sysPriority - b.sysPriority ||
    Buffer.compare(a.sysId, b.sysId) ||
    a.portPriority - b.portPriority ||
    a.portId - b.portId
  );
}
