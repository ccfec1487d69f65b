// Vacancy events of tables (OpenFlow 1.4, 6.3.4.1): one when the free part of a table falls below a threshold, the next
// when it rises above another, in turn.

import type { VacancyEvent } from '../model/messages.ts';
import type { FlowTable } from './flow-table.ts';

/** In per cent of the table that are free. */
export interface VacancyThresholds {
  readonly down: number;
  readonly up: number;
}

interface Watch extends VacancyThresholds {
  awaited: VacancyEvent;
  /** Rules at the last look: only one that came or went makes an event. */
  count: number;
}

export class VacancyEvents {
  readonly #watches = new Map<FlowTable, Watch>();
  readonly #tell: (tableId: number, event: VacancyEvent) => void;

  constructor(tell: (tableId: number, event: VacancyEvent) => void) {
    this.#tell = tell;
  }

  /** Without thresholds the table is not watched any more. Other thresholds do not change what is awaited. */
  watch(table: FlowTable, thresholds: VacancyThresholds | undefined): void {
    if (!thresholds) this.#watches.delete(table);
    else {
      const before = this.#watches.get(table)?.awaited;
      const awaited = before ?? (table.vacancy < thresholds.up ? 'vacancy_up' : 'vacancy_down');
      this.#watches.set(table, { ...thresholds, awaited, count: table.activeCount });
    }
  }

  /** To be called when rules came or went. */
  check(): void {
    for (const [table, watch] of this.#watches) {
      const { vacancy, activeCount } = table;
      if (activeCount === watch.count) continue;
      watch.count = activeCount;
      const event = vacancy < watch.down ? 'vacancy_down' : vacancy > watch.up ? 'vacancy_up' : undefined;
      if (event !== watch.awaited) continue;
      this.#tell(table.id, event);
      watch.awaited = event === 'vacancy_down' ? 'vacancy_up' : 'vacancy_down';
    }
  }
}
