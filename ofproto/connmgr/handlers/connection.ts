// Messages about the connection itself: echo, features, configuration, barriers, roles, asynchronous messages, and the
// Nicira extensions that choose formats.

import { type Capability, OFP13_VERSION, OFP14_VERSION, type SwitchConfig } from '../../model/messages.ts';
import { N_TABLES } from '../../tables/limits.ts';
import { asyncMasks, OFPAT10_SUPPORTED } from '../../wire/index.ts';
import { ASYNC_NONE, asyncConfig13, hasInvalidTtl, withInvalidTtl, withMasks } from '../async-config.ts';
import type { Handlers } from './handler.ts';

const NO_GENERATION = 0xffff_ffff_ffff_ffffn;

/** Everything weft can do; a version says what it has a bit for. */
const CAPABILITIES: readonly Capability[] = [
  'flow_stats',
  'table_stats',
  'port_stats',
  'group_stats',
  'queue_stats',
  'arp_match_ip',
  'bundles',
];

export const connectionHandlers: Handlers = {
  echo_request: (session, { xid, data }) => session.send({ type: 'echo_reply', xid, data }),
  // An answer to our inactivity probe: that it arrived is all it says.
  echo_reply: () => {},
  // Nobody sends errors to a switch; without a handler they are refused, as Open vSwitch does.

  features_request: (session, { xid }) => {
    const { ofproto } = session.switch;
    session.send({
      type: 'features_reply',
      xid,
      datapathId: ofproto.datapathId,
      nBuffers: 0,
      nTables: N_TABLES,
      auxiliaryId: 0,
      capabilities: CAPABILITIES,
      actions: OFPAT10_SUPPORTED,
      ports: session.version < OFP13_VERSION ? ofproto.portDescs() : [],
    });
  },

  get_config_request: (session, { xid }) => session.send({ type: 'get_config_reply', xid, ...configOf(session) }),
  set_config: (session, { frag, invalidTtlToController, missSendLen }) => {
    if (session.role !== 'slave') session.switch.frag = frag === 'reassemble' ? 'normal' : frag;
    // 1.3 has the masks of set-async for it instead.
    if (session.version < OFP13_VERSION) {
      session.asyncConfig = withInvalidTtl(session.asyncConfig, invalidTtlToController);
    }
    session.missSendLen = missSendLen;
    session.switch.changed();
  },

  barrier_request: (session, { xid }) => {
    const reply = () => session.send({ type: 'barrier_reply', xid });
    // Clients that ask after each of many flow-mods are answered in the same turn.
    return session.switch.ofproto.barrier()?.then(reply) ?? reply();
  },

  role_request: (session, { xid, role, generationId, nicira }) => {
    if (!nicira && (role === 'master' || role === 'slave')) session.switch.checkGeneration(generationId);
    if (role === 'master') session.switch.promote(session);
    else if (role !== 'nochange') session.role = role;
    const known = session.switch.generationId ?? NO_GENERATION;
    session.send({ type: 'role_reply', xid, role: session.role, generationId: known, nicira });
    session.switch.changed();
  },

  set_async_config: (session, { form, masks }) => {
    // The older forms say everything; properties change what they name.
    const isWhole = form === 'nicira' || (form === 'standard' && session.version < OFP14_VERSION);
    session.asyncConfig = withMasks(isWhole ? ASYNC_NONE : session.asyncConfig, masks);
    session.switch.changed();
  },
  get_async_request: (session, { xid }) => {
    const { asyncConfig } = session;
    const shown = session.version < OFP14_VERSION ? asyncConfig13(asyncConfig) : asyncConfig;
    session.send({ type: 'get_async_reply', xid, masks: asyncMasks(shown) });
  },

  set_flow_format: (session, { format }) => {
    session.flowFormat = format;
  },
  // Flow statistics always tell ages here.
  flow_age: () => {},
  flow_mod_table_id: (session, { enabled }) => {
    session.flowModTableId = enabled;
  },
  set_packet_in_format: (session, { format }) => {
    session.packetInFormat = format;
  },
  set_controller_id: (session, { controllerId }) => {
    session.controllerId = controllerId;
    session.switch.changed();
  },
};

function configOf(session: Parameters<NonNullable<Handlers['echo_reply']>>[0]): SwitchConfig {
  return {
    frag: session.switch.frag,
    invalidTtlToController: session.version < OFP13_VERSION && hasInvalidTtl(session.asyncConfig),
    missSendLen: session.missSendLen,
  };
}
