// The four stages in which a subtable is looked up: packet metadata, then L2, L3 and L4. A look-up that fails in an early
// stage has not read the fields of the later ones, so they stay wildcarded in the megaflow (B. Pfaff et al., "The Design
// and Implementation of Open vSwitch", NSDI 2015, 5.3).

import * as F from './flow.ts';

export const N_STAGES = 4;
export const WORDS = F.FLOW_SIZE / 4;

type Range = readonly [from: number, to: number];

/** Byte ranges of a Flow that are not metadata. */
const RANGES: readonly (readonly Range[])[] = [
  [],
  [
    [F.KEY_ETH_TYPE, F.KEY_NW_FRAG],
    [F.KEY_VLAN0_TPID, F.KEY_NW_SRC],
    [F.KEY_MPLS_LSE0, F.KEY_ND_RESERVED],
  ],
  [
    [F.KEY_NW_FRAG, F.KEY_VLAN0_TPID],
    [F.KEY_NW_SRC, F.KEY_TP_SRC],
    [F.KEY_NW_TOS, F.KEY_IGMP_GROUP],
    [F.KEY_CT_NW_SRC, F.KEY_CT_TP_SRC],
    [F.KEY_NSH_FLAGS, F.KEY_SIZE],
  ],
  [
    [F.KEY_TP_SRC, F.KEY_NW_TOS],
    // What neighbour discovery and ARP carry counts as this layer.
    [F.KEY_IGMP_GROUP, F.KEY_MPLS_LSE0],
    [F.KEY_ND_RESERVED, F.KEY_DP_HASH],
    [F.KEY_CT_TP_SRC, F.KEY_CT_TP_SRC + 8],
  ],
];

function stageMasks(): readonly Uint32Array[] {
  const metadata = new Uint8Array(F.FLOW_SIZE).fill(0xff);
  const masks = RANGES.map((ranges) => {
    const mask = new Uint8Array(F.FLOW_SIZE);
    for (const [from, to] of ranges) {
      mask.fill(0xff, from, to);
      metadata.fill(0, from, to);
    }
    return new Uint32Array(mask.buffer);
  });
  masks[0] = new Uint32Array(metadata.buffer);
  return masks;
}

/** For each stage, all ones in the bits of a Flow that belong to it. */
export const STAGE_MASKS: readonly Uint32Array[] = stageMasks();
