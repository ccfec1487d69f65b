// How long each of Nicira's actions is, header included: a wrong length is refused before anything in the action is looked
// at (OFPBAC_BAD_LEN).

import * as NX from './nx-numbers.ts';

type Lengths = readonly [least: number, most: number];

/** Those not named here are 16 bytes long. */
const LENGTHS: Readonly<Record<number, Lengths>> = {
  [NX.NXAST_REG_MOVE]: [16, 0xffff],
  [NX.NXAST_REG_LOAD]: [24, 24],
  [NX.NXAST_NOTE]: [16, 0xffff],
  [NX.NXAST_SET_TUNNEL64]: [24, 24],
  [NX.NXAST_MULTIPATH]: [32, 32],
  [NX.NXAST_BUNDLE]: [32, 0xffff],
  [NX.NXAST_BUNDLE_LOAD]: [32, 0xffff],
  [NX.NXAST_OUTPUT_REG]: [24, 24],
  [NX.NXAST_LEARN]: [32, 0xffff],
  [NX.NXAST_DEC_TTL_CNT_IDS]: [16, 0xffff],
  [NX.NXAST_WRITE_METADATA]: [32, 32],
  [NX.NXAST_STACK_PUSH]: [24, 24],
  [NX.NXAST_STACK_POP]: [24, 24],
  [NX.NXAST_SAMPLE]: [24, 24],
  [NX.NXAST_OUTPUT_REG2]: [24, 24],
  [NX.NXAST_REG_LOAD2]: [16, 0xffff],
  [NX.NXAST_CT]: [24, 0xffff],
  [NX.NXAST_NAT]: [16, 0xffff],
  [NX.NXAST_CONTROLLER2]: [16, 0xffff],
  [NX.NXAST_SAMPLE2]: [32, 32],
  [NX.NXAST_SAMPLE3]: [32, 32],
  [NX.NXAST_CLONE]: [16, 0xffff],
  [NX.NXAST_LEARN2]: [40, 0xffff],
  [NX.NXAST_ENCAP]: [16, 0xffff],
  [NX.NXAST_DECAP]: [16, 0xffff],
  [NX.NXAST_CHECK_PKT_LARGER]: [24, 0xffff],
  [NX.NXAST_DELETE_FIELD]: [24, 24],
  [NX.NXAST_DEBUG_SLOW]: [16, 0xffff],
  [NX.NXAST_DEBUG_RECIRC]: [16, 0xffff],
};
const SIXTEEN: Lengths = [16, 16];

export const nxLength = (subtype: number): Lengths => LENGTHS[subtype] ?? SIXTEEN;
