// From a Port row, and its Interfaces' other_config, to bonding and LACP (ovs-vswitchd.conf.db(5), Port, "Bonding
// Configuration"; Interface, "Bonding Configuration"). Numbers out of their range count as absent, as in Open vSwitch.

import type { BondMode, BondSettings, LacpMemberSettings, LacpSettings } from '../../../ofproto/bonds/settings.ts';
import { parseEther } from '../../../ofproto/text/addresses.ts';

export interface BondColumns {
  readonly bondMode?: string | undefined;
  readonly bondUpdelay?: number;
  readonly bondDowndelay?: number;
  readonly bondActiveSlave?: string | undefined;
  readonly lacp?: string | undefined;
  readonly otherConfig?: Readonly<Record<string, string>>;
  /** Interface.other_config by interface. */
  readonly interfaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const MODES: readonly BondMode[] = ['active-backup', 'balance-slb', 'balance-tcp'];
const REBALANCE_MS_DEFAULT = 10_000;
const REBALANCE_MS_MIN = 1000;
const U16_MAX = 0xffff;

export function bondSettings(port: BondColumns): BondSettings {
  const { bondMode, bondUpdelay = 0, bondDowndelay = 0, bondActiveSlave, otherConfig = {} } = port;
  return {
    mode: MODES.find((mode) => mode === bondMode) ?? 'active-backup',
    upDelayMs: Math.max(0, bondUpdelay),
    downDelayMs: Math.max(0, bondDowndelay),
    rebalanceIntervalMs: rebalanceInterval(otherConfig['bond-rebalance-interval']),
    // A negative number is a large one.
    hashBasis: (integer(otherConfig['bond-hash-basis'], -0x80000000, 0x7fffffff) ?? 0) >>> 0,
    primary: otherConfig['bond-primary'],
    allMembersActive: otherConfig['all-members-active'] === 'true',
    lacpFallback: otherConfig['lacp-fallback-ab'] === 'true',
    activeBefore: bondActiveSlave,
  };
}

/** 0 switches rebalancing off. */
function rebalanceInterval(text: string | undefined): number {
  const asked = integer(text, -0x80000000, 0x7fffffff) ?? REBALANCE_MS_DEFAULT;
  return asked === 0 ? 0 : Math.max(asked, REBALANCE_MS_MIN);
}

/** undefined: the port does not speak LACP, be it for a system id that is none. */
export function lacpSettings({ lacp, otherConfig = {}, interfaces = {} }: BondColumns): LacpSettings | undefined {
  if (lacp !== 'active' && lacp !== 'passive') return undefined;
  const systemId = otherConfig['lacp-system-id'];
  if (systemIdFault(systemId) !== undefined) return undefined;
  const priority = integer(otherConfig['lacp-system-priority'], 1, U16_MAX);
  return {
    active: lacp === 'active',
    fast: otherConfig['lacp-time'] === 'fast',
    fallbackAb: otherConfig['lacp-fallback-ab'] === 'true',
    // A bond comes before a port of its own.
    systemPriority: priority ?? (Object.keys(interfaces).length > 1 ? U16_MAX - 1 : U16_MAX),
    systemId,
    members: Object.fromEntries(Object.entries(interfaces).map(([name, config]) => [name, memberSettings(config)])),
  };
}

/** Why LACP cannot run with this other_config:lacp-system-id. */
export function systemIdFault(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const mac = parseEther(text);
  if (!mac) return `LACP system ID (${text}) must be an Ethernet address.`;
  return mac.some((byte) => byte !== 0) ? undefined : 'Invalid zero LACP system ID.';
}

function memberSettings(config: Readonly<Record<string, string>>): LacpMemberSettings {
  return {
    portId: integer(config['lacp-port-id'], 1, U16_MAX),
    portPriority: integer(config['lacp-port-priority'], 1, U16_MAX),
    key: integer(config['lacp-aggregation-key'], 1, U16_MAX),
  };
}

function integer(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !/^\s*-?\d+\s*$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
