// What a bridge forwards when nobody programs it (ovs-vswitchd.conf.db(5), Bridge.fail_mode).

import { OFPP, type OfAction } from './model/actions.ts';
import { emptyMatch } from './model/flow.ts';
import type { FlowTables } from './tables/flow-tables.ts';
import { Rule } from './tables/rule.ts';

/** Above everything that OpenFlow can say: a standalone bridge whose controllers are gone forwards in spite of their flows. */
const FAIL_OPEN_PRIORITY = 0xf0f0f0;
const NORMAL: readonly OfAction[] = [{ type: 'output', port: OFPP.NORMAL, maxLen: 0 }];

export type Mode = 'secure' | 'standalone';

export class FailMode {
  readonly #tables: FlowTables;
  readonly #now: () => number;
  #mode: Mode | undefined;
  #rule: Rule | undefined;

  constructor(tables: FlowTables, now: () => number) {
    this.#tables = tables;
    this.#now = now;
  }

  /**
   * Without a controller the tables start over when the mode changes, as in Open vSwitch, and `standalone` makes the
   * bridge a learning switch: by an ordinary flow of priority 0 while the tables are empty, else - controllers that
   * filled them went away - by a hidden one above all others.
   */
  set(mode: Mode, hasController: boolean): void {
    if (this.#mode !== undefined && this.#mode !== mode && !hasController) this.#tables.flush();
    this.#mode = mode;
    if (this.#rule && !this.#rule.removed && (mode === 'secure' || hasController))
      this.#tables.remove(this.#rule, 'delete');
    if (mode === 'secure' || hasController || (this.#rule && !this.#rule.removed)) return;
    const isEmpty = this.#tables.tables().every((table) => table.activeCount === 0);
    this.#rule = normalRule(isEmpty ? 0 : FAIL_OPEN_PRIORITY, this.#now());
    this.#tables.insert(this.#rule);
  }
}

function normalRule(priority: number, nowMs: number): Rule {
  const flags = {
    sendFlowRem: false,
    checkOverlap: false,
    resetCounts: false,
    noPktCounts: false,
    noBytCounts: false,
  };
  const timeouts = { idleTimeout: 0, hardTimeout: 0, importance: 0 };
  return new Rule(0, { priority, match: emptyMatch(), cookie: 0n, ...timeouts, flags, actions: NORMAL }, nowMs);
}
