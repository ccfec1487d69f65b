// The flows of table 254 that packets of a balance-tcp bond meet when they come back with their hash, one for each of its
// values. xlate/bond.ts does what they say; bridge/dump-flows prints them.

import { field, matchField, matchFieldNumber } from '../model/fields.ts';
import { emptyMatch } from '../model/flow.ts';
import type { FlowStatsEntry } from '../model/flow-mod.ts';
import { internalFlow } from '../tables/miss-flows.ts';
import type { Bond } from './bond.ts';

const PRIORITY = 20;
const HASH_MASK = Uint8Array.of(0, 0, 0, 0xff);

export function postRecircFlows(bond: Bond, nowMs: number): FlowStatsEntry[] {
  if (bond.mode !== 'balance-tcp' || bond.isDown) return [];
  return bond.buckets.all.flatMap(({ hash, port, packets, bytes }) => {
    if (!port) return [];
    const match = emptyMatch();
    matchFieldNumber(match, field('recirc_id'), bond.recircId);
    matchField(match, field('dp_hash'), Uint8Array.of(0, 0, 0, hash), HASH_MASK);
    const actions = [{ type: 'output' as const, port: port.ofPort, maxLen: 0 }];
    return [internalFlow({ priority: PRIORITY, match, actions, packets, bytes }, nowMs - bond.createdMs)];
  });
}
