// Port Transmit: at most TxHoldCount BPDUs a second, and one each HelloTime (IEEE 802.1D-2004, 17.26; 17.21.19 to 17.21.21).

import {
  type ConfigBpdu,
  FLAG_AGREEMENT,
  FLAG_FORWARDING,
  FLAG_LEARNING,
  FLAG_PROPOSAL,
  FLAG_ROLE_SHIFT,
  FLAG_TC,
  FLAG_TC_ACK,
} from '../bpdu.ts';
import { ROLE_ALTERNATE_OR_BACKUP, ROLE_DESIGNATED, ROLE_ROOT } from './information.ts';
import { machine, type RstpBridge } from './machine.ts';
import type { RstpPort } from './port.ts';

type State = 'TRANSMIT_INIT' | 'IDLE' | 'TRANSMIT_PERIODIC' | 'TRANSMIT_CONFIG' | 'TRANSMIT_TCN' | 'TRANSMIT_RSTP';

export const portTransmit = machine<State>({
  name: 'PTX',
  begin: () => 'TRANSMIT_INIT',
  next: (state, port, bridge) => (state === 'IDLE' ? fromIdle(port, bridge) : 'IDLE'),
  enter: {
    TRANSMIT_INIT: (port) => {
      port.newInfo = true;
      port.timers.txCount = 0;
    },
    IDLE: (port) => {
      port.timers.helloWhen = port.designatedTimes.helloTime;
    },
    TRANSMIT_PERIODIC: (port) => {
      port.newInfo ||= port.role === 'Designated' || (port.role === 'Root' && port.timers.tcWhile !== 0);
    },
    TRANSMIT_CONFIG: (port, bridge) => {
      const flags = tcFlag(port) | (port.tcAck ? FLAG_TC_ACK : 0);
      bridge.transmit(port, { type: 'config', config: configOf(port, flags) });
      sent(port);
      port.tcAck = false;
    },
    TRANSMIT_TCN: (port, bridge) => {
      bridge.transmit(port, { type: 'tcn' });
      sent(port);
    },
    TRANSMIT_RSTP: (port, bridge) => {
      bridge.transmit(port, { type: 'rst', config: configOf(port, rstFlags(port)) });
      sent(port);
      port.tcAck = false;
    },
  },
});

function fromIdle(port: RstpPort, { transmitHoldCount }: RstpBridge): State | undefined {
  if (!port.selected || port.updtInfo) return undefined;
  if (port.timers.helloWhen === 0) return 'TRANSMIT_PERIODIC';
  if (!port.newInfo || port.timers.txCount >= transmitHoldCount || port.role === 'Disabled') return undefined;
  if (port.sendRSTP) return 'TRANSMIT_RSTP';
  if (port.role === 'Designated') return 'TRANSMIT_CONFIG';
  return port.role === 'Root' ? 'TRANSMIT_TCN' : undefined;
}

function sent(port: RstpPort): void {
  port.newInfo = false;
  port.timers.txCount++;
}

const tcFlag = ({ timers }: RstpPort): number => (timers.tcWhile === 0 ? 0 : FLAG_TC);

const ROLES = {
  Disabled: 0,
  Alternate: ROLE_ALTERNATE_OR_BACKUP,
  Backup: ROLE_ALTERNATE_OR_BACKUP,
  Root: ROLE_ROOT,
  Designated: ROLE_DESIGNATED,
} as const;

function rstFlags(port: RstpPort): number {
  return (
    tcFlag(port) |
    (ROLES[port.role] << FLAG_ROLE_SHIFT) |
    (port.proposing ? FLAG_PROPOSAL : 0) |
    (port.agree ? FLAG_AGREEMENT : 0) |
    (port.learning ? FLAG_LEARNING : 0) |
    (port.forwarding ? FLAG_FORWARDING : 0)
  );
}

function configOf({ designatedPriority, designatedTimes }: RstpPort, flags: number): ConfigBpdu {
  const { rootId, rootPathCost, designatedBridge, designatedPort } = designatedPriority;
  const { messageAge, maxAge, helloTime, forwardDelay } = designatedTimes;
  return {
    flags,
    rootId,
    rootPathCost,
    bridgeId: designatedBridge,
    portId: designatedPort,
    messageAgeMs: messageAge * 1000,
    maxAgeMs: maxAge * 1000,
    helloTimeMs: helloTime * 1000,
    forwardDelayMs: forwardDelay * 1000,
  };
}
