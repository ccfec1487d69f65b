// A bridge's side of link aggregation when it has none.
import type { AggregationApi } from '../../ofproto/bonds/aggregation-api.ts';

export const NO_AGGREGATION: AggregationApi = { bonds: [], lacps: [], run: () => {}, onStatusChange: () => {} };
