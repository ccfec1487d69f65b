// What a look-up saw that is not the packet's own: fields that actions wrote before it, registers and metadata. Together
// with the packet's key it tells later whether a new rule could have been found there.

import { OFPP } from '../model/actions.ts';
import { FLOW_ACTSET_OUTPUT, FLOW_SIZE, FLOW_TUN_METADATA, Flow, KEY_SIZE } from '../model/flow.ts';

const WORDS = FLOW_SIZE / 4;
const KEY_WORDS = KEY_SIZE / 4;
/** Options of tunnels are not looked at: of one that was written it is said that it is there. */
const USED_WORDS = FLOW_TUN_METADATA / 4;
const ACTSET_WORD = FLOW_ACTSET_OUTPUT / 4;

/** 32-bit words of a Flow, by ascending index, and their values in the machine's order. */
export interface Rewritten {
  readonly words: Uint8Array;
  readonly values: Uint32Array;
}

/** Metadata as every packet begins with it. */
export const FRESH = new Flow();
FRESH.setU32(FLOW_ACTSET_OUTPUT, OFPP.UNSET);

/** Whether no action has written anything yet: the case of most look-ups. */
function isUnwritten({ words }: Flow, packet: Uint32Array): boolean {
  for (let i = 0; i < KEY_WORDS; i++) if (words[i] !== packet[i]) return false;
  for (let i = KEY_WORDS; i < USED_WORDS; i++) if (words[i] !== 0 && words[i] !== FRESH.words[i]) return false;
  return words[ACTSET_WORD] === FRESH.words[ACTSET_WORD];
}

/** Where `flow` differs from the packet as it came in; `last` itself when that is the same. */
export function rewrittenWords(flow: Flow, packet: Flow, last: Rewritten | undefined): Rewritten | undefined {
  if (isUnwritten(flow, packet.words)) return undefined;
  let count = 0;
  let same = true;
  for (let i = 0; i < WORDS; i++) {
    const word = flow.words[i]!;
    if (word === (i < KEY_WORDS ? packet.words[i] : FRESH.words[i])) continue;
    if (same) same = last !== undefined && last.words[count] === i && last.values[count] === word;
    count++;
  }
  if (count === 0) return undefined;
  return same && last?.words.length === count ? last : collect(flow, packet, count);
}

function collect(flow: Flow, packet: Flow, count: number): Rewritten {
  const words = new Uint8Array(count);
  const values = new Uint32Array(count);
  let n = 0;
  for (let i = 0; i < WORDS; i++) {
    const word = flow.words[i]!;
    if (word === (i < KEY_WORDS ? packet.words[i] : FRESH.words[i])) continue;
    words[n] = i;
    values[n++] = word;
  }
  return { words, values };
}
