// Registers, metadata and the like between a packet's flow and the match that packet-ins and packet-outs carry.

import { OFPP } from './actions.ts';
import {
  emptyMatch,
  FLOW_ACTSET_OUTPUT,
  FLOW_METADATA,
  FLOW_TUN_METADATA_PRESENT,
  type Flow,
  KEY_IN_PORT,
  KEY_PACKET_TYPE,
  KEY_PKT_MARK,
  type Match,
} from './flow.ts';

/** Registers, metadata, in_port and packet type as a match: only what is not 0, and no options of tunnels. */
export function metadataMatch(metadata: Flow): Match {
  const match = emptyMatch();
  match.flow.copyFrom(metadata);
  match.mask.setU32(KEY_IN_PORT, 0xffffffff);
  if (metadata.u32(KEY_PACKET_TYPE) !== 0) match.mask.setU32(KEY_PACKET_TYPE, 0xffffffff);
  if (metadata.u32(KEY_PKT_MARK) !== 0) match.mask.setU32(KEY_PKT_MARK, 0xffffffff);
  if (metadata.u64(FLOW_METADATA) !== 0n) match.mask.setU64(FLOW_METADATA, 0xffffffffffffffffn);
  for (let at = FLOW_METADATA + 8; at < FLOW_TUN_METADATA_PRESENT; at += 4) {
    if (metadata.u32(at) !== 0) match.mask.setU32(at, 0xffffffff);
  }
  if (metadata.u32(FLOW_ACTSET_OUTPUT) === OFPP.UNSET) match.mask.setU32(FLOW_ACTSET_OUTPUT, 0);
  match.flow.applyMask(match.mask);
  return match;
}

/** Writes the metadata that `match` gives into a packet's flow. */
export function applyMetadata(flow: Flow, { flow: values, mask }: Match): void {
  for (let i = FLOW_METADATA / 4; i < flow.words.length; i++) {
    flow.words[i] = (flow.words[i]! & ~mask.words[i]!) | (values.words[i]! & mask.words[i]!);
  }
}
