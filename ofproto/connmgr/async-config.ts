// Which asynchronous messages a connection gets: masks by reason, one for masters and equals, one for slaves
// (OpenFlow 1.3.5, 7.3.10, and the NXT_SET_ASYNC_CONFIG extension of 1.0).

import type { FlowRemovedReason, PacketInReason } from '../model/flow-mod.ts';
import { type AsyncConfig, type AsyncMask, OFP13_VERSION, OFP14_VERSION } from '../model/messages.ts';

/** Bit numbers: OFPR_*, OFPRR_*, OFPPR_* and OFPTR_*. Reasons that 1.3 has no number for have those of 1.4. */
export const PACKET_IN_REASON: Readonly<Record<PacketInReason, number>> = {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
};
export const FLOW_REMOVED_REASON: Readonly<Record<FlowRemovedReason, number>> = {
  idle_timeout: 0,
  hard_timeout: 1,
  delete: 2,
  group_delete: 3,
  meter_delete: 4,
  eviction: 5,
};
export const PORT_STATUS_REASON = { add: 0, delete: 1, modify: 2 } as const;
export const REQUEST_FORWARD_REASON = { group_mod: 0, meter_mod: 1 } as const;
export const TABLE_STATUS_REASON = { vacancy_down: 3, vacancy_up: 4 } as const;

const PACKET_IN_DEFAULT = 0b111011;
const FLOW_REMOVED_DEFAULT = 0b111111;
const PORT_STATUS_DEFAULT = 0b111;
const INVALID_TTL_BIT = 1 << PACKET_IN_REASON.invalid_ttl;

/** What a connection gets that did not ask: all but expired TTLs; slaves only hear about ports. */
export const ASYNC_DEFAULT: AsyncConfig = {
  packetIn: [PACKET_IN_DEFAULT, 0],
  portStatus: [PORT_STATUS_DEFAULT, PORT_STATUS_DEFAULT],
  flowRemoved: [FLOW_REMOVED_DEFAULT, 0],
  roleStatus: [0, 0],
  tableStatus: [0, 0],
  requestForward: [0, 0],
};

/** Controller.enable_async_messages=false. */
export const ASYNC_NONE: AsyncConfig = {
  packetIn: [0, 0],
  portStatus: [0, 0],
  flowRemoved: [0, 0],
  roleStatus: [0, 0],
  tableStatus: [0, 0],
  requestForward: [0, 0],
};

/** `config` with some masks replaced. */
export function withMasks(config: AsyncConfig, masks: readonly AsyncMask[]): AsyncConfig {
  const changed = { ...config };
  for (const { kind, slave, mask } of masks) {
    const [masterMask, slaveMask] = changed[kind];
    changed[kind] = slave ? [masterMask, mask] : [mask, slaveMask];
  }
  return changed;
}

/** OFPC_INVALID_TTL_TO_CONTROLLER of set-config, as the mask it stands for. */
export function withInvalidTtl(config: AsyncConfig, wanted: boolean): AsyncConfig {
  const [master, slave] = config.packetIn;
  return { ...config, packetIn: [wanted ? master | INVALID_TTL_BIT : master & ~INVALID_TTL_BIT, slave] };
}

export function hasInvalidTtl(config: AsyncConfig): boolean {
  return (config.packetIn[0] & INVALID_TTL_BIT) !== 0;
}

const only = (bits: number, [master, slave]: readonly [number, number]) => [master & bits, slave & bits] as const;

/** What a connection of `version` begins with: of removed flows it hears for the reasons that the version has. */
export function asyncConfigOf(version: number, config: AsyncConfig): AsyncConfig {
  if (version >= OFP14_VERSION) return config;
  return { ...config, flowRemoved: only(version >= OFP13_VERSION ? 0b1111 : 0b111, config.flowRemoved) };
}

/** `config` as OpenFlow 1.3 tells it. Of the reasons for removed flows those of 1.4 too, where somebody asked for them. */
export function asyncConfig13(config: AsyncConfig): AsyncConfig {
  return {
    ...config,
    packetIn: only(0b111, config.packetIn),
    portStatus: only(0b111, config.portStatus),
    flowRemoved: only(FLOW_REMOVED_DEFAULT, config.flowRemoved),
  };
}
