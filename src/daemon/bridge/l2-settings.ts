// From a Bridge row to what governs NORMAL in it.

import type { L2Settings, SnoopingSettings } from '../../../ofproto/ofproto-api.ts';

const MAC_AGING_S_DEFAULT = 300;
const MAC_TABLE_SIZE_DEFAULT = 8192;

export interface L2Columns {
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly floodVlans: readonly number[];
  readonly mcastSnooping: boolean;
}

export function l2Settings({ otherConfig, floodVlans, mcastSnooping }: L2Columns): L2Settings {
  return {
    macAgingMs: numberOf(otherConfig['mac-aging-time'], MAC_AGING_S_DEFAULT, 15, 3600) * 1000,
    macTableSize: numberOf(otherConfig['mac-table-size'], MAC_TABLE_SIZE_DEFAULT, 10, 1_000_000),
    forwardBpdu: otherConfig['forward-bpdu'] === 'true',
    floodVlans,
    ...(mcastSnooping ? { snooping: snoopingSettings(otherConfig) } : {}),
  };
}

const MCAST_AGING_S_DEFAULT = 300;
const MCAST_TABLE_SIZE_DEFAULT = 2048;

function snoopingSettings(otherConfig: Readonly<Record<string, string>>): SnoopingSettings {
  return {
    agingMs: numberOf(otherConfig['mcast-snooping-aging-time'], MCAST_AGING_S_DEFAULT, 15, 3600) * 1000,
    tableSize: numberOf(otherConfig['mcast-snooping-table-size'], MCAST_TABLE_SIZE_DEFAULT, 10, 1_000_000),
    floodUnregistered: otherConfig['mcast-snooping-disable-flood-unregistered'] !== 'true',
  };
}

/** A number within its limits; the default when it is absent or no number. */
export function numberOf(text: string | undefined, fallback: number, min: number, max: number): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? Math.min(Math.max(value, min), max) : fallback;
}
