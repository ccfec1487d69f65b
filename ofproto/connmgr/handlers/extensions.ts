// Nicira's extensions that are about tunnels and connection tracking, which clients set up before anything else.

import { TUN_METADATA_FIELDS } from '../../wire/index.ts';
import { OPTION_SPACE_MAX } from '../tlv-table.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

export const extensionHandlers: Handlers = {
  tlv_table_mod: (session, mod) => {
    refuseSlave(session);
    session.switch.tlvTable.change(mod);
  },
  tlv_table_request: (session, { xid }) => {
    const { mappings } = session.switch.tlvTable;
    const limits = { maxOptionSpace: OPTION_SPACE_MAX, maxFields: TUN_METADATA_FIELDS };
    session.send({ type: 'tlv_table_reply', xid, ...limits, mappings });
  },

  // No connection is ever tracked here, so none is left after flushing.
  ct_flush_zone: (session) => refuseSlave(session),
  ct_flush: (session) => refuseSlave(session),
};
