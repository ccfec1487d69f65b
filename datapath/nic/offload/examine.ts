// Whether a card can do what a megaflow says, look by look, and the hardware flow that says the same.

import { type DpAction, mapDpActions, nestedLists } from '../../actions.ts';
import * as K from '../../layout/flow-key.ts';
import type { HardwareFlow, NicCapabilities, OffloadAction, Vport } from '../provider.ts';
import { fieldsBeyond, maskOfReceived } from './match-fields.ts';
import { isSameForAll, sentBy } from './outputs.ts';

/** A megaflow, or what could be one. */
export interface Subject {
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  readonly actions: readonly DpAction[];
}

/** What decides beside the flow itself. */
export interface Surroundings {
  readonly card: string;
  readonly capabilities: NicCapabilities;
  /** Of a datapath port that is on this card and up. */
  vportOf(odpPort: number): Vport | undefined;
  nameOf(odpPort: number): string;
  isPoliced(odpPort: number): boolean;
  /** Tags that software looks at, as DpifConfig has it. */
  readonly vlanLimit: number;
}

/** One look: undefined when nothing speaks against the card, else the reason in plain words without commas. */
export interface Look {
  readonly title: string;
  problem(subject: Subject, around: Surroundings): string | undefined;
}

const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;

const u32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** In the order in which explain() tells them: the first problem is the flow's reason. */
export const LOOKS: readonly Look[] = [
  {
    title: 'counters',
    problem: (_, { capabilities }) =>
      capabilities.counters ? undefined : 'the card does not count: nobody would know when the flow is idle',
  },
  {
    title: 'flow table',
    problem: (_, { capabilities }) => (capabilities.tableSize > 0 ? undefined : 'the card has no flow table'),
  },
  {
    title: 'in_port',
    problem: ({ key, mask }, around) => {
      if (u32(mask, K.KEY_IN_PORT) !== 0xffffffff) return 'it does not match one in_port';
      const port = u32(key, K.KEY_IN_PORT);
      return around.isPoliced(port) ? `${around.nameOf(port)} has ingress policing: software measures it` : undefined;
    },
  },
  {
    title: 'received packets',
    problem: ({ key, mask }) => {
      if (u32(key, K.KEY_RECIRC_ID) !== 0) return 'recirculated packets are only in software';
      return maskOfReceived(key, mask) ? undefined : 'it matches marks that only software gives packets';
    },
  },
  {
    title: 'VLAN tags',
    problem: ({ key, mask }, { vlanLimit }) => {
      const type = u16(key, K.KEY_ETH_TYPE);
      const isTag = u16(mask, K.KEY_ETH_TYPE) !== 0 && (type === ETH_P_8021Q || type === ETH_P_8021AD);
      return isTag && vlanLimit === 1 ? 'vlan-limit hides a tag that the card sees' : undefined;
    },
  },
  {
    title: 'match',
    problem: (subject, around) => {
      const fields = fieldsBeyond(hardwareMask(subject, around), around.capabilities.matches);
      return fields.length === 0 ? undefined : `the card cannot match ${fields.join(' and ')}`;
    },
  },
  {
    title: 'actions',
    problem: ({ actions }, around) => firstProblem(actions, around),
  },
  {
    title: 'outputs',
    problem: ({ actions }, { capabilities: { outputMax } }) => {
      const count = sentBy(actions).length;
      return count > outputMax ? `${count} outputs: the card does ${outputMax} at most` : undefined;
    },
  },
  {
    title: 'counters of outputs',
    problem: ({ actions }, { capabilities }) =>
      capabilities.outputCounters || sentBy(actions).length === 0 || isSameForAll(actions)
        ? undefined
        : 'not all outputs get each packet whole: the card does not count what they get',
  },
];

/** Why the flow has to stay in software; undefined when it need not. */
export function problemOf(subject: Subject, around: Surroundings): string | undefined {
  for (const look of LOOKS) {
    const problem = look.problem(subject, around);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Lists of actions in a card's ports, by those in ours. */
export type MappedActions = Map<readonly DpAction[], readonly DpAction[]>;

/** Of a flow without a problem. Flows of one batch that share a list share `mapped` ones. */
export function hardwareFlow(subject: Subject, around: Surroundings, mapped: MappedActions): HardwareFlow {
  const key = subject.key.slice();
  new DataView(key.buffer).setUint32(K.KEY_IN_PORT, around.vportOf(u32(key, K.KEY_IN_PORT))!);
  const actions =
    mapped.get(subject.actions) ??
    mapDpActions(subject.actions, (action) =>
      action.type === 'output' ? { ...action, port: around.vportOf(action.port)! } : action,
    );
  mapped.set(subject.actions, actions);
  return { key, mask: hardwareMask(subject, around), actions };
}

/** The megaflow's own mask, and that there is no second tag where software would not look at it. */
function hardwareMask({ key, mask }: Subject, { vlanLimit }: Surroundings): Uint8Array {
  const received = maskOfReceived(key, mask) ?? mask.slice();
  if (vlanLimit === 1) received[K.KEY_VLAN1_TCI]! |= K.VLAN_CFI >> 8;
  return received;
}

function firstProblem(actions: readonly DpAction[], around: Surroundings): string | undefined {
  for (const action of actions) {
    const problem = actionProblem(action, around);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What no card does, whatever it says of itself. */
const SOFTWARE_ONLY: Partial<Record<DpAction['type'], string>> = {
  userspace: 'the slow path has to see each packet',
  recirc: 'it recirculates',
  hash: 'it recirculates by a hash',
  pop_nsh: 'an NSH header may have any length',
};

function actionProblem(action: DpAction, around: Surroundings): string | undefined {
  const never = SOFTWARE_ONLY[action.type];
  if (never !== undefined) return never;
  for (const list of nestedLists(action)) {
    const inside = firstProblem(list, around);
    if (inside !== undefined) return inside;
  }
  const name = offloadAction(action);
  if (!around.capabilities.actions.has(name)) return `the card cannot do ${name}`;
  if (action.type !== 'output' || around.vportOf(action.port) !== undefined) return undefined;
  return `output to ${around.nameOf(action.port)} which is not up on card ${around.card}`;
}

function offloadAction(action: DpAction): OffloadAction {
  return action.type === 'set' ? `set(${action.header})` : action.type;
}
