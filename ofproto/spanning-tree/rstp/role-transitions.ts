// Port Role Transitions: how a port takes up its role without ever closing a loop (IEEE 802.1D-2004, 17.29).

import { machine, type RstpBridge } from './machine.ts';
import type { RstpPort } from './port.ts';

type DisabledState = 'INIT_PORT' | 'DISABLE_PORT' | 'DISABLED_PORT';
type RootState = 'ROOT_PORT' | 'ROOT_PROPOSED' | 'ROOT_AGREED' | 'ROOT_FORWARD' | 'ROOT_LEARN' | 'REROOT' | 'REROOTED';
type DesignatedState =
  | 'DESIGNATED_PORT'
  | 'DESIGNATED_PROPOSE'
  | 'DESIGNATED_SYNCED'
  | 'DESIGNATED_RETIRED'
  | 'DESIGNATED_FORWARD'
  | 'DESIGNATED_LEARN'
  | 'DESIGNATED_DISCARD';
type AlternateState = 'BLOCK_PORT' | 'ALTERNATE_PORT' | 'ALTERNATE_PROPOSED' | 'ALTERNATE_AGREED' | 'BACKUP_PORT';
type State = DisabledState | RootState | DesignatedState | AlternateState;

const HOME = {
  Disabled: 'DISABLE_PORT',
  Root: 'ROOT_PORT',
  Designated: 'DESIGNATED_PORT',
  Alternate: 'BLOCK_PORT',
  Backup: 'BLOCK_PORT',
} as const;

export const portRoleTransitions = machine<State>({
  name: 'PRT',
  begin: () => 'INIT_PORT',
  next: (state, port, bridge) => {
    if (state === 'INIT_PORT') return 'DISABLE_PORT';
    if (!port.selected || port.updtInfo) return undefined;
    if (port.role !== port.selectedRole) return HOME[port.selectedRole];
    switch (port.role) {
      case 'Disabled':
        return fromDisabled(state, port);
      case 'Root':
        return fromRoot(port, bridge);
      case 'Designated':
        return fromDesignated(port);
      default:
        return fromAlternate(state, port, bridge);
    }
  },
  enter: {
    INIT_PORT: (port) => {
      port.role = 'Disabled';
      port.learn = port.forward = port.synced = false;
      port.sync = port.reRoot = true;
      port.timers.rrWhile = port.designatedTimes.forwardDelay;
      port.timers.fdWhile = port.designatedTimes.maxAge;
      port.timers.rbWhile = 0;
    },
    DISABLE_PORT: leaveTree,
    DISABLED_PORT: (port) => rest(port, port.designatedTimes.maxAge),
    ROOT_PORT: (port) => {
      port.role = 'Root';
      port.timers.rrWhile = port.designatedTimes.forwardDelay;
    },
    ROOT_PROPOSED: propose,
    ROOT_AGREED: (port) => {
      port.proposed = port.sync = false;
      port.agree = port.newInfo = true;
    },
    ROOT_FORWARD: (port) => {
      port.timers.fdWhile = 0;
      port.forward = true;
    },
    ROOT_LEARN: startLearning,
    REROOT: (_, { ports }) => {
      // setReRootTree (17.21.16)
      for (const each of ports) each.reRoot = true;
    },
    REROOTED: (port) => {
      port.reRoot = false;
    },
    DESIGNATED_PORT: (port) => {
      port.role = 'Designated';
    },
    DESIGNATED_PROPOSE: (port) => {
      port.proposing = port.newInfo = true;
      port.timers.edgeDelayWhile = port.edgeDelay;
    },
    DESIGNATED_SYNCED: (port) => {
      port.timers.rrWhile = 0;
      port.synced = true;
      port.sync = false;
    },
    DESIGNATED_RETIRED: (port) => {
      port.reRoot = false;
    },
    DESIGNATED_FORWARD: (port) => {
      port.forward = true;
      port.timers.fdWhile = 0;
      port.agreed = port.sendRSTP;
    },
    DESIGNATED_LEARN: startLearning,
    DESIGNATED_DISCARD: (port) => {
      port.learn = port.forward = port.disputed = false;
      port.timers.fdWhile = port.forwardDelay;
    },
    BLOCK_PORT: leaveTree,
    ALTERNATE_PORT: (port) => rest(port, port.forwardDelay),
    ALTERNATE_PROPOSED: propose,
    ALTERNATE_AGREED: (port) => {
      port.proposed = false;
      port.agree = port.newInfo = true;
    },
    BACKUP_PORT: (port) => {
      port.timers.rbWhile = 2 * port.designatedTimes.helloTime;
    },
  },
});

function leaveTree(port: RstpPort): void {
  port.role = port.selectedRole;
  port.learn = port.forward = false;
}

function rest(port: RstpPort, fdWhile: number): void {
  port.timers.fdWhile = fdWhile;
  port.synced = true;
  port.timers.rrWhile = 0;
  port.sync = port.reRoot = false;
}

function startLearning(port: RstpPort): void {
  port.timers.fdWhile = port.forwardDelay;
  port.learn = true;
}

/** setSyncTree (17.21.18): before this port agrees, every other one must be in step. */
function propose(port: RstpPort, { ports }: RstpBridge): void {
  for (const each of ports) each.sync = true;
  port.proposed = false;
}

const isRestless = ({ sync, reRoot, synced }: RstpPort): boolean => sync || reRoot || !synced;

/** 17.29.1 */
function fromDisabled(state: State, port: RstpPort): State | undefined {
  if (state !== 'DISABLED_PORT') return port.learning || port.forwarding ? undefined : 'DISABLED_PORT';
  return port.timers.fdWhile !== port.designatedTimes.maxAge || isRestless(port) ? 'DISABLED_PORT' : undefined;
}

/** 17.29.2 */
function fromRoot(port: RstpPort, bridge: RstpBridge): State | undefined {
  const { timers, agree, proposed, reRoot, learn, forward } = port;
  if (proposed && !agree) return 'ROOT_PROPOSED';
  if ((allSynced(bridge) && !agree) || (proposed && agree)) return 'ROOT_AGREED';
  if (!forward && !reRoot) return 'REROOT';
  const isSafe = timers.fdWhile === 0 || (reRooted(port, bridge) && timers.rbWhile === 0 && bridge.rstpVersion);
  if (isSafe && !learn) return 'ROOT_LEARN';
  if (isSafe && !forward) return 'ROOT_FORWARD';
  if (reRoot && forward) return 'REROOTED';
  return timers.rrWhile === port.designatedTimes.forwardDelay ? undefined : 'ROOT_PORT';
}

/** 17.20.3 */
const allSynced = ({ ports }: RstpBridge): boolean =>
  ports.every(
    ({ selected, updtInfo, role, selectedRole, synced }) =>
      selected && !updtInfo && role === selectedRole && (synced || role === 'Root'),
  );

/** 17.20.10 */
const reRooted = (port: RstpPort, { ports }: RstpBridge): boolean =>
  ports.every((other) => other === port || other.timers.rrWhile === 0);

/** 17.29.3 */
function fromDesignated(port: RstpPort): State | undefined {
  const { timers, learn, forward, agreed, operEdge, synced, sync, reRoot } = port;
  if (!forward && !agreed && !port.proposing && !operEdge) return 'DESIGNATED_PROPOSE';
  const isOutside = !port.learning && !port.forwarding;
  if (!synced ? isOutside || agreed || operEdge : sync) return 'DESIGNATED_SYNCED';
  if (timers.rrWhile === 0 && reRoot) return 'DESIGNATED_RETIRED';
  const mustStop = (sync && !synced) || (reRoot && timers.rrWhile !== 0) || port.disputed;
  if (mustStop && !operEdge && (learn || forward)) return 'DESIGNATED_DISCARD';
  const mayGo = (timers.fdWhile === 0 || agreed || operEdge) && (timers.rrWhile === 0 || !reRoot) && !sync;
  if (mayGo && !learn) return 'DESIGNATED_LEARN';
  return mayGo && !forward ? 'DESIGNATED_FORWARD' : undefined;
}

/** 17.29.4 */
function fromAlternate(state: State, port: RstpPort, bridge: RstpBridge): State | undefined {
  const { timers, agree, proposed } = port;
  if (state === 'BLOCK_PORT') return port.learning || port.forwarding ? undefined : 'ALTERNATE_PORT';
  if (proposed && !agree) return 'ALTERNATE_PROPOSED';
  if ((allSynced(bridge) && !agree) || (proposed && agree)) return 'ALTERNATE_AGREED';
  if (port.role === 'Backup' && timers.rbWhile !== 2 * port.designatedTimes.helloTime) return 'BACKUP_PORT';
  return timers.fdWhile !== port.forwardDelay || isRestless(port) ? 'ALTERNATE_PORT' : undefined;
}
