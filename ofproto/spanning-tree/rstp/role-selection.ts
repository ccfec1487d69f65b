// Port Role Selection: which port leads to the root, and what that makes of the others (IEEE 802.1D-2004, 17.28; 17.21.25).

import type { RstpBridge } from './machine.ts';
import type { RstpPort } from './port.ts';
import { compare, isSameAddress, type PriorityVector, sameTimes } from './vectors.ts';

const PATH_COST_MAX = 0xffffffff;

/** Chooses roles when some port asks for it; true then. */
export function selectRoles(bridge: RstpBridge): boolean {
  if (!bridge.ports.some((port) => port.reselect)) return false;
  for (const port of bridge.ports) port.reselect = false;
  updtRolesTree(bridge);
  for (const port of bridge.ports) port.selected = true;
  return true;
}

/** 17.21.25 */
function updtRolesTree(bridge: RstpBridge): void {
  chooseRoot(bridge);
  const { rootPriority, rootTimes, bridgeId, bridgeTimes } = bridge;
  for (const port of bridge.ports) {
    const own = { designatedBridge: bridgeId, designatedPort: port.portId, bridgePort: port.portId };
    port.designatedPriority = { ...rootPriority, ...own };
    port.designatedTimes = { ...rootTimes, helloTime: bridgeTimes.helloTime };
    chooseRole(port, bridge);
  }
}

function chooseRoot(bridge: RstpBridge): void {
  const { bridgeId } = bridge;
  const own = { rootId: bridgeId, rootPathCost: 0, designatedBridge: bridgeId, designatedPort: 0, bridgePort: 0 };
  bridge.rootPriority = own;
  bridge.rootTimes = bridge.bridgeTimes;
  bridge.rootPort = undefined;
  for (const port of bridge.ports) {
    if (port.infoIs !== 'Received' || isSameAddress(port.portPriority.designatedBridge, bridgeId)) continue;
    const path = pathThrough(port);
    if (compare(path, bridge.rootPriority) >= 0) continue;
    bridge.rootPriority = path;
    bridge.rootTimes = { ...port.portTimes, messageAge: port.portTimes.messageAge + 1 };
    bridge.rootPort = port;
  }
}

function pathThrough({ portPriority, settings, portId }: RstpPort): PriorityVector {
  const rootPathCost = Math.min(portPriority.rootPathCost + settings.pathCost, PATH_COST_MAX);
  return { ...portPriority, rootPathCost, bridgePort: portId };
}

function chooseRole(port: RstpPort, { rootPort, bridgeId }: RstpBridge): void {
  port.updtInfo = false;
  switch (port.infoIs) {
    case 'Disabled':
      port.selectedRole = 'Disabled';
      return;
    case 'Aged':
      port.selectedRole = 'Designated';
      port.updtInfo = true;
      return;
    case 'Mine':
      port.selectedRole = 'Designated';
      port.updtInfo =
        compare(port.portPriority, port.designatedPriority) !== 0 || !sameTimes(port.portTimes, port.designatedTimes);
      return;
  }
  if (port === rootPort) {
    port.selectedRole = 'Root';
  } else if (isBetter(port.designatedPriority, port.portPriority)) {
    port.selectedRole = 'Designated';
    port.updtInfo = true;
  } else {
    port.selectedRole = isSameAddress(port.portPriority.designatedBridge, bridgeId) ? 'Backup' : 'Alternate';
  }
}

/** What a LAN hears has no receiving port. */
const isBetter = (a: PriorityVector, b: PriorityVector): boolean =>
  compare({ ...a, bridgePort: 0 }, { ...b, bridgePort: 0 }) < 0;
