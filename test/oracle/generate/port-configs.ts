// Configurations of the bridge and its ports, as ovs-vsctl sets them. Each starts from a bridge without any settings.
import { type Feature, isOn } from '../features.ts';

export interface PortConfig {
  readonly name: string;
  readonly feature?: Feature;
  /** ovs-vsctl commands, joined with `--`. */
  readonly commands: readonly string[];
  /** Whether it shows only in what `normal` does. */
  readonly isForNormal?: boolean;
}

const mirror = (settings: string, ...ports: readonly string[]): string[] => [
  ...ports.map((name) => `--id=@${name} get port ${name}`),
  `--id=@mirror create mirror name=m0 ${settings}`,
  'set bridge br0 mirrors=@mirror',
];

export const PORT_CONFIGS: readonly PortConfig[] = [
  { name: 'plain', commands: [] },
  {
    name: 'access and trunk',
    commands: ['set port p1 tag=10', 'set port p2 tag=10', 'set port p3 trunks=10,20', 'set port p4 tag=20'],
    isForNormal: true,
  },
  {
    name: 'native VLANs',
    commands: [
      'set port p1 vlan_mode=native-untagged tag=10 trunks=10,20',
      'set port p2 vlan_mode=native-tagged tag=10',
      'set port p3 vlan_mode=access tag=20',
      'set port p5 trunks=0,1,100',
    ],
    isForNormal: true,
  },
  {
    name: 'QinQ',
    feature: 'qinq',
    commands: [
      'set port p1 vlan_mode=dot1q-tunnel tag=10',
      'set port p2 vlan_mode=dot1q-tunnel tag=10 cvlans=1,20 other_config:qinq-ethtype=802.1q',
      'set port p3 vlan_mode=trunk trunks=10 other_config:qinq-ethtype=802.1q',
      'set port p5 tag=10',
    ],
    isForNormal: true,
  },
  {
    name: 'QinQ and priority tags',
    feature: 'qinq',
    commands: [
      'set port p1 vlan_mode=dot1q-tunnel tag=20 other_config:priority-tags=if-nonzero',
      'set port p2 tag=20 other_config:priority-tags=always',
      'set port p3 vlan_mode=native-tagged tag=20 other_config:priority-tags=if-nonzero',
      'set port p4 protected=true',
      'set port p5 protected=true',
    ],
    isForNormal: true,
  },
  {
    name: 'mirror of two ports',
    feature: 'mirrors',
    commands: mirror('select-src-port=@p1,@p2 select-dst-port=@p3 output-port=@p6', 'p1', 'p2', 'p3', 'p6'),
  },
  {
    name: 'mirror of VLANs to a VLAN',
    feature: 'mirrors',
    commands: ['set port p2 tag=10', ...mirror('select_all=true select-vlan=0,10 output-vlan=100')],
  },
  {
    name: 'mirror of everything, cut short',
    feature: 'mirrors',
    commands: mirror('select_all=true output-port=@p5 snaplen=40', 'p5'),
  },
  {
    name: 'multicast snooping',
    feature: 'multicast_snooping',
    commands: [
      'set bridge br0 mcast_snooping_enable=true',
      'set port p4 other_config:mcast-snooping-flood=true',
      'set port p3 other_config:mcast-snooping-flood-reports=true',
    ],
    isForNormal: true,
  },
  { name: 'one VLAN tag', commands: ['set Open_vSwitch . other_config:vlan-limit=1'] },
  { name: 'all VLAN tags', commands: ['set Open_vSwitch . other_config:vlan-limit=0', 'set port p2 tag=10'] },
];

/** The order in which cases use them: most on plain ports. */
export const CONFIG_ORDER: readonly number[] = PORT_CONFIGS.flatMap(({ feature }, i) =>
  i === 0 || !isOn(feature) ? [] : [0, i],
);

/** Takes every setting back. */
export const RESET_PORTS: readonly string[] = [
  ...[1, 2, 3, 4, 5, 6].flatMap((n) => [
    `clear port p${n} tag trunks vlan_mode cvlans other_config`,
    `set port p${n} protected=false`,
  ]),
  'clear bridge br0 mirrors',
  'set bridge br0 mcast_snooping_enable=false',
  'set Open_vSwitch . other_config:vlan-limit=2',
];
