// The flows of table 254, which no controller sees: what packets meet that no other flow matches. They are counted here and
// decided in xlate; bridge/dump-flows prints them as Open vSwitch's.

import type { OfAction } from '../model/actions.ts';
import { field, matchFieldNumber } from '../model/fields.ts';
import { emptyMatch, type Match } from '../model/flow.ts';
import { type FlowStatsEntry, type FlowStatsRequest, newFlowMod } from '../model/flow-mod.ts';
import type { MissCount } from '../xlate/snapshot.ts';
import { isLooseMatch, looseCriteria } from './classifier.ts';
import { INTERNAL_TABLE } from './limits.ts';
import { Rule } from './rule.ts';
import { selection } from './selection.ts';

/** Which flow a packet meets is said by a register, as in Open vSwitch. */
const MISS_REGISTERS = { controller: 1, drop: 2, fragment: 3 } as const;

/** OFPR_IMPLICIT_MISS, which has no name in text. */
const OFPR_IMPLICIT_MISS = 7;
const TO_CONTROLLER: readonly OfAction[] = [
  { type: 'controller', maxLen: 0xffff, controllerId: 0, reason: OFPR_IMPLICIT_MISS },
];

export class MissFlows {
  readonly #sinceMs: number;
  /** What translations credit. */
  readonly counts: Record<keyof typeof MISS_REGISTERS, MissCount> = {
    controller: { packets: 0, bytes: 0 },
    drop: { packets: 0, bytes: 0 },
    fragment: { packets: 0, bytes: 0 },
  };

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  flows(nowMs: number): FlowStatsEntry[] {
    const drop: readonly OfAction[] = [];
    return [
      this.#flow(2, 'recirc_id', 0, drop, { packets: 0, bytes: 0 }, nowMs),
      this.#flow(0, 'reg0', MISS_REGISTERS.controller, TO_CONTROLLER, this.counts.controller, nowMs),
      this.#flow(0, 'reg0', MISS_REGISTERS.drop, drop, this.counts.drop, nowMs),
      this.#flow(0, 'reg0', MISS_REGISTERS.fragment, drop, this.counts.fragment, nowMs),
    ];
  }

  /** Those of them that a request selects, as rules that stand for this moment. */
  select(selector: FlowStatsRequest, nowMs: number): Rule[] {
    const criteria = looseCriteria(selector.match);
    const rules = this.flows(nowMs).map((flow) => {
      const rule = new Rule(INTERNAL_TABLE, flow, this.#sinceMs);
      rule.credit(Number(flow.packets), Number(flow.bytes), this.#sinceMs);
      return rule;
    });
    const isMeant = selection(selector);
    return rules.filter((rule) => isLooseMatch(rule, criteria) && isMeant(rule));
  }

  #flow(
    priority: number,
    name: string,
    value: number,
    actions: readonly OfAction[],
    { packets, bytes }: MissCount,
    nowMs: number,
  ): FlowStatsEntry {
    const match = emptyMatch();
    matchFieldNumber(match, field(name), value);
    return internalFlow({ priority, match, actions, packets, bytes }, nowMs - this.#sinceMs);
  }
}

interface InternalFlow extends MissCount {
  readonly priority: number;
  readonly match: Match;
  readonly actions: readonly OfAction[];
}

/** A flow of table 254 as it is dumped. */
export function internalFlow(
  { priority, match, actions, packets, bytes }: InternalFlow,
  ageMs: number,
): FlowStatsEntry {
  const ages = { durationMs: ageMs, idleAgeMs: ageMs, hardAgeMs: ageMs };
  const counts = { packets: BigInt(packets), bytes: BigInt(bytes) };
  return { ...newFlowMod('add'), tableId: INTERNAL_TABLE, priority, match, actions, ...ages, ...counts };
}
