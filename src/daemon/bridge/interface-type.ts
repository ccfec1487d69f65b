// From an Interface row to the datapath port that it asks for.

import type { PortSpec, PortType } from '../../../datapath/dpif.ts';
import { parseMac } from './address.ts';
import { type InterfaceConfig, present } from './config.ts';

/** How ovs-vswitchd's --enable-dummy was given: `system` and `override` put dummies in the place of kernel interfaces. */
export type DummyMode = 'off' | 'on' | 'system' | 'override';

const DIRECT = ['internal', 'tap', 'system', 'dpdkvhostuser', 'dpdkvhostuserclient', 'vf'] as const;
const DUMMY = ['dummy', 'dummy-pmd', 'dummy-internal'] as const;

/** Open_vSwitch.iface_types: what this switch runs. */
export function interfaceTypes(dummy: DummyMode): string[] {
  return [...DIRECT, 'patch', ...(dummy === 'off' ? [] : DUMMY)].sort();
}

/** Open_vSwitch.datapath_types. */
export function datapathTypes(dummy: DummyMode): string[] {
  return dummy === 'off' ? ['netdev'] : ['dummy', 'netdev'];
}

/** True when a bridge of this type can be made. The kernel's datapath (`system`) is served by the one there is. */
export function isDatapathType(type: string, dummy: DummyMode): boolean {
  return type === '' || type === 'system' || datapathTypes(dummy).includes(type);
}

export interface BridgeKind {
  readonly name: string;
  readonly datapathType: string;
}

/** The type of the datapath port; undefined when there is none of that name. The interface named like its bridge is internal. */
export function portType(config: InterfaceConfig, bridge: BridgeKind, dummy: DummyMode): PortType | undefined {
  const type = config.name === bridge.name ? 'internal' : config.type === '' ? 'system' : config.type;
  const isKernelType = type === 'internal' || type === 'tap' || type === 'system';
  if (dummy === 'override' && isKernelType) return 'dummy';
  if (dummy === 'system' && type === 'system') return 'dummy';
  if (dummy !== 'off' && type === 'internal' && bridge.datapathType === 'dummy') return 'dummy';
  if (dummy !== 'off' && DUMMY.some((name) => name === type)) return 'dummy';
  return DIRECT.find((name) => name === type);
}

/** The type as dpif/show prints it: internal ports of the userspace datapath are taps. */
export function shownType(config: InterfaceConfig, type: PortType): string {
  if (type === 'internal') return 'tap';
  if (type !== 'dummy') return type;
  return config.type === 'internal' ? 'dummy-internal' : config.type;
}

/** What an interface asks of the datapath, given what its bridge adds: an address (local port) and an MTU. */
export function portSpec(
  config: InterfaceConfig,
  type: PortType,
  bridge: { readonly mac?: string | undefined; readonly mtu?: number | undefined },
): PortSpec {
  const mac = parseMac(config.mac) ?? bridge.mac;
  const mtu = config.mtuRequest ?? bridge.mtu;
  return { name: config.name, type, options: config.options, ...present({ mac, mtu }) };
}

/** Interface.error of a type that there is none of, in Open vSwitch's words. */
export function unknownTypeError(name: string): string {
  return `could not open network device ${name} (Address family not supported by protocol)`;
}
