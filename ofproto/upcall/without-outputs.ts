// What the trace of a real packet does of the packet's actions: all but sending it on, so that controllers and meters see it.

import { type DpAction, nestedLists } from '../../datapath/dpif.ts';

export function withoutOutputs(actions: readonly DpAction[]): DpAction[] {
  // What an output was to cut stays cut when that is left out.
  let cutAt: number | undefined;
  return actions
    .filter(({ type }) => type !== 'output' && type !== 'recirc')
    .flatMap((action): DpAction[] => {
      if (action.type === 'trunc') cutAt = action.maxLen;
      if (action.type === 'check_pkt_len') return [checked(action, cutAt)];
      // Until the packet goes up.
      if (action.type === 'userspace' && cutAt !== undefined) {
        cutAt = undefined;
        return [action, ...whole([])];
      }
      return ['actions' in action ? { ...action, actions: withoutOutputs(action.actions) } : action];
    });
}

type CheckPktLen = Extract<DpAction, { type: 'check_pkt_len' }>;

/** Open vSwitch's slow path looks at what is left of a packet that is cut, and then has a whole copy do the actions. */
function checked(action: CheckPktLen, cutAt: number | undefined): DpAction {
  const [greater, lessEqual] = [withoutOutputs(action.greater), withoutOutputs(action.lessEqual)];
  if (cutAt === undefined || cutAt > action.size)
    return { ...action, greater: whole(greater), lessEqual: whole(lessEqual) };
  return { type: 'clone', actions: whole(lessEqual) };
}

const whole = (actions: readonly DpAction[]): DpAction[] => [{ type: 'trunc', maxLen: 0xffffffff }, ...actions];

export const hasMeter = (actions: readonly DpAction[]): boolean =>
  actions.some((action) => action.type === 'meter' || nestedLists(action).some(hasMeter));

/** Open vSwitch's slow path lets a meter see a packet only when it comes to an action behind that the datapath does. */
export function withoutLastMeters(actions: readonly DpAction[]): readonly DpAction[] {
  const last = actions.findLastIndex(({ type }) => type === 'userspace');
  return actions.filter(({ type }, i) => i < last || type !== 'meter');
}

/** Headers that Open vSwitch's slow path writes, because its datapath does not. */
const SLOW_HEADERS: ReadonlySet<string> = new Set(['arp', 'icmp', 'icmpv6', 'nd_ext']);

export const writesSlowly = (actions: readonly DpAction[]): boolean =>
  actions.some(
    (action) =>
      (action.type === 'set' && SLOW_HEADERS.has(action.header)) ||
      ('actions' in action && writesSlowly(action.actions)),
  );
