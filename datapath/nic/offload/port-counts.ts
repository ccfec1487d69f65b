// What cards forwarded from and to each port, as the counters of its flows tell: beside what datapath threads count.

import type { DpAction } from '../../actions.ts';

/** An output of a flow, and how much longer the frame is there than it was received. */
export interface Sent {
  readonly port: number;
  readonly growth: number;
}

export interface PortCounts {
  rx_packets: bigint;
  rx_bytes: bigint;
  tx_packets: bigint;
  tx_bytes: bigint;
}

const VLAN_HEADER = 4;
const MPLS_HEADER = 4;
const ETH_HEADER = 14;
const NSH_HEADER = 8;

/** The outputs of `actions`, for a frame that is `growth` bytes longer already. */
export function sentBy(actions: readonly DpAction[], growth = 0): Sent[] {
  const sent: Sent[] = [];
  let now = growth;
  for (const action of actions) {
    if (action.type === 'output') sent.push({ port: action.port, growth: now });
    else if (action.type === 'clone' || action.type === 'sample') sent.push(...sentBy(action.actions, now));
    else now += growthOf(action);
  }
  return sent;
}

function growthOf(action: DpAction): number {
  switch (action.type) {
    case 'push_vlan':
      return VLAN_HEADER;
    case 'pop_vlan':
      return -VLAN_HEADER;
    case 'push_mpls':
    case 'add_mpls':
      return MPLS_HEADER;
    case 'pop_mpls':
      return -MPLS_HEADER;
    case 'push_eth':
      return ETH_HEADER;
    case 'pop_eth':
      return -ETH_HEADER;
    case 'push_nsh':
      return NSH_HEADER + action.metadata.length;
    default:
      return 0;
  }
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

  /** The card has forwarded so many more packets of a flow. */
  add({ inPort, sent }: { inPort: number; sent: readonly Sent[] }, packets: number, bytes: number): void {
    const from = this.#at(inPort);
    from.rx_packets += BigInt(packets);
    from.rx_bytes += BigInt(bytes);
    for (const { port, growth } of sent) {
      const to = this.#at(port);
      to.tx_packets += BigInt(packets);
      to.tx_bytes += BigInt(bytes + growth * packets);
    }
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
