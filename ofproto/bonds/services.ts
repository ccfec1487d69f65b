// What bonds and LACP need of the switch, made of its slow path.

import type { Bundle } from '../bundles.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { FLOW_METADATA, KEY_IN_PORT } from '../model/flow.ts';
import { INTERNAL_TABLE } from '../tables/limits.ts';
import { parseEther } from '../text/addresses.ts';
import type { Backer } from '../upcall/backer.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import { FRESH } from '../xlate/rewritten.ts';
import type { XlateBridge, XlateBundle } from '../xlate/snapshot.ts';
import { xlate } from '../xlate/xlate.ts';
import type { AggregationParts } from './link-aggregation.ts';
import type { MemberPort } from './member-port.ts';

export interface ServiceHost {
  readonly backer: Backer;
  snapshot(): XlateBridge;
  /** The address of the bridge's own port. */
  localMac(): string | undefined;
  changed(): void;
  portToggled(port: MemberPort): void;
}

export type BondServices = Omit<AggregationParts, 'announceStations'> & {
  /** Sends a frame of a VLAN out by a bundle. */
  sendTo(bundle: XlateBundle, vlan: number, frame: Uint8Array): void;
};

/** The number of no datapath port. */
const NO_PORT = 0xffffffff;
const NO_MAC = new Uint8Array(6);
const NOTHING: readonly OfAction[] = [];

export function bondServices(host: ServiceHost): BondServices {
  const { backer } = host;
  const recircs = new Map<Bundle, { id: number; state: FrozenState }>();
  return {
    nowMs: () => backer.clock.nowMs(),
    after: (delayMs, fn) => backer.clock.after(delayMs, fn),
    bridgeMac: () => parseEther(host.localMac() ?? '') ?? NO_MAC,
    changed: () => host.changed(),
    portToggled: (port) => host.portToggled(port),
    send: ({ odpPort }, frame) => {
      if (odpPort !== undefined) backer.dpif.execute(frame, NO_PORT, [{ type: 'output', port: odpPort }]);
    },
    sendTo: (bundle, vlan, frame) => {
      const flow = backer.flowOf(frame, NO_PORT);
      flow.setU32(KEY_IN_PORT, OFPP.ANY);
      backer.execute(frame, NO_PORT, xlate(host.snapshot(), flow, { packetOut: NOTHING, toBundle: { bundle, vlan } }));
    },
    recirc: (bundle) => {
      const known = recircs.get(bundle);
      if (known) return known;
      const state = recircState(host.snapshot(), bundle.name);
      const made = { id: backer.holdRecirc(state), state };
      recircs.set(bundle, made);
      return made;
    },
    releaseRecirc: (bundle) => {
      const known = recircs.get(bundle);
      recircs.delete(bundle);
      if (known) backer.releaseRecirc(known.id);
    },
  };
}

/** Packets of every port share it, so that one id stands for the bond. */
function recircState(bridge: XlateBridge, bond: string): FrozenState {
  const nothing = { stack: [], actionSet: [], frames: [], mirrored: [] };
  const metadata = FRESH.bytes.slice(FLOW_METADATA);
  return { bridge, inPort: OFPP.ANY, tableId: INTERNAL_TABLE, metadata, ...nothing, bond };
}
