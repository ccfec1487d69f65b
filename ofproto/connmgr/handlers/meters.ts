// Meters: meter-mod, and what statistics, configurations and features say about meters.

import { METER_FEATURES } from '../../groups/meter-table.ts';
import type { MeterConfig, MeterStats } from '../../model/groups.ts';
import { sendInParts } from '../multipart.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

export const meterHandlers: Handlers = {
  meter_mod: (session, message) => {
    refuseSlave(session);
    session.switch.ofproto.resources.meterMod(message.mod);
    session.forward(message);
  },

  meter_config_request: (session, { xid, meterId }) =>
    sendInParts(session, session.switch.ofproto.resources.meters(meterId), (meters: readonly MeterConfig[], more) => ({
      type: 'meter_config_reply',
      xid,
      more,
      meters,
    })),

  meter_stats_request: (session, { xid, meterId }) =>
    sendInParts(
      session,
      session.switch.ofproto.resources.meterStats(meterId),
      (stats: readonly MeterStats[], more) => ({
        type: 'meter_stats_reply',
        xid,
        more,
        stats,
      }),
    ),

  meter_features_request: (session, { xid }) => {
    session.send({ type: 'meter_features_reply', xid, more: false, ...METER_FEATURES });
  },
};
