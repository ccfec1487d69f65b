// Port Information: what a received BPDU means beside what the port knows (IEEE 802.1D-2004, 17.27; procedures of 17.21).

import {
  type ConfigBpdu,
  FLAG_AGREEMENT,
  FLAG_LEARNING,
  FLAG_PROPOSAL,
  FLAG_ROLE_MASK,
  FLAG_ROLE_SHIFT,
  FLAG_TC,
  FLAG_TC_ACK,
} from '../bpdu.ts';
import { machine, type RstpBridge } from './machine.ts';
import type { RstpPort } from './port.ts';
import { compare, isSuperior, sameTimes, timesOf, vectorOf } from './vectors.ts';

/** 9.3.3: port roles in the flags of RST BPDUs. */
export const ROLE_ALTERNATE_OR_BACKUP = 1;
export const ROLE_ROOT = 2;
export const ROLE_DESIGNATED = 3;

type Meaning = 'SUPERIOR_DESIGNATED' | 'REPEATED_DESIGNATED' | 'INFERIOR_DESIGNATED' | 'NOT_DESIGNATED' | 'OTHER';
type State = 'DISABLED' | 'AGED' | 'UPDATE' | 'CURRENT' | 'RECEIVE' | Meaning;

export const portInformation = machine<State>({
  name: 'PIM',
  begin: () => 'DISABLED',
  next: (state, port) => {
    if (!port.portEnabled && port.infoIs !== 'Disabled') return 'DISABLED';
    switch (state) {
      case 'DISABLED':
        if (port.rcvdMsg) return 'DISABLED';
        return port.portEnabled ? 'AGED' : undefined;
      case 'AGED':
        return port.selected && port.updtInfo ? 'UPDATE' : undefined;
      case 'CURRENT':
        return fromCurrent(port);
      case 'RECEIVE':
        return meaningOf(port);
      default:
        return 'CURRENT';
    }
  },
  enter: {
    DISABLED: (port) => {
      port.rcvdMsg = port.proposing = port.proposed = port.agree = port.agreed = false;
      port.timers.rcvdInfoWhile = 0;
      port.infoIs = 'Disabled';
      askForRoles(port);
    },
    AGED: (port) => {
      port.infoIs = 'Aged';
      askForRoles(port);
    },
    UPDATE: (port) => {
      port.proposing = port.proposed = false;
      const isNoWorse = port.infoIs === 'Mine' && compare(port.designatedPriority, port.portPriority) <= 0;
      port.agreed &&= isNoWorse;
      port.synced &&= port.agreed;
      port.portPriority = port.designatedPriority;
      port.portTimes = port.designatedTimes;
      port.updtInfo = false;
      port.infoIs = 'Mine';
      port.newInfo = true;
    },
    CURRENT: () => {},
    RECEIVE: receive,
    SUPERIOR_DESIGNATED: superior,
    REPEATED_DESIGNATED: (port, bridge) => {
      recordProposal(port);
      setTcFlags(port);
      recordAgreement(port, bridge);
      updtRcvdInfoWhile(port);
      port.rcvdMsg = false;
    },
    INFERIOR_DESIGNATED: (port) => {
      recordDispute(port);
      port.rcvdMsg = false;
    },
    NOT_DESIGNATED: (port, bridge) => {
      recordAgreement(port, bridge);
      setTcFlags(port);
      port.rcvdMsg = false;
    },
    OTHER: (port) => {
      port.rcvdMsg = false;
    },
  },
});

function fromCurrent(port: RstpPort): State | undefined {
  if (port.selected && port.updtInfo) return 'UPDATE';
  if (port.updtInfo) return undefined;
  if (port.rcvdMsg) return 'RECEIVE';
  return port.infoIs === 'Received' && port.timers.rcvdInfoWhile === 0 ? 'AGED' : undefined;
}

function askForRoles(port: RstpPort): void {
  port.reselect = true;
  port.selected = false;
}

const configOf = ({ message }: RstpPort): ConfigBpdu | undefined =>
  message && message.type !== 'tcn' ? message.config : undefined;

function receive(port: RstpPort): void {
  const config = configOf(port);
  if (!config) {
    // A TCN BPDU says nothing else.
    port.rcvdTcn = true;
    return;
  }
  port.msgPriority = vectorOf(config, port.portId);
  port.msgTimes = timesOf(config);
}

/** A Configuration BPDU comes from a designated port. */
function roleOf({ message }: RstpPort): number {
  if (message?.type !== 'rst') return ROLE_DESIGNATED;
  return (message.config.flags & FLAG_ROLE_MASK) >> FLAG_ROLE_SHIFT;
}

/** rcvInfo (17.21.8) */
function meaningOf(port: RstpPort): Meaning {
  if (!configOf(port)) return 'OTHER';
  const role = roleOf(port);
  const { msgPriority, portPriority } = port;
  if (role === ROLE_DESIGNATED) {
    if (isSuperior(msgPriority, portPriority)) return 'SUPERIOR_DESIGNATED';
    if (compare(msgPriority, portPriority) !== 0) return 'INFERIOR_DESIGNATED';
    return sameTimes(port.msgTimes, port.portTimes) ? 'REPEATED_DESIGNATED' : 'SUPERIOR_DESIGNATED';
  }
  const isBack = role === ROLE_ROOT || role === ROLE_ALTERNATE_OR_BACKUP;
  return isBack && compare(msgPriority, portPriority) >= 0 ? 'NOT_DESIGNATED' : 'OTHER';
}

function superior(port: RstpPort, bridge: RstpBridge): void {
  port.agreed = port.proposing = false;
  recordProposal(port);
  setTcFlags(port);
  port.agree &&= port.infoIs === 'Received' && compare(port.msgPriority, port.portPriority) <= 0;
  recordAgreement(port, bridge);
  port.synced &&= port.agreed;
  port.portPriority = port.msgPriority;
  port.portTimes = port.msgTimes;
  updtRcvdInfoWhile(port);
  port.infoIs = 'Received';
  askForRoles(port);
  port.rcvdMsg = false;
}

const hasFlag = (port: RstpPort, flag: number): boolean =>
  port.message?.type === 'rst' && (port.message.config.flags & flag) !== 0;

/** 17.21.9 */
function recordAgreement(port: RstpPort, { rstpVersion }: RstpBridge): void {
  port.agreed = rstpVersion && port.settings.isPointToPoint && hasFlag(port, FLAG_AGREEMENT);
  if (port.agreed) port.proposing = false;
}

/** 17.21.10 */
function recordDispute(port: RstpPort): void {
  if (!hasFlag(port, FLAG_LEARNING)) return;
  port.disputed = true;
  port.agreed = false;
}

/** 17.21.11 */
function recordProposal(port: RstpPort): void {
  if (roleOf(port) === ROLE_DESIGNATED && hasFlag(port, FLAG_PROPOSAL)) port.proposed = true;
}

/** 17.21.17 */
function setTcFlags(port: RstpPort): void {
  const flags = configOf(port)?.flags ?? 0;
  if (flags & FLAG_TC) port.rcvdTc = true;
  if (flags & FLAG_TC_ACK) port.rcvdTcAck = true;
}

/** 17.21.23: what was too long on its way is not kept. */
function updtRcvdInfoWhile({ timers, portTimes }: RstpPort): void {
  const isYoung = portTimes.messageAge + 1 <= portTimes.maxAge;
  timers.rcvdInfoWhile = isYoung ? 3 * portTimes.helloTime : 0;
}
