// A bridge `br0` with the ports of test/flows/README.md, over a datapath in memory and on a virtual clock.

import { VirtualClock } from '../../lib/clock.ts';
import type { Ofproto } from '../../ofproto/index.ts';
import { formatDpActions } from '../../ofproto/odp-text/format-actions.ts';
import { formatDpKey } from '../../ofproto/odp-text/format-key.ts';
import { BridgeFixture, LOCAL_ODP_PORT } from './bridge-fixture.ts';
import { MemoryDpif, MemoryPort } from './memory-dpif.ts';

export { LOCAL_ODP_PORT } from './bridge-fixture.ts';

export class SwitchFixture extends BridgeFixture {
  readonly dpif: MemoryDpif;
  readonly ports = [1, 2, 3, 4].map((n) => new MemoryPort(`p${n}`, n));

  constructor() {
    const dpif = new MemoryDpif();
    super(dpif.dpif, new VirtualClock(1_000_000));
    this.dpif = dpif;
    this.addBridge('br0', this.ports);
  }

  /** A bridge with these ports, each with its datapath number; the second one's LOCAL is datapath port 101. */
  addBridge(name: string, ports: readonly MemoryPort[]): Ofproto {
    return this.addBridgeOf(name, new MemoryPort(name, LOCAL_ODP_PORT + this.bridges.size), ports);
  }

  /** Megaflows as dpctl/dump-flows prints their keys and actions. */
  megaflows(): string[] {
    return [...this.dpif.flows()].map(
      (flow) => `${formatDpKey(flow.key, flow.mask)}, actions:${formatDpActions(flow.actions)}`,
    );
  }
}
