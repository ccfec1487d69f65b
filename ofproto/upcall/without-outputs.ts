// What the trace of a real packet does of the packet's actions: all but sending it on, so that controllers and meters see it.

import type { DpAction } from '../../datapath/dpif.ts';

export function withoutOutputs(actions: readonly DpAction[]): DpAction[] {
  return actions
    .filter(({ type }) => type !== 'output' && type !== 'recirc')
    .flatMap((action): DpAction[] => {
      if (action.type === 'check_pkt_len') {
        const [greater, lessEqual] = [withoutOutputs(action.greater), withoutOutputs(action.lessEqual)];
        // What an output that is left out was to cut is whole here, in Open vSwitch's traces.
        return [UNCUT, { ...action, greater, lessEqual }];
      }
      return ['actions' in action ? { ...action, actions: withoutOutputs(action.actions) } : action];
    });
}

const UNCUT: DpAction = { type: 'trunc', maxLen: 0xffffffff };

export const hasMeter = (actions: readonly DpAction[]): boolean =>
  actions.some(
    (action) =>
      action.type === 'meter' ||
      ('actions' in action && hasMeter(action.actions)) ||
      (action.type === 'check_pkt_len' && (hasMeter(action.greater) || hasMeter(action.lessEqual))),
  );

/** Open vSwitch's slow path lets a meter see a packet only when it comes to an action behind that the datapath does. */
export function withoutLastMeters(actions: readonly DpAction[]): readonly DpAction[] {
  const last = actions.findLastIndex(({ type }) => type !== 'meter');
  return actions.slice(0, last + 1);
}
