// What `memory/show` prints: how much of everything each part holds, as `name:count` in order of the names.

export type MemoryReport = () => Readonly<Record<string, number>>;

export class MemoryReporters {
  readonly #reports = new Set<MemoryReport>();

  /** Adds a part's report; counts of the same name add up. Returns a function that takes it out again. */
  register(report: MemoryReport): () => void {
    this.#reports.add(report);
    return () => this.#reports.delete(report);
  }

  text(): string {
    const counts = new Map<string, number>();
    for (const report of this.#reports) {
      for (const [name, count] of Object.entries(report())) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    return [...counts.keys()]
      .sort()
      .map((name) => `${name}:${counts.get(name)}`)
      .join(' ');
  }
}
