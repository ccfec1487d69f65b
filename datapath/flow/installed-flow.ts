// One installed megaflow as the control thread knows it. Its key lies in the arena only: there are many of these.

import { randomBytes } from 'node:crypto';
import type { DpAction } from '../actions.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import type { DpFlow, FlowCounts, FlowStats } from '../dpif.ts';
import { FLOW_SLOT_SIZE, FLOW_TABLE } from '../layout/memory-map.ts';
import type { HardwareTotals, OffloadFlow } from '../nic/offload/entry.ts';
import type { ActionList } from './action-lists.ts';
import type { Scope } from './classifiers.ts';
import type { Subtable } from './subtable.ts';

/** What the flow table does for its flows. */
export interface FlowHome {
  keyOf(flow: InstalledFlow): Uint8Array;
  flowStats(flow: InstalledFlow): FlowStats;
  readCounts(flow: InstalledFlow, into: FlowCounts): void;
}

export class InstalledFlow implements DpFlow, OffloadFlow {
  /** Its record's place in the table. */
  readonly index: number;
  readonly subtable: Subtable;
  readonly hash: number;
  readonly scope: Scope;
  actions: readonly DpAction[];
  list: ActionList;
  alive = true;
  note: object | undefined;
  hardware: HardwareTotals | undefined;
  readonly #home: FlowHome;
  #ufid: string | undefined;

  constructor(
    home: FlowHome,
    index: number,
    subtable: Subtable,
    hash: number,
    scope: Scope,
    actions: readonly DpAction[],
    list: ActionList,
  ) {
    this.#home = home;
    this.index = index;
    this.subtable = subtable;
    this.hash = hash;
    this.scope = scope;
    this.actions = actions;
    this.list = list;
  }

  get inPort(): number {
    return Math.floor(this.scope / 2);
  }

  get offset(): Offset {
    return toOffset(FLOW_TABLE + this.index * FLOW_SLOT_SIZE);
  }

  get ufid(): string {
    this.#ufid ??= randomUfid();
    return this.#ufid;
  }

  get key(): Uint8Array {
    return this.#home.keyOf(this);
  }

  get mask(): Uint8Array {
    return this.subtable.mask;
  }

  stats(): FlowStats {
    return this.#home.flowStats(this);
  }

  readCounts(into: FlowCounts): void {
    this.#home.readCounts(this, into);
  }
}

function randomUfid(): string {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
