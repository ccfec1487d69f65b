// The small machines of a port: Port Receive, Port Protocol Migration, Bridge Detection and Port State Transition (IEEE
// 802.1D-2004, 17.23, 17.24, 17.25, 17.30).

import { machine } from './machine.ts';
import { MIGRATE_TIME } from './port.ts';

export const portReceive = machine<'DISCARD' | 'RECEIVE'>({
  name: 'PRX',
  begin: () => 'DISCARD',
  next: (_, port) => {
    const isFresh = port.timers.edgeDelayWhile === MIGRATE_TIME;
    if (!port.portEnabled) return port.rcvdBPDU || !isFresh ? 'DISCARD' : undefined;
    return port.rcvdBPDU && !port.rcvdMsg ? 'RECEIVE' : undefined;
  },
  enter: {
    DISCARD: (port) => {
      port.rcvdBPDU = port.rcvdRSTP = port.rcvdSTP = port.rcvdMsg = false;
      port.timers.edgeDelayWhile = MIGRATE_TIME;
    },
    RECEIVE: (port) => {
      // updtBPDUVersion (17.21.22)
      if (port.message?.type === 'rst') port.rcvdRSTP = true;
      else port.rcvdSTP = true;
      port.operEdge = port.rcvdBPDU = false;
      port.rcvdMsg = true;
      port.timers.edgeDelayWhile = MIGRATE_TIME;
    },
  },
});

export const portProtocolMigration = machine<'CHECKING_RSTP' | 'SELECTING_STP' | 'SENSING'>({
  name: 'PPM',
  begin: () => 'CHECKING_RSTP',
  next: (state, port, { rstpVersion }) => {
    const { mdelayWhile } = port.timers;
    if (state === 'CHECKING_RSTP') {
      if (mdelayWhile === 0) return 'SENSING';
      return mdelayWhile !== MIGRATE_TIME && !port.portEnabled ? 'CHECKING_RSTP' : undefined;
    }
    if (state === 'SELECTING_STP') return mdelayWhile === 0 || !port.portEnabled || port.mcheck ? 'SENSING' : undefined;
    const answersRstp = rstpVersion && !port.sendRSTP && port.rcvdRSTP;
    if (!port.portEnabled || port.mcheck || answersRstp) return 'CHECKING_RSTP';
    return port.sendRSTP && port.rcvdSTP ? 'SELECTING_STP' : undefined;
  },
  enter: {
    CHECKING_RSTP: (port, { rstpVersion }) => {
      port.mcheck = false;
      port.sendRSTP = rstpVersion;
      port.timers.mdelayWhile = MIGRATE_TIME;
    },
    SELECTING_STP: (port) => {
      port.sendRSTP = false;
      port.timers.mdelayWhile = MIGRATE_TIME;
    },
    SENSING: (port) => {
      port.rcvdRSTP = port.rcvdSTP = false;
    },
  },
});

export const bridgeDetection = machine<'EDGE' | 'NOT_EDGE'>({
  name: 'BDM',
  begin: ({ settings }) => (settings.adminEdge ? 'EDGE' : 'NOT_EDGE'),
  next: (state, port) => {
    const { adminEdge, autoEdge } = port.settings;
    if (state === 'EDGE') return (!port.portEnabled && !adminEdge) || !port.operEdge ? 'NOT_EDGE' : undefined;
    const isAlone = port.timers.edgeDelayWhile === 0 && autoEdge && port.sendRSTP && port.proposing;
    return (!port.portEnabled && adminEdge) || isAlone ? 'EDGE' : undefined;
  },
  enter: {
    EDGE: (port) => {
      port.operEdge = true;
    },
    NOT_EDGE: (port) => {
      port.operEdge = false;
    },
  },
});

export const portStateTransition = machine<'DISCARDING' | 'LEARNING' | 'FORWARDING'>({
  name: 'PST',
  begin: () => 'DISCARDING',
  next: (state, { learn, forward }) => {
    if (state === 'DISCARDING') return learn ? 'LEARNING' : undefined;
    if (state === 'FORWARDING') return forward ? undefined : 'DISCARDING';
    if (!learn) return 'DISCARDING';
    return forward ? 'FORWARDING' : undefined;
  },
  enter: {
    DISCARDING: (port) => {
      port.learning = port.forwarding = false;
    },
    LEARNING: (port) => {
      port.learning = true;
    },
    FORWARDING: (port) => {
      port.forwarding = true;
    },
  },
});
