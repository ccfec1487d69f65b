// From a Port row to what its OpenFlow ports share (ovs-vswitchd.conf.db(5), Port, "VLAN Configuration").

import type { BundleSettings, PortVlan } from '../../../ofproto/ofproto-api.ts';
import { type BondColumns, bondSettings, lacpSettings } from './bond-settings.ts';

export interface PortColumns extends BondColumns {
  readonly name: string;
  readonly tag?: number | undefined;
  readonly trunks?: readonly number[];
  readonly cvlans?: readonly number[];
  readonly vlanMode?: string | undefined;
  readonly protected?: boolean;
}

const MODES = ['access', 'trunk', 'native-tagged', 'native-untagged', 'dot1q-tunnel'] as const;
const ETH_TYPE_VLAN = 0x8100;

export function bundleSettings(port: PortColumns): BundleSettings {
  const vlan = portVlan(port);
  const lacp = lacpSettings(port);
  const isSet = (key: string) => port.otherConfig?.[key] === 'true';
  return {
    name: port.name,
    ...(vlan ? { vlan } : {}),
    ...(port.protected ? { protected: true } : {}),
    ...(isSet('mcast-snooping-flood') ? { mcastFlood: true } : {}),
    ...(isSet('mcast-snooping-flood-reports') ? { mcastFloodReports: true } : {}),
    ...(Object.keys(port.interfaces ?? {}).length > 1 ? { bond: bondSettings(port) } : {}),
    ...(lacp ? { lacp } : {}),
  };
}

/** Without vlan_mode a tag makes an access port; undefined when nothing is set, which is a trunk of every VLAN. */
function portVlan({ tag, trunks = [], cvlans = [], vlanMode, otherConfig = {} }: PortColumns): PortVlan | undefined {
  const priorityTags = PRIORITY_TAGS[otherConfig['priority-tags'] ?? ''];
  const mode = MODES.find((name) => name === vlanMode) ?? (tag === undefined ? 'trunk' : 'access');
  if (mode === 'trunk' && trunks.length === 0 && !priorityTags) return undefined;
  return {
    mode,
    tag: mode === 'trunk' ? 0 : (tag ?? 0),
    ...(trunks.length > 0 && mode !== 'access' && mode !== 'dot1q-tunnel' ? { trunks } : {}),
    ...(cvlans.length > 0 && mode === 'dot1q-tunnel' ? { cvlans } : {}),
    ...(otherConfig['qinq-ethtype'] === '802.1q' ? { qinqEthtype: ETH_TYPE_VLAN } : {}),
    ...(priorityTags ? { priorityTags } : {}),
  };
}

const PRIORITY_TAGS: Readonly<Record<string, 'if-nonzero' | 'always'>> = {
  'if-nonzero': 'if-nonzero',
  // What the setting was before it had three values.
  true: 'if-nonzero',
  always: 'always',
};
