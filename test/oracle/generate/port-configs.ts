// Configurations of the bridge's ports, as ovs-vsctl sets them. Each starts from ports without any settings.
import type { Feature } from '../features.ts';

export interface PortConfig {
  readonly name: string;
  readonly feature?: Feature;
  /** ovs-vsctl commands, joined with `--`. */
  readonly commands: readonly string[];
}

export const PORT_CONFIGS: readonly PortConfig[] = [
  { name: 'plain', commands: [] },
  {
    name: 'access and trunk',
    commands: ['set port p1 tag=10', 'set port p2 tag=10', 'set port p3 trunks=10,20', 'set port p4 tag=20'],
  },
  {
    name: 'native VLANs',
    commands: [
      'set port p1 vlan_mode=native-untagged tag=10 trunks=10,20',
      'set port p2 vlan_mode=native-tagged tag=10',
      'set port p3 vlan_mode=access tag=20',
      'set port p5 trunks=0,1,100',
    ],
  },
];

/** Takes every setting back. */
export const RESET_PORTS: readonly string[] = [1, 2, 3, 4, 5, 6].map(
  (n) => `clear port p${n} tag trunks vlan_mode cvlans other_config`,
);
