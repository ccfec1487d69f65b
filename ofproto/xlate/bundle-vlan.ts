// VLANs of a bundle: which tags it lets in, what VLAN a packet is in then, and with which tags it leaves by another
// (ovs-vswitchd.conf.db(5), Port, "VLAN Configuration").

import * as F from '../model/flow.ts';
import { hasVlan, vlanCount } from './protocols.ts';
import type { XlateBundle } from './snapshot.ts';
import { ETH_TYPE_VLAN, VLAN_PCP_MASK, VLAN_VID_MASK } from './vlan.ts';

export interface Tag {
  /** 0: no tag. */
  readonly tpid: number;
  readonly vid: number;
  /** In the place it has in the TCI. */
  readonly pcp: number;
}

/** The outer and the inner tag. */
export type Tags = readonly [outer: Tag, inner: Tag];

export const NO_TAG: Tag = { tpid: 0, vid: 0, pcp: 0 };
const ETH_TYPE_QINQ = 0x88a8;

/** The tags that a packet has. */
export function tagsOf(flow: F.Flow): Tags {
  const tag = (index: number): Tag => {
    if (index >= vlanCount(flow)) return NO_TAG;
    const tci = flow.u16(F.KEY_VLAN0_TCI + 4 * index);
    return { tpid: flow.u16(F.KEY_VLAN0_TPID + 4 * index), vid: tci & VLAN_VID_MASK, pcp: tci & VLAN_PCP_MASK };
  };
  return [tag(0), tag(1)];
}

const has = (list: readonly number[] | undefined, vid: number) => !list || list.length === 0 || list.includes(vid);

/** Why a packet with outer VLAN `vid` may not come in by `bundle`; undefined when it may. */
export function refuseVid({ name, vlan }: XlateBundle, vid: number): string | undefined {
  switch (vlan.mode) {
    case 'access':
      if (vid === 0) return undefined;
      return `dropping VLAN ${vid} tagged packet received on port ${name} configured as VLAN ${vlan.tag} access port`;
    case 'dot1q-tunnel':
      if (has(vlan.cvlans, vid)) return undefined;
      return `dropping VLAN ${vid} packet received on dot1q-tunnel port ${name} that excludes this VLAN`;
    case 'native-tagged':
    case 'native-untagged':
      if (vid === 0 || vid === vlan.tag) return undefined;
  }
  if (has(vlan.trunks, vid)) return undefined;
  return `dropping VLAN ${vid} packet received on port ${name} not configured for trunking VLAN ${vid}`;
}

/** A packet's tags as the bridge sees them inside: the outer one names the VLAN that it is switched in. */
export function inputTags({ vlan }: XlateBundle, tags: Tags): Tags {
  const [outer] = tags;
  const own = { tpid: outer.tpid || ETH_TYPE_VLAN, vid: vlan.tag, pcp: outer.pcp };
  switch (vlan.mode) {
    case 'access':
      return [own, NO_TAG];
    case 'dot1q-tunnel':
      return [{ tpid: vlan.qinqEthtype ?? ETH_TYPE_QINQ, vid: vlan.tag, pcp: 0 }, outer];
    case 'trunk':
      return tags;
    default:
      return outer.vid === 0 ? [own, tags[1]] : tags;
  }
}

/** Whether packets with these inside tags go out by `bundle`. */
export function carries({ vlan }: XlateBundle, [outer, inner]: Tags): boolean {
  switch (vlan.mode) {
    case 'access':
      return outer.vid === vlan.tag && inner.vid === 0;
    case 'dot1q-tunnel':
      return outer.vid === vlan.tag && has(vlan.cvlans, inner.vid);
    case 'trunk':
      return has(vlan.trunks, outer.vid);
    default:
      if (outer.vid === vlan.tag) return true;
      // The native VLAN takes the place of VLAN 0.
      return outer.vid !== 0 && has(vlan.trunks, outer.vid);
  }
}

/** Of packets that went out its customer VLAN is matched; of those that it kept in Open vSwitch matches nothing. */
export const choosesByInnerTag = ({ vlan }: XlateBundle): boolean =>
  vlan.mode === 'dot1q-tunnel' && (vlan.cvlans ?? []).length > 0;

function outputTags({ vlan }: XlateBundle, tags: Tags): Tags {
  const [outer, inner] = tags;
  switch (vlan.mode) {
    case 'access':
      return [NO_TAG, NO_TAG];
    case 'dot1q-tunnel':
      return [inner, NO_TAG];
    case 'native-untagged':
      return outer.vid === vlan.tag ? [inner, NO_TAG] : tags;
    default:
      return tags;
  }
}

/** Gives the flow the tags with which packets with these inside tags leave by `bundle`. */
export function writeOutputTags(flow: F.Flow, bundle: XlateBundle, tags: Tags): void {
  const [outer, inner] = outputTags(bundle, tags);
  const keepsPriority = (bundle.vlan.priorityTags ?? 'never') !== 'never';
  // Open vSwitch 3.1 treats `always` like `if-nonzero`.
  const pcp = keepsPriority && hasVlan(flow) ? flow.u16(F.KEY_VLAN0_TCI) & VLAN_PCP_MASK : outer.pcp;
  flow.setU32(F.KEY_VLAN0_TPID, word({ ...outer, pcp }));
  flow.setU32(F.KEY_VLAN1_TPID, word(inner));
}

/** Neither a VLAN nor a priority: no tag. */
function word({ tpid, vid, pcp }: Tag): number {
  if (vid === 0 && pcp === 0) return 0;
  return (((tpid || ETH_TYPE_VLAN) << 16) | pcp | F.VLAN_CFI | vid) >>> 0;
}
