// StreamPortStats and StreamTableStats: one reply, or one at each interval.

import { UserError } from '../../../lib/errors.ts';
import { type OfPortStats, PORT_COUNTERS } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import { type Call, findBridge } from '../call.ts';
import { CallError } from '../errors.ts';
import type { PortStatsRequest, TableStatsRequest } from '../messages.ts';

const INTERVAL_MIN_MS = 10;

export function streamPortStats({ bridge: name, portNo, intervalMs }: PortStatsRequest, call: Call): Promise<void> {
  return atInterval(call, name, intervalMs, (bridge) => {
    const { value, takenMs } = call.client.samples.get(bridge, 'ports', () => bridge.portStats());
    const ports = value.filter(({ ofPort }) => portNo === undefined || ofPort === portNo);
    if (portNo !== undefined && ports.length === 0) {
      throw new CallError('NOT_FOUND', `bridge "${name}" has no port ${portNo}`);
    }
    return { ports: ports.map(portStatsMessage), timeMs: Math.floor(takenMs) };
  });
}

export function streamTableStats({ bridge: name, intervalMs }: TableStatsRequest, call: Call): Promise<void> {
  return atInterval(call, name, intervalMs, (bridge) => {
    const { value, takenMs } = call.client.samples.get(bridge, 'tables', () => bridge.tableStats());
    const used = value.filter(({ activeCount, lookupCount }) => activeCount > 0 || lookupCount > 0n);
    const tables = used.map(({ tableId, activeCount, lookupCount, matchedCount }) => ({
      tableId,
      activeCount,
      lookupCount: String(lookupCount),
      matchedCount: String(matchedCount),
    }));
    return { tables, timeMs: Math.floor(takenMs) };
  });
}

/** Sends what `sample` makes; a reader that is behind gets the next one when it has caught up. */
async function atInterval(
  call: Call,
  name: string,
  intervalMs: number,
  sample: (bridge: OfprotoApi) => object,
): Promise<void> {
  if (intervalMs !== 0 && intervalMs < INTERVAL_MIN_MS) {
    throw new UserError(`interval_ms: ${intervalMs} is less than ${INTERVAL_MIN_MS}`);
  }
  let dueMs = performance.now();
  while (!call.ended) {
    await call.sendSlowly(sample(findBridge(call.client, name)));
    if (intervalMs === 0) return;
    // After a long wait the beat starts anew: what was missed is not made up for.
    dueMs = Math.max(dueMs + intervalMs, performance.now());
    await pause(call, dueMs - performance.now());
  }
}

/** Resolves after `ms`, or when the call ends. */
function pause(call: Call, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = call.client.switch.clock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = call.onEnd(() => {
      cancel();
      resolve();
    });
  });
}

/** Negative counters are not known, and left out. */
function portStatsMessage(stats: OfPortStats): object {
  const known = PORT_COUNTERS.filter((name) => stats[name] >= 0n).map((name) => [name, String(stats[name])]);
  return { portNo: stats.ofPort, ...Object.fromEntries(known), durationMs: Math.floor(stats.durationMs) };
}
