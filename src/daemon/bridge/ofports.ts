// OpenFlow port numbers of one bridge: requested numbers first, then the next unused one. A freed number rests until
// every other was used, so that a controller's late message does not meet a new port.

/** The highest number a physical port may have in OpenFlow 1.0: 0xff00 and above are reserved. */
const OFPORT_MAX = 0xfeff;

export class OfportAllocator {
  readonly #used = new Set<number>();
  #last = 0;

  /** Takes `wanted` when it is a free number, else another; undefined when all are used. */
  take(wanted: number | undefined): number | undefined {
    const isFree = wanted !== undefined && wanted >= 1 && wanted <= OFPORT_MAX && !this.#used.has(wanted);
    const ofPort = isFree ? wanted : this.#next();
    if (ofPort === undefined) return undefined;
    this.#used.add(ofPort);
    return ofPort;
  }

  /** True when `ofPort` could be asked for. */
  isFree(ofPort: number): boolean {
    return ofPort >= 1 && ofPort <= OFPORT_MAX && !this.#used.has(ofPort);
  }

  free(ofPort: number): void {
    this.#used.delete(ofPort);
  }

  #next(): number | undefined {
    for (let tries = 0; tries < OFPORT_MAX; tries++) {
      this.#last = (this.#last % OFPORT_MAX) + 1;
      if (!this.#used.has(this.#last)) return this.#last;
    }
    return undefined;
  }
}
