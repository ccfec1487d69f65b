// A mask without its zero words, and interning of equal ones: rules of one shape share it, and with it their subtable.
// A rule keeps its values as one word for each slot of its mask, a tenth of a whole Flow.

import {
  Flow,
  KEY_ETH_TYPE,
  KEY_NW_SRC,
  KEY_PACKET_TYPE,
  KEY_TP_SRC,
  KEY_VLAN0_TPID,
  type Match,
} from '../model/flow.ts';
import { N_STAGES, STAGE_MASKS, WORDS } from './stages.ts';

/** Slots are ordered by stage; a word with bits in two stages has two slots. */
export interface Minimask {
  readonly id: number;
  /** Index of the 32-bit word of a Flow, and the mask's bits in it. */
  readonly word: Uint16Array;
  readonly bits: Uint32Array;
  /** Slots of stage s are [stageEnd[s - 1], stageEnd[s]). */
  readonly stageEnd: readonly number[];
  /** tp_src and tp_dst as one 32-bit number: bits up to the last one that the mask has; 0 when it has none. */
  readonly portsPrefix: number;
  readonly portsMask: number;
  /** Reads fields of the Ethernet header, and so means packets that have one (ovs-fields(7), "Packet Type Field"). */
  readonly needsEthernet: boolean;
}

const interned = new Map<string, Minimask>();

function keyOf(mask: Flow): string {
  let key = '';
  for (let i = 0; i < WORDS; i++) {
    const bits = mask.words[i]!;
    if (bits !== 0) key += `${i}:${bits},`;
  }
  return key;
}

function build(id: number, mask: Flow): Minimask {
  const word: number[] = [];
  const bits: number[] = [];
  const stageEnd: number[] = [];
  for (let stage = 0; stage < N_STAGES; stage++) {
    const stageMask = STAGE_MASKS[stage]!;
    for (let i = 0; i < WORDS; i++) {
      const masked = (mask.words[i]! & stageMask[i]!) >>> 0;
      if (masked === 0) continue;
      word.push(i);
      bits.push(masked);
    }
    stageEnd.push(word.length);
  }
  const portsMask = mask.u32(KEY_TP_SRC);
  return {
    id,
    word: Uint16Array.from(word),
    bits: Uint32Array.from(bits),
    stageEnd,
    portsPrefix: portsMask === 0 ? 0 : 32 - (31 - Math.clz32(portsMask & -portsMask)),
    portsMask,
    needsEthernet: readsEthernet(mask) && mask.u32(KEY_PACKET_TYPE) === 0,
  };
}

/** Type and tags, and both addresses with what pads them. */
const readsEthernet = (mask: Flow): boolean =>
  mask.u16(KEY_ETH_TYPE) !== 0 || mask.bytes.subarray(KEY_VLAN0_TPID, KEY_NW_SRC).some((byte) => byte !== 0);

/** The one Minimask for `mask`. Kept for good: there are as many as shapes of rules. */
export function minimask(mask: Flow): Minimask {
  const key = keyOf(mask);
  let found = interned.get(key);
  if (!found) {
    found = build(interned.size, mask);
    interned.set(key, found);
  }
  return found;
}

/** The words of `flow` under the mask, one a slot. */
export function minivalues(flow: Flow, mask: Minimask): Uint32Array {
  const { word, bits } = mask;
  const values = new Uint32Array(word.length);
  for (let i = 0; i < word.length; i++) values[i] = flow.words[word[i]!]! & bits[i]!;
  return values;
}

/** Back to the form that messages use. */
export function expandMatch(mask: Minimask, values: Uint32Array): Match {
  const match = { flow: new Flow(), mask: new Flow() };
  for (let i = 0; i < mask.word.length; i++) {
    const index = mask.word[i]!;
    match.flow.words[index]! |= values[i]!;
    match.mask.words[index]! |= mask.bits[i]!;
  }
  return match;
}
