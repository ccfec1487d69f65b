// Nicira's extensions that are about tunnels and connection tracking, which clients set up before anything else.

import { OFPP } from '../../model/actions.ts';
import { emptyMatch } from '../../model/flow.ts';
import { OFPG } from '../../model/groups.ts';
import {
  matchedTunMetadata,
  namedTunMetadata,
  OPTION_SPACE_MAX,
  TUN_METADATA_FIELDS,
  tunMetadataIndex,
} from '../../model/tun-metadata.ts';
import { ALL_TABLES } from '../../tables/limits.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

/** Which tun_metadata fields the bridge's flows name. */
function namedByFlows(session: Session): Set<number> {
  const all = {
    tableId: ALL_TABLES,
    match: emptyMatch(),
    cookie: 0n,
    cookieMask: 0n,
    outPort: OFPP.ANY,
    outGroup: OFPG.ANY,
  };
  const rules = session.switch.ofproto.findFlows(all);
  return new Set(
    rules.flatMap((rule) => [
      ...namedTunMetadata(rule.actions),
      ...matchedTunMetadata(rule.match()).map(tunMetadataIndex),
    ]),
  );
}

export const extensionHandlers: Handlers = {
  tlv_table_mod: (session, mod) => {
    refuseSlave(session);
    const inUse = mod.command === 'add' ? new Set<number>() : namedByFlows(session);
    session.switch.tlvTable.change(mod, inUse);
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
