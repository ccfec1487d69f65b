// Meters as ovs-ofctl prints them: `meter=1 kbps bands=`, then a line for each band.

import { type MeterBand, type MeterConfig, type MeterMod, type MeterStats, OFPM, OFPMF } from '../model/groups.ts';
import { formatSeconds } from './format-group.ts';

const VIRTUAL: Readonly<Record<number, string>> = {
  [OFPM.SLOWPATH]: 'slowpath',
  [OFPM.CONTROLLER]: 'controller',
  [OFPM.ALL]: 'all',
};

export const formatMeterId = (meterId: number): string => VIRTUAL[meterId] ?? String(meterId);

const FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['kbps', OFPMF.KBPS],
  ['pktps', OFPMF.PKTPS],
  ['burst', OFPMF.BURST],
  ['stats', OFPMF.STATS],
];

/** The flags that are set, each with a space behind it. */
export const formatMeterFlags = (flags: number): string =>
  FLAGS.map(([name, bit]) => (flags & bit ? `${name} ` : '')).join('');

export function formatMeter({ meterId, flags, bands }: MeterConfig): string {
  const lines = bands.map((band) => `${formatBand(band, flags)}\n`);
  return `meter=${formatMeterId(meterId)} ${formatMeterFlags(flags)}bands=\n${lines.join('')}`;
}

function formatBand({ type, rate, burst, precLevel }: MeterBand, flags: number): string {
  const parts = [`type=${type}`, `rate=${rate}`];
  if (flags & OFPMF.BURST) parts.push(`burst_size=${burst}`);
  if (type === 'dscp_remark') parts.push(`prec_level=${precLevel}`);
  return parts.join(' ');
}

const COMMANDS: Readonly<Record<MeterMod['command'], string>> = { add: 'ADD', modify: 'MOD', delete: 'DEL' };

export const formatMeterMod = (mod: MeterMod): string => `${COMMANDS[mod.command]} ${formatMeter(mod)}`;

export function formatMeterStats({ meterId, flowCount, packets, bytes, durationMs, bands }: MeterStats): string {
  const head =
    `meter:${formatMeterId(meterId)} flow_count:${flowCount} packet_in_count:${packets} byte_in_count:${bytes} ` +
    `duration:${formatSeconds(durationMs)} bands:\n`;
  return head + bands.map((band, i) => `${i}: packet_count:${band.packets} byte_count:${band.bytes}\n`).join('');
}

/** Types of bands by bit. */
const BAND_TYPES = ['', 'drop', 'dscp_remark'];

export function formatBandTypes(bits: number): string {
  return BAND_TYPES.filter((name, bit) => name !== '' && bits & (1 << bit)).join(' ');
}
