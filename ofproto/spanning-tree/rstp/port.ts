// The variables of a port (IEEE 802.1D-2004, 17.19), by the standard's names, and those that follow from them (17.20).

import type { Bpdu } from '../bpdu.ts';
import type { PortId } from '../bridge-id.ts';
import type { PriorityVector, RstpTimes } from './vectors.ts';

export type RstpRole = 'Disabled' | 'Root' | 'Designated' | 'Alternate' | 'Backup';
export type RstpState = 'Discarding' | 'Learning' | 'Forwarding';

/** 17.13.9: seconds. */
export const MIGRATE_TIME = 3;

const NO_VECTOR: PriorityVector = {
  rootId: 0n,
  rootPathCost: 0,
  designatedBridge: 0n,
  designatedPort: 0,
  bridgePort: 0,
};
const NO_TIMES: RstpTimes = { messageAge: 0, maxAge: 20, helloTime: 2, forwardDelay: 15 };

/** Set by management (17.13). */
export interface RstpPortSettings {
  readonly number: number;
  /** In steps of 16. */
  readonly priority: number;
  readonly pathCost: number;
  readonly adminEdge: boolean;
  readonly autoEdge: boolean;
  readonly isPointToPoint: boolean;
}

export class RstpPort {
  settings: RstpPortSettings;
  portId: PortId;
  portEnabled = false;
  role: RstpRole = 'Disabled';
  selectedRole: RstpRole = 'Disabled';
  infoIs: 'Disabled' | 'Mine' | 'Aged' | 'Received' = 'Disabled';

  portPriority = NO_VECTOR;
  portTimes = NO_TIMES;
  designatedPriority = NO_VECTOR;
  designatedTimes = NO_TIMES;
  msgPriority = NO_VECTOR;
  msgTimes = NO_TIMES;
  /** The BPDU that rcvdBPDU and rcvdMsg speak of. */
  message: Bpdu | undefined;

  agree = false;
  agreed = false;
  disputed = false;
  forward = false;
  forwarding = false;
  learn = false;
  learning = false;
  mcheck = false;
  newInfo = false;
  operEdge = false;
  proposed = false;
  proposing = false;
  rcvdBPDU = false;
  rcvdMsg = false;
  rcvdRSTP = false;
  rcvdSTP = false;
  rcvdTc = false;
  rcvdTcAck = false;
  rcvdTcn = false;
  reRoot = false;
  reselect = false;
  selected = false;
  sendRSTP = false;
  sync = false;
  synced = false;
  tcAck = false;
  tcProp = false;
  updtInfo = false;

  /** 17.17: seconds left. */
  readonly timers = {
    edgeDelayWhile: 0,
    fdWhile: 0,
    helloWhen: 0,
    mdelayWhile: 0,
    rbWhile: 0,
    rcvdInfoWhile: 0,
    rrWhile: 0,
    tcWhile: 0,
    /** 17.19.44: BPDUs sent of late; one is forgotten each second. */
    txCount: 0,
  };
  readonly counts = { rx: 0, error: 0 };
  uptimeS = 0;
  /** The state that each machine is in, by the machine's name. */
  readonly states = new Map<string, string>();

  constructor(settings: RstpPortSettings) {
    this.settings = settings;
    this.portId = rstpPortId(settings);
  }

  get number(): number {
    return this.settings.number;
  }

  get state(): RstpState {
    if (this.forwarding) return 'Forwarding';
    return this.learning ? 'Learning' : 'Discarding';
  }

  get isRootOrDesignated(): boolean {
    return this.role === 'Root' || this.role === 'Designated';
  }

  /** 17.20.5 */
  get forwardDelay(): number {
    return this.sendRSTP ? this.designatedTimes.helloTime : this.designatedTimes.forwardDelay;
  }

  /** 17.20.4 */
  get edgeDelay(): number {
    return this.settings.isPointToPoint ? MIGRATE_TIME : this.designatedTimes.maxAge;
  }

  /** 17.22 */
  tick(): void {
    const { timers } = this;
    for (const name of Object.keys(timers) as (keyof typeof timers)[]) if (timers[name] > 0) timers[name]--;
    this.uptimeS++;
  }
}

/** Priority in the upper 4 bits, the port's number in the lower 12. */
export const rstpPortId = ({ priority, number }: Pick<RstpPortSettings, 'priority' | 'number'>): PortId =>
  ((priority & 0xf0) << 8) | (number & 0xfff);
