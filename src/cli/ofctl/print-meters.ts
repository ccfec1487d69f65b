// Messages about meters as ovs-ofctl prints them.

import type { OfMessage } from '../../../ofproto/model/messages.ts';
import {
  formatBandTypes,
  formatMeter,
  formatMeterFlags,
  formatMeterId,
  formatMeterMod,
  formatMeterStats,
} from '../../../ofproto/text/format-meter.ts';

type MeterMessage = Extract<
  OfMessage,
  {
    type:
      | 'meter_mod'
      | 'meter_config_request'
      | 'meter_config_reply'
      | 'meter_stats_request'
      | 'meter_stats_reply'
      | 'meter_features_reply';
  }
>;

/** What follows the title; entries of a list have a blank line between them. */
export function formatMeterMessage(message: MeterMessage): string {
  switch (message.type) {
    case 'meter_mod':
      return formatMeterMod(message.mod);
    case 'meter_config_request':
    case 'meter_stats_request':
      return `meter=${formatMeterId(message.meterId)}\n`;
    case 'meter_config_reply':
      return `\n${message.meters.map(formatMeter).join('\n')}`;
    case 'meter_stats_reply':
      return `\n${message.stats.map(formatMeterStats).join('\n')}`;
    case 'meter_features_reply': {
      const { maxMeters, maxBands, maxColor, bandTypes, capabilities } = message;
      return (
        `\nmax_meter:${maxMeters} max_bands:${maxBands} max_color:${maxColor}\n` +
        `band_types: ${formatBandTypes(bandTypes)}\ncapabilities: ${formatMeterFlags(capabilities).trim()}\n`
      );
    }
  }
}
