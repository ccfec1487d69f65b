// A bridge's groups and meters: what flows may name. Deleting one takes its flows along.

import type { Dpif } from '../../datapath/dpif.ts';
import type { FlowRemovedReason } from '../model/flow-mod.ts';
import type { GroupMod, GroupSpec, GroupStats, MeterConfig, MeterMod, MeterStats } from '../model/groups.ts';
import type { Resources } from '../tables/check-actions.ts';
import type { References } from '../tables/references.ts';
import type { Rule } from '../tables/rule.ts';
import type { Transaction } from '../tables/transaction.ts';
import type { Group } from './group.ts';
import { GroupTable } from './group-table.ts';
import { MeterTable } from './meter-table.ts';

/** What the tables need of their bridge. */
export interface ResourceOwner {
  nowMs(): number;
  /** Any translation may now differ. */
  changed(): void;
  /** Translations that found the rule may now differ. */
  ruleTouched(rule: Rule): void;
  /** Those of recirculated packets may, which go on in the middle of a rule. */
  resumedChanged(): void;
  /** Brings every counter up to date. */
  pushStats(): void;
  /** Rules by the groups and meters that they name. */
  references(): References;
  removeRule(rule: Rule, reason: FlowRemovedReason): void;
}

export class ResourceTables implements Resources {
  readonly #owner: ResourceOwner;
  readonly #transaction: Transaction;
  readonly #groups = new GroupTable();
  readonly #meters: MeterTable;

  /** Changes of groups made while `transaction` is open are part of it. */
  constructor(owner: ResourceOwner, dpif: Dpif, transaction: Transaction) {
    this.#owner = owner;
    this.#transaction = transaction;
    this.#meters = new MeterTable(dpif);
  }

  hasGroup(groupId: number): boolean {
    return this.group(groupId) !== undefined;
  }

  hasMeter(meterId: number): boolean {
    return this.dpMeter(meterId) !== undefined;
  }

  group(groupId: number): Group | undefined {
    return this.#groups.get(groupId);
  }

  /** The datapath's number of a meter. */
  dpMeter(meterId: number): number | undefined {
    return this.#meters.dpMeter(meterId);
  }

  /** Throws OfError; a refused message changes nothing. */
  groupMod(mod: GroupMod): void {
    const { changed, deleted, undo } = this.#groups.apply(mod, this.#owner.nowMs());
    const takeBack = () => {
      undo();
      this.#touchUsers(changed);
    };
    this.#transaction.note({ undo: takeBack, tell: () => {} });
    this.#touchUsers(changed);
    for (const { groupId } of deleted) this.#removeRules('group', groupId, 'group_delete');
  }

  #touchUsers(groupIds: readonly number[]): void {
    for (const groupId of this.#groups.reaching(groupIds)) {
      for (const rule of this.#users('group', groupId)) this.#owner.ruleTouched(rule);
    }
    this.#owner.resumedChanged();
  }

  /** OFPG.ALL for every group. */
  groups(groupId: number): GroupSpec[] {
    return this.#groups.select(groupId);
  }

  groupStats(groupId: number): GroupStats[] {
    this.#owner.pushStats();
    const nowMs = this.#owner.nowMs();
    const references = this.#owner.references();
    return this.#groups.select(groupId).map((group) => group.stats(references.count('group', group.groupId), nowMs));
  }

  /** Throws OfError; a refused message changes nothing. */
  meterMod(mod: MeterMod): void {
    const deleted = this.#meters.apply(mod, this.#owner.nowMs());
    for (const meterId of deleted) this.#removeRules('meter', meterId, 'meter_delete');
    // The datapath's meter of one that is modified is another already, under the same number.
    if (mod.command !== 'modify') this.#owner.changed();
  }

  /** OFPM.ALL for every meter. Throws OfError OFPMMFC_UNKNOWN_METER. */
  meters(meterId: number): MeterConfig[] {
    return this.#meters.configs(meterId);
  }

  meterStats(meterId: number): MeterStats[] {
    return this.#meters.stats(meterId, (id) => this.#users('meter', id).length, this.#owner.nowMs());
  }

  close(): void {
    this.#meters.close();
  }

  #users(kind: 'group' | 'meter', id: number): readonly Rule[] {
    return this.#owner.references().of(kind, id);
  }

  #removeRules(kind: 'group' | 'meter', id: number, reason: FlowRemovedReason): void {
    for (const rule of this.#users(kind, id)) this.#owner.removeRule(rule, reason);
  }
}
