// The steps of one translation, for ofproto/trace: a tree, because resubmits nest.

export type TraceKind = 'bridge' | 'table' | 'action' | 'detail' | 'warn' | 'error';

export interface TraceNode {
  readonly kind: TraceKind;
  readonly text: string;
  readonly subs: TraceNode[];
}

/** Collects steps while tracing; otherwise every call is a no-op. */
export class Report {
  #list: TraceNode[] | undefined;
  /** Only explains: what the packet would change stays as it is. */
  readonly suppressesEffects: boolean;

  constructor(list: TraceNode[] | undefined, withEffects = false) {
    this.#list = list;
    this.suppressesEffects = list !== undefined && !withEffects;
  }

  get enabled(): boolean {
    return this.#list !== undefined;
  }

  /** `text` is only made when somebody reads it. */
  add(kind: TraceKind, text: () => string): void {
    this.#list?.push({ kind, text: text(), subs: [] });
  }

  /** Runs `body` with its steps below a node of its own. */
  nest(kind: TraceKind, text: () => string, body: () => void): void {
    if (!this.#list) {
      body();
      return;
    }
    const outer = this.#list;
    const node: TraceNode = { kind, text: text(), subs: [] };
    outer.push(node);
    this.#list = node.subs;
    try {
      body();
    } finally {
      this.#list = outer;
    }
  }
}
