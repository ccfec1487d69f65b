// Remotes of the database itself: Open_vSwitch.manager_options, as `ovs-vsctl set-manager` writes them, opened and
// closed as the Manager rows come and go; the rows are told how their connections fare.
import { must } from '../../../lib/assert.ts';
import { type Datum, equalDatums, mapOf, scalar } from '../datum.ts';
import type { Row, RowDelta, Table } from '../engine/table.ts';
import { OvsdbError } from '../errors.ts';
import type { RemoteOptions, ServedRemote } from './remotes.ts';
import type { ServedDatabase } from './served-database.ts';

export interface ManagerHost {
  openOptional(target: string, options: RemoteOptions): Promise<ServedRemote | undefined>;
}

interface Entry {
  /** What the remote was opened with; another text opens it anew. */
  readonly options: string;
  remote: ServedRemote | undefined;
}

export class ManagerRemotes {
  readonly #database: ServedDatabase;
  readonly #host: ManagerHost;
  readonly #managers: Table;
  readonly #switches: Table;
  readonly #entries = new Map<string, Entry>();
  #work: Promise<void> = Promise.resolve();
  #scheduled = false;
  #closed = false;

  constructor(database: ServedDatabase, host: ManagerHost) {
    this.#database = database;
    this.#host = host;
    this.#managers = database.database.table('Manager');
    this.#switches = database.database.table('Open_vSwitch');
  }

  start(): void {
    this.#schedule();
  }

  committed(deltas: readonly RowDelta[]): void {
    if (deltas.some(({ table }) => table === this.#managers || table === this.#switches)) this.#schedule();
  }

  remotes(): ServedRemote[] {
    return [...this.#entries.values()].flatMap(({ remote }) => (remote ? [remote] : []));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    for (const remote of this.remotes()) await remote.close();
    this.#entries.clear();
  }

  /** One pass soon, after those that run: passes never overlap, and a burst of changes makes one. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#work = this.#work.then(async () => {
      this.#scheduled = false;
      if (this.#closed) return;
      await this.#reconcile();
      this.#writeStatus();
    });
  }

  #wanted(): Map<string, Row> {
    const wanted = new Map<string, Row>();
    for (const row of this.#switches.rows.values()) {
      for (const uuid of row.columns.get('manager_options')?.keys ?? []) {
        const manager = this.#managers.rows.get(String(uuid));
        if (manager) wanted.set(String(manager.columns.get('target')?.keys[0]), manager);
      }
    }
    return wanted;
  }

  async #reconcile(): Promise<void> {
    const wanted = this.#wanted();
    for (const [target, entry] of [...this.#entries]) {
      const row = wanted.get(target);
      if (row && JSON.stringify(optionsOf(row)) === entry.options) continue;
      this.#entries.delete(target);
      await entry.remote?.close();
    }
    for (const [target, row] of wanted) {
      if (this.#entries.has(target)) continue;
      const options = optionsOf(row);
      const remote = await this.#host.openOptional(target, options);
      if (remote) remote.changed = () => this.#schedule();
      this.#entries.set(target, { options: JSON.stringify(options), remote });
    }
  }

  #writeStatus(): void {
    try {
      this.#database.change((transaction) => {
        for (const [target, row] of this.#wanted()) {
          const columns = statusColumns(this.#entries.get(target)?.remote);
          const same = [...columns].every(([name, datum]) => equalDatums(datum, must(row.columns.get(name))));
          if (!same) transaction.update(this.#managers, row, columns);
        }
      });
    } catch (error) {
      // Both columns are ephemeral and unconstrained: only a full disk could get in the way, and that is logged there.
      if (!(error instanceof OvsdbError)) throw error;
    }
  }
}

function optionsOf(row: Row): RemoteOptions {
  const number = (column: string) => row.columns.get(column)?.keys[0] as number | undefined;
  const [probe, backoff] = [number('inactivity_probe'), number('max_backoff')];
  return {
    ...(probe === undefined ? {} : { probeIntervalMs: probe }),
    ...(backoff === undefined ? {} : { backoffMaxMs: backoff }),
  };
}

function statusColumns(remote: ServedRemote | undefined): Map<string, Datum> {
  const status = remote?.status();
  const pairs: [string, string][] = [['state', status?.state ?? 'VOID']];
  if (status && status.port > 0) pairs.push(['bound_port', String(status.port)]);
  if (status && status.sessions > 1) pairs.push(['n_connections', String(status.sessions)]);
  if (status && status.lastError !== '') pairs.push(['last_error', status.lastError]);
  return new Map([
    ['is_connected', scalar(status?.connected ?? false)],
    ['status', mapOf(pairs)],
  ]);
}
