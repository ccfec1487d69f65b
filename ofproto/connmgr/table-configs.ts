// What table-mods set on each table of a bridge: what happens to a miss (1.1, 1.2), eviction and vacancy events (1.4+).

import type { TableConfig } from '../model/messages.ts';

/** Other, importance and lifetime: what Open vSwitch may look at when it evicts. */
const OFPTMPEF_ALL = 7;

export class TableConfigs {
  readonly #configs = new Map<number, TableConfig>();

  get(tableId: number): TableConfig {
    return this.#configs.get(tableId) ?? {};
  }

  /** Changes what `config` names. Turning vacancy events on without saying when leaves the thresholds at 0. */
  set(tableId: number, config: TableConfig): void {
    const before = this.get(tableId);
    const vacancy = config.vacancyEvents ? (config.vacancy ?? before.vacancy ?? { down: 0, up: 0, now: 0 }) : undefined;
    this.#configs.set(tableId, { ...before, ...config, ...(vacancy && { vacancy }) });
  }

  /** The description of a table (OFPMP_TABLE_DESC); `activeCount` of `maxEntries` are in use. */
  describe(tableId: number, activeCount: number, maxEntries: number): TableConfig {
    const { eviction = false, vacancyEvents = false, vacancy } = this.get(tableId);
    const now = Math.floor(((maxEntries - activeCount) * 100) / maxEntries);
    return {
      eviction,
      vacancyEvents,
      evictionFlags: OFPTMPEF_ALL,
      ...(vacancyEvents && vacancy && { vacancy: { ...vacancy, now } }),
    };
  }
}
