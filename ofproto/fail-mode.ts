// What a bridge forwards when nobody programs it (ovs-vswitchd.conf.db(5), Bridge.fail_mode).

import { OFPP, type OfAction } from './model/actions.ts';
import { emptyMatch } from './model/flow.ts';
import type { FlowTables } from './tables/flow-tables.ts';
import { Rule } from './tables/rule.ts';

/** Above everything that OpenFlow can say: a standalone bridge whose controllers are gone forwards in spite of their flows. */
const FAIL_OPEN_PRIORITY = 0xf0f0f0;
const NORMAL: readonly OfAction[] = [{ type: 'output', port: OFPP.NORMAL, maxLen: 0 }];

export type Mode = 'secure' | 'standalone';

/** `present`: a controller is there, or may still come; `none` is configured; `lost`: those configured stay away. */
export type Control = 'present' | 'none' | 'lost';

export class FailMode {
  readonly #tables: FlowTables;
  readonly #now: () => number;
  #mode: Mode | undefined;
  #rule: Rule | undefined;
  #failsOpen = false;

  constructor(tables: FlowTables, now: () => number) {
    this.#tables = tables;
    this.#now = now;
  }

  /**
   * Without a controller the tables start over when the mode changes, as in Open vSwitch, and `standalone` makes the
   * bridge a learning switch by an ordinary flow of priority 0. When its controllers are lost, what they left goes, and
   * a hidden flow above all others forwards until one is back. True when the tables started over.
   */
  set(mode: Mode, control: Control): boolean {
    const failsOpen = mode === 'standalone' && control === 'lost';
    const isOther = this.#mode !== undefined && this.#mode !== mode && control !== 'present';
    const startsOver = isOther || (failsOpen && !this.#failsOpen);
    if (startsOver) this.#tables.flush();
    const stays = mode === 'standalone' && control !== 'present' && failsOpen === this.#failsOpen;
    this.#mode = mode;
    this.#failsOpen = failsOpen;
    if (this.#rule && !this.#rule.removed) {
      if (stays) return startsOver;
      this.#tables.remove(this.#rule, 'delete');
    }
    if (mode === 'secure' || control === 'present') return startsOver;
    this.#rule = normalRule(failsOpen ? FAIL_OPEN_PRIORITY : 0, this.#now());
    this.#tables.insert(this.#rule);
    return startsOver;
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
