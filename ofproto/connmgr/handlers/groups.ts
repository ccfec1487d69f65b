// Groups: group-mod, and what statistics, descriptions and features say about groups.

import type { GroupSpec, GroupStats } from '../../model/groups.ts';
import { groupActions } from '../../wire/index.ts';
import { sendInParts } from '../multipart.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

/** All four types. */
const TYPES = 0xf;
/** OFPGFC_SELECT_WEIGHT, SELECT_LIVENESS and CHAINING. */
const CAPABILITIES = 0x7;
const MAX_GROUPS = 0xffffff00;

const forEachType = (value: number) => TYPE_NUMBERS.map(() => value);
const TYPE_NUMBERS = [0, 1, 2, 3];

export const groupHandlers: Handlers = {
  group_mod: (session, message) => {
    refuseSlave(session);
    session.switch.ofproto.resources.groupMod(message.mod);
    session.forward(message);
  },

  group_desc_request: (session, { xid, groupId }) =>
    sendInParts(session, session.switch.ofproto.resources.groups(groupId), (groups: readonly GroupSpec[], more) => ({
      type: 'group_desc_reply',
      xid,
      more,
      groups,
    })),

  group_stats_request: (session, { xid, groupId }) =>
    sendInParts(
      session,
      session.switch.ofproto.resources.groupStats(groupId),
      (stats: readonly GroupStats[], more) => ({
        type: 'group_stats_reply',
        xid,
        more,
        stats,
      }),
    ),

  group_features_request: (session, { xid }) => {
    session.send({
      type: 'group_features_reply',
      xid,
      more: false,
      types: TYPES,
      capabilities: CAPABILITIES,
      maxGroups: forEachType(MAX_GROUPS),
      actions: forEachType(groupActions(session.version)),
    });
  },
};
