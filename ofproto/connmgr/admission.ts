// Whether a controller that is connected does its work: one whose program hangs, or which refuses this switch, may keep
// its connection up. It does once it sent a message that is more than an introduction, or has been connected for long. A
// bridge that stands alone hands its duty back only then (fail-mode.ts), and helps a controller that programs switches
// when packets come to it, by packets that nobody sent.

import { randomBytes } from 'node:crypto';
import { learningFrame } from '../bonds/learning-frame.ts';
import { OFPP } from '../model/actions.ts';
import { emptyMatch, KEY_IN_PORT } from '../model/flow.ts';
import type { PacketIn } from '../model/flow-mod.ts';

/** From then on its silence is taken for consent. */
export const ADMITTED_AFTER_MS = 30_000;
export const PROD_INTERVAL_MS = 2000;

/** OFPT_HELLO, ERROR, ECHO_*, FEATURES_*, GET_CONFIG_* and SET_CONFIG, whose numbers are the same in every version. */
const INTRODUCTIONS: ReadonlySet<number> = new Set([0, 1, 2, 3, 5, 6, 7, 8, 9]);

/** Whether a controller that sends this type of message has taken the switch on. */
export function admits(type: number): boolean {
  return !INTRODUCTIONS.has(type);
}

/** A packet of a station that does not exist, as if the local port had sent it and no flow had matched. */
export function prod(): PacketIn {
  const packet = learningFrame(Buffer.concat([Buffer.of(0x00, 0x23, 0x20, 0x80 | randomBytes(1)[0]!), randomBytes(2)]));
  const metadata = emptyMatch();
  metadata.flow.setU32(KEY_IN_PORT, OFPP.LOCAL);
  metadata.mask.setU32(KEY_IN_PORT, 0xffffffff);
  const { length } = packet;
  return {
    reason: 'no_match',
    tableId: 0,
    cookie: 0xffffffffffffffffn,
    totalLen: length,
    packet,
    metadata,
    controllerId: 0,
    maxLen: length,
  };
}
