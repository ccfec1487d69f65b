// What packets that took a translation's path are counted for: tables, rules, groups, patch ports, mirrors.

import { heirOf } from '../tables/heirs.ts';
import type { Effects } from '../xlate/snapshot.ts';

export function countPackets(effects: Effects, packets: number, bytes: number, usedMs: number): void {
  for (const { table, rule, missed } of effects.visits) {
    table.lookupCount += packets;
    if (missed) {
      missed.packets += packets;
      missed.bytes += bytes;
    }
    if (!rule) continue;
    table.matchedCount += packets;
    const credited = rule.removed === 'replaced' ? heirOf(rule) : rule;
    credited.credit(packets, bytes, usedMs);
  }
  for (const { group, bucket } of effects.groupVisits) group.credit(bucket, packets, bytes);
  for (const { from, to } of effects.hops) {
    from.sent(packets, bytes);
    to.received(packets, bytes);
  }
  for (const bucket of effects.buckets) bucket.credit(packets, bytes);
  for (const { mirrored } of effects.bridges) for (const mirror of mirrored) mirror.count(packets, bytes);
}
