// The last transactions of a database, so that a client that was away can catch up (ovsdb-server(7), 4.1.15).
import { randomUUID } from 'node:crypto';
import type { RowDelta } from '../engine/table.ts';
import { getOrMake } from '../maps.ts';

const TRANSACTIONS_MAX = 100;
const DELTAS_MAX = 20_000;

interface Entry {
  readonly id: string;
  readonly deltas: readonly RowDelta[];
}

export class History {
  /** Oldest first; the first entry's own changes are not needed, only its id. */
  #entries: Entry[] = [{ id: randomUUID(), deltas: [] }];
  #deltaCount = 0;

  /** Id of the last transaction. */
  get lastId(): string {
    return this.#entries.at(-1)?.id ?? '';
  }

  /** Remembers a transaction; returns its id. */
  add(deltas: readonly RowDelta[]): string {
    const id = randomUUID();
    this.#entries.push({ id, deltas });
    this.#deltaCount += deltas.length;
    while (this.#entries.length > 1 && (this.#entries.length > TRANSACTIONS_MAX || this.#deltaCount > DELTAS_MAX)) {
      this.#deltaCount -= this.#entries.shift()?.deltas.length ?? 0;
    }
    return id;
  }

  /** What happened after transaction `id`, as one; undefined when that is not known any more. */
  since(id: string): RowDelta[] | undefined {
    const at = this.#entries.findIndex((entry) => entry.id === id);
    return at < 0 ? undefined : squash(this.#entries.slice(at + 1).flatMap((entry) => entry.deltas));
  }
}

/** One delta for each row: from its first `old` to its last `row`. */
function squash(deltas: readonly RowDelta[]): RowDelta[] {
  const rows = new Map<object, Map<string, RowDelta>>();
  for (const delta of deltas) {
    const { table, uuid, row } = delta;
    const byUuid = getOrMake(rows, table, () => new Map<string, RowDelta>());
    const first = byUuid.get(uuid);
    const old = first ? first.old : delta.old;
    byUuid.set(uuid, { table, uuid, ...(old ? { old } : {}), ...(row ? { row } : {}) });
  }
  return [...rows.values()].flatMap((byUuid) => [...byUuid.values()]).filter(({ old, row }) => old || row);
}
