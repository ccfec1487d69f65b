// Meter mods and meter statistics of the typed API, to and from ofproto's model.

import { Reader, Writer } from '../../../lib/cursors.ts';
import { UserError } from '../../../lib/errors.ts';
import {
  type MeterBand,
  type MeterCommand,
  type MeterConfig,
  type MeterMod,
  type MeterStats,
  OFPMF,
} from '../../../ofproto/model/groups.ts';
import { formatMeter } from '../../../ofproto/text/format-meter.ts';
import { parseMeterMod } from '../../../ofproto/text/parse-meter.ts';
import { decodeMeterMod, encodeMeterMod } from '../../../ofproto/wire/meters.ts';
import type { MeterMessage, MeterModMessage, MeterStatsMessage } from '../messages.ts';
import { counterMessage } from './groups.ts';
import { shortText, uint } from './values.ts';

const COMMANDS: Readonly<Record<string, MeterCommand | undefined>> = {
  METER_COMMAND_UNSPECIFIED: 'add',
  METER_COMMAND_ADD: 'add',
  METER_COMMAND_MODIFY: 'modify',
  METER_COMMAND_DELETE: 'delete',
};

const BAND_TYPES: readonly (readonly [name: string, type: MeterBand['type']])[] = [
  ['DROP', 'drop'],
  ['DSCP_REMARK', 'dscp_remark'],
];

/** Throws UserError for what cannot be understood, OfError for what OpenFlow refuses. */
export function meterModOf({ command: name, meterText, meter }: MeterModMessage): MeterMod {
  const command = COMMANDS[name];
  if (!command) throw new UserError(`${name} is not a known command`);
  if (meter) return asOnWire({ command, ...meterConfig(meter) });
  if (meterText === undefined) throw new UserError('a meter mod has no meter');
  return asOnWire(parseMeterMod(shortText(meterText), command));
}

/** OpenFlow's codec says what is wrong with a message as it would of one that came by a connection. */
function asOnWire(mod: MeterMod): MeterMod {
  const w = new Writer();
  encodeMeterMod(w, mod);
  return decodeMeterMod(new Reader(w.finish(), 'OFPBRC_BAD_LEN'));
}

function meterConfig({ meterId, pktps, burst, stats, bands }: MeterMessage): MeterConfig {
  const unit = pktps ? OFPMF.PKTPS : OFPMF.KBPS;
  const flags = unit | (burst ? OFPMF.BURST : 0) | (stats ? OFPMF.STATS : 0);
  return { meterId, flags, bands: bands.map(bandOf) };
}

function bandOf({ type: name, rate, burstSize, precLevel }: MeterMessage['bands'][number]): MeterBand {
  const type = BAND_TYPES.find(([known]) => known === name)?.[1];
  if (!type) throw new UserError(`${name} is not a known band`);
  return { type, rate, burst: burstSize, precLevel: uint(precLevel, 8, 'prec_level') };
}

export function meterStatsMessage(meter: MeterConfig, stats: MeterStats): MeterStatsMessage {
  return {
    meter: meterMessage(meter),
    text: formatMeter(meter).trim().replaceAll('\n', ' '),
    flowCount: stats.flowCount,
    packetInCount: String(stats.packets),
    byteInCount: String(stats.bytes),
    durationMs: Math.max(0, Math.floor(stats.durationMs)),
    bands: stats.bands.map(counterMessage),
  };
}

function meterMessage({ meterId, flags, bands }: MeterConfig): MeterMessage {
  return {
    meterId,
    pktps: (flags & OFPMF.PKTPS) !== 0,
    burst: (flags & OFPMF.BURST) !== 0,
    stats: (flags & OFPMF.STATS) !== 0,
    bands: bands.map(({ type, rate, burst, precLevel }) => ({
      type: BAND_TYPES.find(([, known]) => known === type)![0],
      rate,
      burstSize: burst,
      precLevel,
    })),
  };
}
