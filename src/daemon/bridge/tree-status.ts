// What spanning trees report in the database (ovs-vswitchd.conf.db(5): Bridge.status, Bridge.rstp_status, Port.status,
// Port.statistics, Port.rstp_status, Port.rstp_statistics). The names of STP's values are Open vSwitch's, and a port's
// stp_port_id is decimal as there.

import { portIdText, rstpIdText, stpIdText } from '../../../ofproto/spanning-tree/bridge-id.ts';
import type { TreeView } from '../../../ofproto/spanning-tree/bridge-tree.ts';
import type { RstpPort } from '../../../ofproto/spanning-tree/rstp/port.ts';
import type { Rstp } from '../../../ofproto/spanning-tree/rstp/rstp.ts';
import type { Stp } from '../../../ofproto/spanning-tree/stp.ts';
import type { StpPort } from '../../../ofproto/spanning-tree/stp-port.ts';
import type { Json } from '../../json-rpc/json.ts';
import * as ops from '../../ovsdb/ops.ts';
import type { Bridge } from './bridge.ts';

type Columns = Record<string, Json>;
const NONE: Json = ['map', []];

/** Bridge.status and Bridge.rstp_status. */
export function treeBridgeColumns(view: TreeView | undefined): Columns {
  return {
    status: view?.protocol === 'stp' ? ops.stringMap(stpBridge(view.stp)) : NONE,
    rstp_status: view?.protocol === 'rstp' ? ops.stringMap(rstpBridge(view.rstp)) : NONE,
  };
}

function stpBridge({ bridgeId, designatedRoot, rootPathCost }: Stp): Record<string, string> {
  return {
    stp_bridge_id: stpIdText(bridgeId),
    stp_designated_root: stpIdText(designatedRoot),
    stp_root_path_cost: String(rootPathCost),
  };
}

function rstpBridge({ bridgeId, rootPriority }: Rstp): Record<string, string> {
  const { rootId, rootPathCost, designatedBridge, designatedPort, bridgePort } = rootPriority;
  return {
    rstp_bridge_id: rstpIdText(bridgeId),
    rstp_bridge_port_id: portIdText(bridgePort),
    rstp_designated_id: rstpIdText(designatedBridge),
    rstp_designated_port_id: portIdText(designatedPort),
    rstp_root_id: rstpIdText(rootId),
    rstp_root_path_cost: String(rootPathCost),
  };
}

/** Port.status and Port.rstp_status of a bridge's Ports, by uuid. */
export function treePortRows(bridge: Bridge, nowMs: number): [uuid: string, columns: Columns][] {
  const view = bridge.ofproto.tree.view();
  const status = new Map<string, Columns>();
  if (view?.protocol === 'stp') {
    for (const { name, port } of view.ports)
      status.set(name, { status: ops.stringMap(stpPort(view.stp, port, nowMs)) });
  } else if (view) {
    for (const { name, port } of view.ports) status.set(name, { rstp_status: ops.stringMap(rstpPort(port)) });
  }
  return bridge.config.ports.map(({ uuid, name }) => [uuid, { status: NONE, rstp_status: NONE, ...status.get(name) }]);
}

function stpPort(stp: Stp, port: StpPort, nowMs: number): Record<string, string> {
  return {
    stp_port_id: String(port.id),
    stp_role: stp.role(port),
    stp_sec_in_state: String(Math.floor((nowMs - port.stateSinceMs) / 1000)),
    stp_state: port.state,
  };
}

function rstpPort({ portId, portPriority, role, state }: RstpPort): Record<string, string> {
  return {
    rstp_designated_bridge_id: rstpIdText(portPriority.designatedBridge),
    rstp_designated_path_cost: String(portPriority.rootPathCost),
    rstp_designated_port_id: portIdText(portPriority.designatedPort),
    rstp_port_id: portIdText(portId),
    rstp_port_role: role,
    rstp_port_state: state,
  };
}

/** Port.statistics and Port.rstp_statistics of a bridge's Ports, by uuid. */
export function treePortStatistics(bridge: Bridge): [uuid: string, columns: Columns][] {
  const view = bridge.ofproto.tree.view();
  const found = new Map<string, Columns>();
  if (view?.protocol === 'stp') {
    for (const { name, port } of view.ports) found.set(name, { statistics: counters(stpCounts(port)) });
  } else if (view) {
    for (const { name, port } of view.ports) found.set(name, { rstp_statistics: counters(rstpCounts(port)) });
  }
  const none = { statistics: NONE, rstp_statistics: NONE };
  return bridge.config.ports.map(({ uuid, name }) => [uuid, { ...none, ...found.get(name) }]);
}

const stpCounts = ({ counts }: StpPort): Record<string, number> => ({
  stp_error_count: counts.error,
  stp_rx_count: counts.rx,
  stp_tx_count: counts.tx,
});

const rstpCounts = ({ counts, timers, uptimeS }: RstpPort): Record<string, number> => ({
  rstp_error_count: counts.error,
  rstp_rx_count: counts.rx,
  // 17.19.44, as Open vSwitch gives it: what was sent in the last seconds.
  rstp_tx_count: timers.txCount,
  rstp_uptime: uptimeS,
});

const counters = (values: Readonly<Record<string, number>>): Json => ops.map(Object.entries(values));
