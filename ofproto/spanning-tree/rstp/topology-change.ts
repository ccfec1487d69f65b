// Topology Change: tells the other bridges that addresses may have moved, and forgets its own (IEEE 802.1D-2004, 17.31).

import { machine, type RstpBridge } from './machine.ts';
import type { RstpPort } from './port.ts';

type State =
  | 'INACTIVE'
  | 'LEARNING'
  | 'DETECTED'
  | 'ACTIVE'
  | 'NOTIFIED_TCN'
  | 'NOTIFIED_TC'
  | 'PROPAGATING'
  | 'ACKNOWLEDGED';

const heardSomething = ({ rcvdTc, rcvdTcn, rcvdTcAck, tcProp }: RstpPort): boolean =>
  rcvdTc || rcvdTcn || rcvdTcAck || tcProp;

export const topologyChange = machine<State>({
  name: 'TCM',
  begin: () => 'INACTIVE',
  next: (state, port) => {
    switch (state) {
      case 'INACTIVE':
        return port.learn ? 'LEARNING' : undefined;
      case 'LEARNING':
        return fromLearning(port);
      case 'ACTIVE':
        return fromActive(port);
      case 'NOTIFIED_TCN':
        return 'NOTIFIED_TC';
      default:
        return 'ACTIVE';
    }
  },
  enter: {
    INACTIVE: (port, bridge) => {
      bridge.flush(port);
      port.timers.tcWhile = 0;
      port.tcAck = false;
    },
    LEARNING: (port) => {
      port.rcvdTc = port.rcvdTcn = port.rcvdTcAck = port.tcProp = false;
    },
    DETECTED: detected,
    ACTIVE: () => {},
    NOTIFIED_TCN: newTcWhile,
    NOTIFIED_TC: (port, bridge) => {
      port.rcvdTcn = port.rcvdTc = false;
      if (port.role === 'Designated') port.tcAck = true;
      setTcPropTree(port, bridge);
    },
    PROPAGATING: (port, bridge) => {
      newTcWhile(port, bridge);
      bridge.flush(port);
      port.tcProp = false;
    },
    ACKNOWLEDGED: (port) => {
      port.timers.tcWhile = 0;
      port.rcvdTcAck = false;
    },
  },
});

function fromLearning(port: RstpPort): State | undefined {
  if (port.isRootOrDesignated && port.forward && !port.operEdge) return 'DETECTED';
  if (heardSomething(port)) return 'LEARNING';
  return !port.isRootOrDesignated && !port.learn && !port.learning ? 'INACTIVE' : undefined;
}

function fromActive(port: RstpPort): State | undefined {
  if (!port.isRootOrDesignated || port.operEdge) return 'LEARNING';
  if (port.rcvdTcn) return 'NOTIFIED_TCN';
  if (port.rcvdTc) return 'NOTIFIED_TC';
  if (port.tcProp) return 'PROPAGATING';
  return port.rcvdTcAck ? 'ACKNOWLEDGED' : undefined;
}

/** What a port does that came to forward. */
export function detected(port: RstpPort, bridge: RstpBridge): void {
  newTcWhile(port, bridge);
  setTcPropTree(port, bridge);
  port.newInfo = true;
}

/** 17.21.7 */
function newTcWhile(port: RstpPort, { rootTimes }: RstpBridge): void {
  if (port.timers.tcWhile !== 0) return;
  port.timers.tcWhile = port.sendRSTP ? port.designatedTimes.helloTime + 1 : rootTimes.maxAge + rootTimes.forwardDelay;
  if (port.sendRSTP) port.newInfo = true;
}

/** 17.21.19 */
function setTcPropTree(port: RstpPort, { ports }: RstpBridge): void {
  for (const other of ports) if (other !== port) other.tcProp = true;
}
