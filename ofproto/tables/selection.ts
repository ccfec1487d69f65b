// Which of the rules that match what a request does it means: by cookie, and by where their actions output.

import { OFPP, type OfAction } from '../model/actions.ts';
import type { FlowStatsRequest } from '../model/flow-mod.ts';
import { referencesOf } from './references.ts';
import type { Rule } from './rule.ts';

const OFPG_ANY = 0xffffffff;

/** What selects rules in modify, delete and statistics requests. */
export type Selector = Pick<FlowStatsRequest, 'tableId' | 'match' | 'cookie' | 'cookieMask' | 'outPort' | 'outGroup'>;

/** Which of the rules that match what the selector does are meant by it. Most look at no cookie and no actions. */
export function selection(selector: Selector): (rule: Rule) => boolean {
  const { cookie, cookieMask, outPort, outGroup } = selector;
  const anyCookie = cookieMask === 0n;
  const anyOutput = outPort === OFPP.ANY && outGroup === OFPG_ANY;
  return (rule) =>
    !rule.hidden &&
    (anyCookie || ((rule.cookie ^ cookie) & cookieMask) === 0n) &&
    (anyOutput || hasOutput(rule.actions, outPort, outGroup));
}

/** Whether actions output to a port and use a group, where these are not "any". */
export function hasOutput(actions: readonly OfAction[], outPort: number, outGroup: number): boolean {
  return (
    (outPort === OFPP.ANY || actions.some((action) => outputsTo(action, outPort))) &&
    (outGroup === OFPG_ANY || usesGroup(actions, outGroup))
  );
}

function usesGroup(actions: readonly OfAction[], groupId: number): boolean {
  for (const [kind, id] of referencesOf(actions)) if (kind === 'group' && id === groupId) return true;
  return false;
}

function outputsTo(action: OfAction, port: number): boolean {
  switch (action.type) {
    case 'output':
    case 'output_trunc':
    case 'enqueue':
      return action.port === port;
    case 'controller':
      return port === OFPP.CONTROLLER;
    case 'clone':
    case 'write_actions':
      return action.actions.some((inner) => outputsTo(inner, port));
    default:
      return false;
  }
}
