// What the handlers of the typed API work on.

import type { Clock } from '../../lib/clock.ts';
import type { OfprotoApi } from '../../ofproto/ofproto-api.ts';
import type { Names } from '../../ofproto/text/ports.ts';

/** The switch, as far as the API sees it. */
export interface ApiSwitch {
  readonly clock: Clock;
  /** In the order of their names. */
  bridges(): readonly OfprotoApi[];
  bridge(name: string): OfprotoApi | undefined;
}

/** Names that text may use for ports. */
export function portNames(bridge: OfprotoApi): Names {
  return { ports: new Map(bridge.ports().map(({ ofPort, name }) => [ofPort, name])) };
}
