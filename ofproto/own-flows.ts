// The flows that a bridge has without a controller's doing: what it forwards on its own, what in-band control needs, and
// what stands for packets that no flow matches.

import { type Control, FailMode, type Mode } from './fail-mode.ts';
import { InBand, type InBandSettings } from './in-band.ts';
import type { FlowStatsEntry } from './model/flow-mod.ts';
import type { FlowTables } from './tables/flow-tables.ts';
import { MissFlows } from './tables/miss-flows.ts';

export class OwnFlows {
  readonly misses: MissFlows;
  readonly #tables: FlowTables;
  readonly #now: () => number;
  readonly #localMac: () => string | undefined;
  readonly #failMode: FailMode;
  readonly #inBand: InBand;

  constructor(tables: FlowTables, now: () => number, localMac: () => string | undefined) {
    this.#tables = tables;
    this.#now = now;
    this.#localMac = localMac;
    this.misses = new MissFlows(now());
    this.#failMode = new FailMode(tables, now);
    this.#inBand = new InBand(tables, now);
  }

  get hasInBand(): boolean {
    return this.#inBand.isOn;
  }

  /** True when the tables started over. */
  setFailMode(mode: Mode, control: Control): boolean {
    const startsOver = this.#failMode.set(mode, control);
    this.refresh();
    return startsOver;
  }

  setInBand(settings: InBandSettings): void {
    this.#inBand.configure(settings);
    this.refresh();
  }

  /** The local port may have another address. */
  refresh(): void {
    this.#inBand.refresh(this.#localMac());
  }

  /** Those in table 0, and those in table 254: with `others` there. */
  stats(others: readonly FlowStatsEntry[]): FlowStatsEntry[] {
    const nowMs = this.#now();
    const rules = this.#tables.hiddenRules().map((rule) => rule.stats(nowMs));
    return [...rules, ...others, ...this.misses.flows(nowMs)];
  }
}
