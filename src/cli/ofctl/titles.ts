// The titles of printed messages: the protocol's own names, with the version from 1.1 on.

import { OFP13_VERSION, OFP14_VERSION, type OfMessage, type OfType } from '../../../ofproto/model/messages.ts';

const TITLES: Readonly<Record<OfType, string>> = {
  hello: 'OFPT_HELLO',
  error: 'OFPT_ERROR',
  echo_request: 'OFPT_ECHO_REQUEST',
  echo_reply: 'OFPT_ECHO_REPLY',
  features_request: 'OFPT_FEATURES_REQUEST',
  features_reply: 'OFPT_FEATURES_REPLY',
  get_config_request: 'OFPT_GET_CONFIG_REQUEST',
  get_config_reply: 'OFPT_GET_CONFIG_REPLY',
  set_config: 'OFPT_SET_CONFIG',
  packet_in: 'OFPT_PACKET_IN',
  packet_out: 'OFPT_PACKET_OUT',
  flow_mod: 'OFPT_FLOW_MOD',
  flow_removed: 'OFPT_FLOW_REMOVED',
  port_status: 'OFPT_PORT_STATUS',
  port_mod: 'OFPT_PORT_MOD',
  table_mod: 'OFPT_TABLE_MOD',
  table_status: 'OFPT_TABLE_STATUS',
  barrier_request: 'OFPT_BARRIER_REQUEST',
  barrier_reply: 'OFPT_BARRIER_REPLY',
  role_request: 'OFPT_ROLE_REQUEST',
  role_reply: 'OFPT_ROLE_REPLY',
  resume: 'NXT_RESUME',
  bundle_control: 'OFPT_BUNDLE_CONTROL',
  bundle_add: 'OFPT_BUNDLE_ADD_MESSAGE',
  request_forward: 'OFPT_REQUESTFORWARD',
  role_status: 'OFPT_ROLE_STATUS',
  set_flow_format: 'NXT_SET_FLOW_FORMAT',
  flow_mod_table_id: 'NXT_FLOW_MOD_TABLE_ID',
  flow_age: 'NXT_FLOW_AGE',
  set_packet_in_format: 'NXT_SET_PACKET_IN_FORMAT',
  set_controller_id: 'NXT_SET_CONTROLLER_ID',
  set_async_config: 'OFPT_SET_ASYNC',
  get_async_request: 'OFPT_GET_ASYNC_REQUEST',
  get_async_reply: 'OFPT_GET_ASYNC_REPLY',
  desc_request: 'OFPST_DESC request',
  desc_reply: 'OFPST_DESC reply',
  flow_stats_request: 'OFPST_FLOW request',
  flow_stats_reply: 'OFPST_FLOW reply',
  aggregate_request: 'OFPST_AGGREGATE request',
  aggregate_reply: 'OFPST_AGGREGATE reply',
  table_stats_request: 'OFPST_TABLE request',
  table_stats_reply: 'OFPST_TABLE reply',
  tlv_table_mod: 'NXT_TLV_TABLE_MOD',
  tlv_table_request: 'NXT_TLV_TABLE_REQUEST',
  tlv_table_reply: 'NXT_TLV_TABLE_REPLY',
  ct_flush_zone: 'NXT_CT_FLUSH_ZONE',
  ct_flush: 'NXT_CT_FLUSH',
  table_desc_request: 'OFPST_TABLE_DESC request',
  table_desc_reply: 'OFPST_TABLE_DESC reply',
  table_features_request: 'OFPST_TABLE_FEATURES request',
  table_features_reply: 'OFPST_TABLE_FEATURES reply',
  port_stats_request: 'OFPST_PORT request',
  port_stats_reply: 'OFPST_PORT reply',
  port_desc_request: 'OFPST_PORT_DESC request',
  port_desc_reply: 'OFPST_PORT_DESC reply',
  queue_stats_request: 'OFPST_QUEUE request',
  queue_stats_reply: 'OFPST_QUEUE reply',
  queue_config_request: 'OFPT_QUEUE_GET_CONFIG_REQUEST',
  queue_config_reply: 'OFPT_QUEUE_GET_CONFIG_REPLY',
  group_mod: 'OFPT_GROUP_MOD',
  meter_mod: 'OFPT_METER_MOD',
  group_stats_request: 'OFPST_GROUP request',
  group_stats_reply: 'OFPST_GROUP reply',
  group_desc_request: 'OFPST_GROUP_DESC request',
  group_desc_reply: 'OFPST_GROUP_DESC reply',
  group_features_request: 'OFPST_GROUP_FEATURES request',
  group_features_reply: 'OFPST_GROUP_FEATURES reply',
  meter_stats_request: 'OFPST_METER request',
  meter_stats_reply: 'OFPST_METER reply',
  meter_config_request: 'OFPST_METER_CONFIG request',
  meter_config_reply: 'OFPST_METER_CONFIG reply',
  meter_features_request: 'OFPST_METER_FEATURES request',
  meter_features_reply: 'OFPST_METER_FEATURES reply',
  flow_monitor_request: 'NXST_FLOW_MONITOR request',
  flow_monitor_reply: 'NXST_FLOW_MONITOR reply',
  flow_monitor_cancel: 'NXT_FLOW_MONITOR_CANCEL',
  flow_monitor_paused: 'NXT_FLOW_MONITOR_PAUSED',
  flow_monitor_resumed: 'NXT_FLOW_MONITOR_RESUMED',
};

/** Messages whose Nicira form has a name of its own. */
function niciraTitle(message: OfMessage, version: number): string | undefined {
  if ('format' in message && message.format === 'nxm' && message.type !== 'set_flow_format') {
    return TITLES[message.type].replace('OFP', 'NX');
  }
  if (message.type.startsWith('bundle_')) return bundleTitle(message.type, version);
  if (message.type === 'packet_in' && message.format !== 'standard') return message.format.toUpperCase();
  if (message.type.startsWith('flow_monitor')) return monitorTitle(message.type, version);
  if ('nicira' in message && message.nicira) return TITLES[message.type].replace('OFPT_', 'NXT_');
  return undefined;
}

/** An extension of Nicira's up to 1.2, of ONF's on 1.3, and OpenFlow's own since. */
function monitorTitle(type: OfType, version: number): string {
  if (version < OFP13_VERSION) return TITLES[type];
  return TITLES[type].replace('NX', version === OFP13_VERSION ? 'ONF' : 'OFP');
}

/** ONF's extension on 1.3. */
const bundleTitle = (type: OfType, version: number): string =>
  version <= OFP13_VERSION ? TITLES[type].replace('OFPT_', 'ONFT_') : TITLES[type];

/** `OFPST_FLOW reply (OF1.3)`. */
export function messageTitle(message: OfMessage, version: number): string {
  const title =
    niciraTitle(message, version) ??
    extension10(message, version) ??
    queueDesc(message, version) ??
    TITLES[message.type];
  return version > 1 ? `${title} (OF1.${version - 1})` : title;
}

/** From 1.4 on, the configuration of queues is asked for with other statistics. */
function queueDesc({ type }: OfMessage, version: number): string | undefined {
  if (version < OFP14_VERSION || !type.startsWith('queue_config_')) return undefined;
  return type === 'queue_config_request' ? 'OFPST_QUEUE_DESC request' : 'OFPST_QUEUE_DESC reply';
}

/** On 1.0, groups are an extension; on 1.1 their features. */
function extension10(message: OfMessage, version: number): string | undefined {
  const isFeatures = message.type.startsWith('group_features');
  return (version === 1 && message.type.startsWith('group_')) || (version === 2 && isFeatures)
    ? TITLES[message.type].replace('OFP', 'NX')
    : undefined;
}
