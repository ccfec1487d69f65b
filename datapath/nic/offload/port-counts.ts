// What cards forwarded from and to each port, as the counters of its flows tell: beside what datapath threads count.

import type { Sent } from './outputs.ts';

export interface PortCounts {
  rx_packets: bigint;
  rx_bytes: bigint;
  tx_packets: bigint;
  tx_bytes: bigint;
}

export class PortCountTable {
  readonly #counts = new Map<number, PortCounts>();

  of(port: number): Readonly<PortCounts> | undefined {
    return this.#counts.get(port);
  }

  /** A port of the number has gone: the next one begins at 0. */
  forget(port: number): void {
    this.#counts.delete(port);
  }

  /** The card has received so many more packets of a flow. */
  received(inPort: number, packets: number, bytes: number): void {
    const from = this.#at(inPort);
    from.rx_packets += BigInt(packets);
    from.rx_bytes += BigInt(bytes);
  }

  /** It has sent them all, whole but for what was put before them. */
  sentAll(outputs: readonly Sent[], packets: number, bytes: number): void {
    for (const { port, growth } of outputs) this.sent(port, packets, bytes + growth * packets);
  }

  /** It has sent so many more. */
  sent(port: number, packets: number, bytes: number): void {
    const to = this.#at(port);
    to.tx_packets += BigInt(packets);
    to.tx_bytes += BigInt(bytes);
  }

  #at(port: number): PortCounts {
    let counts = this.#counts.get(port);
    if (!counts) {
      counts = { rx_packets: 0n, rx_bytes: 0n, tx_packets: 0n, tx_bytes: 0n };
      this.#counts.set(port, counts);
    }
    return counts;
  }
}
