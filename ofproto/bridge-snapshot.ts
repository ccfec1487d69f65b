// What translation sees of a bridge: always its present state, which does not change while a translation runs.

import type { BridgePorts } from './bridge-ports.ts';
import type { ResourceTables } from './groups/resource-tables.ts';
import type { L2Switch } from './l2-switch.ts';
import type { OwnFlows } from './own-flows.ts';
import type { FlowSamples } from './sampling/flow-samples.ts';
import type { BridgeTree } from './spanning-tree/bridge-tree.ts';
import type { FlowTables } from './tables/flow-tables.ts';
import type { XlateBridge } from './xlate/snapshot.ts';

export interface BridgeState {
  readonly name: string;
  readonly tables: FlowTables;
  readonly ports: BridgePorts;
  readonly resources: ResourceTables;
  readonly own: OwnFlows;
  readonly l2: L2Switch;
  readonly tree: BridgeTree;
  readonly samples: FlowSamples;
  missToController(): boolean;
}

export function snapshotOf(bridge: BridgeState): XlateBridge {
  const { name, tables, ports, resources, own, l2 } = bridge;
  return {
    name,
    table: (id) => tables.table(id),
    port: (ofPort) => ports.get(ofPort),
    ports,
    group: (groupId) => resources.group(groupId),
    meter: (meterId) => resources.dpMeter(meterId),
    misses: own.misses.counts,
    l2,
    get missToController() {
      return bridge.missToController();
    },
    get samples() {
      return bridge.samples.isOn;
    },
    get hasInBand() {
      return own.hasInBand;
    },
    get tree() {
      return bridge.tree.label;
    },
  };
}
