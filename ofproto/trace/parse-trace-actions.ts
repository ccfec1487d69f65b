// The actions that ofproto/trace-packet-out is given.

import { UserError } from '../../lib/errors.ts';
import type { OfAction } from '../model/actions.ts';
import type { Flow } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { checkActions } from '../tables/check-actions.ts';
import { checkPrerequisites } from '../tables/check-prerequisites.ts';
import { parseActions } from '../text/parse-actions.ts';

/** Throws UserError for what a packet-out with this packet would be refused for. */
export function parseTraceActions(text: string, flow: Flow): OfAction[] {
  const actions = parseActions(text);
  try {
    checkActions(actions, -1);
    if (!checkPrerequisites(actions, { flow })) throw new OfError('OFPBAC_MATCH_INCONSISTENT');
  } catch (error) {
    throw error instanceof OfError ? new UserError(`Bad actions: ${error.code}`) : error;
  }
  return actions;
}
