// Requests for flow monitors: adding, changing and ending them, and the flows that are there already.

import { OfError } from '../../model/flow-mod.ts';
import { type FlowMonitorRequest, OFPFMF } from '../../model/messages.ts';
import type { Rule } from '../../tables/rule.ts';
import { sendInParts } from '../multipart.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';

export const monitorHandlers: Handlers = {
  flow_monitor_request: (session, { xid, monitors }) => {
    check(session, monitors);
    const flows = new Map<Rule, boolean>();
    for (const request of monitors) {
      if (request.command === 'delete') session.monitors.delete(request.id);
      else session.monitors.set(request);
      if (request.command !== 'delete' && request.flags & OFPFMF.INITIAL) collect(session, request, flows);
    }
    return sendInParts(session, [...flows], (slice: readonly (readonly [Rule, boolean])[], more) => ({
      type: 'flow_monitor_reply',
      xid,
      more,
      // What has gone in the meantime was reported gone.
      updates: slice.flatMap(([rule, actions]) => (rule.removed ? [] : [session.monitors.initial(rule, actions)])),
    }));
  },

  flow_monitor_cancel: (session, { id }) => {
    if (!session.monitors.delete(id)) throw new OfError('OFPMOFC_UNKNOWN_MONITOR');
  },
};

/** Throws OfError before any of them has an effect. */
function check(session: Session, monitors: readonly FlowMonitorRequest[]): void {
  const seen = new Set<number>();
  for (const { id, command } of monitors) {
    const isThere = session.monitors.has(id) || seen.has(id);
    if (command === 'add' && isThere) throw new OfError('OFPMOFC_MONITOR_EXISTS');
    if (command !== 'add' && !isThere) throw new OfError('OFPMOFC_UNKNOWN_MONITOR');
    seen.add(id);
  }
}

/** Notes the flows that the monitor is about, and whether their actions are wanted. */
function collect(session: Session, request: FlowMonitorRequest, flows: Map<Rule, boolean>): void {
  const { tableId, match, outPort, outGroup, flags } = request;
  const selector = { tableId, match, outPort, outGroup, cookie: 0n, cookieMask: 0n };
  const withActions = (flags & OFPFMF.ACTIONS) !== 0;
  for (const rule of session.switch.ofproto.findFlows(selector)) {
    flows.set(rule, withActions || (flows.get(rule) ?? false));
  }
}
