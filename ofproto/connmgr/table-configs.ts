// What table-mods set on each table of a bridge: what happens to a miss (1.1, 1.2), eviction and vacancy events (1.4+).

import type { TableStats } from '../model/flow-mod.ts';
import type { TableConfig, TableDesc } from '../model/messages.ts';
import { MAX_RULES } from '../tables/limits.ts';

/** Other, importance and lifetime: what Open vSwitch may look at when it evicts. */
const OFPTMPEF_ALL = 7;

export class TableConfigs {
  readonly #configs = new Map<number, TableConfig>();

  get(tableId: number): TableConfig {
    return this.#configs.get(tableId) ?? {};
  }

  /** Changes what `config` names. Vacancy events that are turned on without saying when have thresholds of 0. */
  set(tableId: number, config: TableConfig): void {
    const before = this.get(tableId);
    const eviction = config.eviction ?? before.eviction;
    const vacancy = config.vacancyEvents ? (config.vacancy ?? { down: 0, up: 0, now: 0 }) : undefined;
    this.#configs.set(tableId, { ...before, ...config, eviction, ...(vacancy && { vacancy }) });
  }

  /** The description of a table (OFPMP_TABLE_DESC, OFPT_TABLE_STATUS). */
  describe({ tableId, activeCount, maxEntries = MAX_RULES }: TableStats): TableDesc {
    const { eviction = false, vacancyEvents = false, vacancy } = this.get(tableId);
    const now = activeCount >= maxEntries ? 0 : Math.floor(((maxEntries - activeCount) * 100) / maxEntries);
    const thresholds = vacancyEvents && vacancy && { vacancy: { ...vacancy, now } };
    return { tableId, config: { eviction, vacancyEvents, evictionFlags: OFPTMPEF_ALL, ...thresholds } };
  }
}
