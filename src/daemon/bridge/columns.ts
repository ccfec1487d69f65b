// Which tables and columns of the database the switch reads: what it is told (a change leads to a reconfiguration) and
// what it writes itself (a change does not).

/** Columns that say how the switch shall be. */
export const CONFIG_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  Open_vSwitch: ['bridges', 'datapaths', 'manager_options', 'next_cfg', 'other_config'],
  Manager: ['target', 'connection_mode'],
  Bridge: [
    'name',
    'datapath_type',
    'ports',
    'controller',
    'fail_mode',
    'protocols',
    'flood_vlans',
    'mcast_snooping_enable',
    'stp_enable',
    'rstp_enable',
    'mirrors',
    'other_config',
    'flow_tables',
    'external_ids',
    'auto_attach',
    'ipfix',
    'netflow',
    'sflow',
  ],
  QoS: ['type'],
  Flow_Sample_Collector_Set: ['id', 'bridge', 'ipfix'],
  IPFIX: ['targets'],
  Flow_Table: ['name', 'flow_limit', 'overflow_policy', 'groups', 'prefixes'],
  Port: [
    'name',
    'interfaces',
    'tag',
    'trunks',
    'cvlans',
    'vlan_mode',
    'protected',
    'bond_mode',
    'bond_updelay',
    'bond_downdelay',
    'bond_fake_iface',
    'lacp',
    'mac',
    'fake_bridge',
    'qos',
    'other_config',
  ],
  Interface: [
    'name',
    'type',
    'options',
    'ofport_request',
    'mac',
    'mtu_request',
    'other_config',
    'ingress_policing_rate',
    'ingress_policing_burst',
    'ingress_policing_kpkts_rate',
    'ingress_policing_kpkts_burst',
    'lldp',
    'bfd',
    'cfm_mpid',
  ],
  Mirror: [
    'name',
    'select_all',
    'select_src_port',
    'select_dst_port',
    'select_vlan',
    'output_port',
    'output_vlan',
    'snaplen',
  ],
  Controller: [
    'target',
    'type',
    'connection_mode',
    'max_backoff',
    'inactivity_probe',
    'enable_async_messages',
    'controller_rate_limit',
    'controller_burst_limit',
  ],
  Datapath: ['external_ids'],
};

/** Columns that the switch writes, read once at start: a port keeps its OpenFlow number, and a bond its active member. */
const READ_STATUS_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  Interface: ['ofport'],
  Port: ['bond_active_slave'],
};

/** What the replica monitors. */
export const MONITORED_COLUMNS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(CONFIG_COLUMNS).map(([table, columns]) => [
    table,
    [...columns, ...(READ_STATUS_COLUMNS[table] ?? [])],
  ]),
);
