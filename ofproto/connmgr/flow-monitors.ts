// The flow monitors of one connection: which changes of flow tables its controller hears about, and the updates that say
// so (OpenFlow 1.4, 7.4.5).
//
// Updates of one turn go out as one message, before anything else that is sent. While the controller does not read, only
// deletions of flows that it knows go on; the rest is noted by flow and told when it reads again, between a "paused" and
// a "resumed". So what a slow reader makes the switch hold is bounded by the flows that there are.

import { type FlowMonitorRequest, type FlowUpdate, OFP14_VERSION, OFPFMF } from '../model/messages.ts';
import type { FlowChange } from '../ofproto-api.ts';
import { isLooseMatch, type LooseCriteria, looseCriteria } from '../tables/classifier.ts';
import { ALL_TABLES, MAX_TABLE } from '../tables/limits.ts';
import type { Rule } from '../tables/rule.ts';
import { hasOutput } from '../tables/selection.ts';
import { FLOW_REMOVED_REASON } from './async-config.ts';
import type { Session } from './session.ts';

const EVENT_FLAG = { added: OFPFMF.ADD, modified: OFPFMF.MODIFY, deleted: OFPFMF.DELETE } as const;

interface Monitor {
  readonly request: FlowMonitorRequest;
  readonly criteria: LooseCriteria;
}

export class FlowMonitors {
  readonly #session: Session;
  readonly #monitors = new Map<number, Monitor>();
  #pending: FlowUpdate[] = [];
  #lastAbbrev: number | undefined;
  /** Flows added and changed since updates were paused. */
  #missed: { readonly added: Set<Rule>; readonly modified: Set<Rule> } | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  has(id: number): boolean {
    return this.#monitors.has(id);
  }

  set(request: FlowMonitorRequest): void {
    this.#monitors.set(request.id, { request, criteria: looseCriteria(request.match) });
  }

  delete(id: number): boolean {
    return this.#monitors.delete(id);
  }

  /** What a new monitor's owner is told of a flow that is there already. */
  initial(rule: Rule, withActions: boolean): FlowUpdate {
    return updateOf('initial', rule, withActions);
  }

  changed(change: FlowChange): void {
    if (this.#monitors.size === 0) return;
    const flags = this.#flagsFor(change);
    if (flags === 0) return;
    const { rule, event, origin } = change;
    if (this.#missed) this.#miss(change);
    else if (origin?.conn === this.#session && !(flags & OFPFMF.OWN)) this.#abbreviate(origin.xid);
    else this.#push(updateOf(event, rule, (flags & OFPFMF.ACTIONS) !== 0, change.reason));
  }

  /** Sends what is waiting; the session calls it before everything that it sends. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const updates = this.#pending;
    this.#pending = [];
    this.#lastAbbrev = undefined;
    this.#session.send({ type: 'flow_monitor_reply', xid: 0, more: false, updates });
    if (this.#session.output.congested && !this.#missed) this.#pause();
  }

  /** Flags of all monitors that the change concerns, together. */
  #flagsFor({ event, rule, oldActions }: FlowChange): number {
    let flags = 0;
    for (const { request, criteria } of this.#monitors.values()) {
      const { tableId, outPort, outGroup } = request;
      const inTable = tableId === rule.tableId || (tableId === ALL_TABLES && rule.tableId <= MAX_TABLE);
      if (!inTable || !(request.flags & EVENT_FLAG[event]) || !isLooseMatch(rule, criteria)) continue;
      const outputs = (actions: Rule['actions']) => hasOutput(actions, outPort, outGroup);
      if (outputs(rule.actions) || (oldActions && outputs(oldActions))) flags |= request.flags;
    }
    return flags;
  }

  #abbreviate(xid: number): void {
    if (this.#lastAbbrev === xid) return;
    this.#lastAbbrev = xid;
    this.#push({ event: 'abbrev', xid });
  }

  #push(update: FlowUpdate): void {
    this.#pending.push(update);
    if (this.#pending.length === 1) queueMicrotask(() => this.flush());
  }

  #miss({ event, rule, reason }: FlowChange): void {
    const { added, modified } = this.#missed!;
    if (event === 'added') added.add(rule);
    else if (event === 'modified') modified.add(rule);
    else if (!added.delete(rule)) {
      modified.delete(rule);
      this.#push(updateOf('deleted', rule, true, reason));
    }
  }

  #pause(): void {
    this.#missed = { added: new Set(), modified: new Set() };
    this.#say('paused');
    void this.#session.output.drained().then(() => this.#resume());
  }

  #resume(): void {
    const missed = this.#missed;
    if (!missed || !this.#session.output.open) return;
    this.#missed = undefined;
    const updates: FlowUpdate[] = [];
    // A flow that was replaced meanwhile is gone, without a deletion to tell of.
    for (const rule of missed.added) if (!rule.removed) updates.push(updateOf('added', rule, true));
    for (const rule of missed.modified) {
      if (!rule.removed && !missed.added.has(rule)) updates.push(updateOf('modified', rule, true));
    }
    if (updates.length > 0) this.#session.send({ type: 'flow_monitor_reply', xid: 0, more: false, updates });
    this.#say('resumed');
  }

  #say(event: 'paused' | 'resumed'): void {
    if (this.#session.version >= OFP14_VERSION) {
      this.#session.send({ type: 'flow_monitor_reply', xid: 0, more: false, updates: [{ event }] });
    } else {
      this.#session.send({ type: `flow_monitor_${event}`, xid: 0 });
    }
  }
}

function updateOf(
  event: 'initial' | 'added' | 'modified' | 'deleted',
  rule: Rule,
  withActions: boolean,
  reason?: FlowChange['reason'],
): FlowUpdate {
  const { priority, idleTimeout, hardTimeout, tableId, cookie } = rule;
  return {
    event,
    reason: reason === undefined ? 0 : FLOW_REMOVED_REASON[reason],
    ...{ priority, idleTimeout, hardTimeout, tableId, cookie },
    match: rule.match(),
    actions: withActions ? rule.actions : [],
  };
}
