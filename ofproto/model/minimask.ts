// Matches without their zero words. Masks are interned: rules of one shape share theirs, and with it their subtable. A
// flow-mod and a rule keep one number for each slot of their mask, a tenth of two whole Flows.

import {
  Flow,
  KEY_CT_IPV6_SRC,
  KEY_CT_NW_SRC,
  KEY_DP_HASH,
  KEY_ETH_TYPE,
  KEY_NW_SRC,
  KEY_PACKET_TYPE,
  KEY_RECIRC_ID,
  KEY_TP_SRC,
  KEY_VLAN0_TPID,
  type Match,
} from './flow.ts';
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
  /** Has bits of dp_hash or recirc_id, which are no business of controllers. */
  readonly hasInternals: boolean;
  /** Has bits of the addresses of a connection's first packet. */
  readonly hasConnectionTuple: boolean;
  /** The words that are not zero, and where they are: equal for equal masks. */
  readonly places: Uint8Array;
  readonly words: Uint32Array;
  /** The next one with the same hash. */
  readonly next: Minimask | undefined;
}

/** One 32-bit number, as a signed one, for each slot of a Minimask. */
export type Minivalues = readonly number[];

const interned = new Map<number, Minimask>();
let internedCount = 0;

/** Of the mask at hand: where its words are that are not zero. */
const places = new Uint8Array(WORDS);

const between = (places_: Uint8Array, from: number, size: number): boolean =>
  places_.some((place) => place >= from / 4 && place < (from + size) / 4);

function build(mask: Flow, count: number, next: Minimask | undefined): Minimask {
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
  const nonzero = places.slice(0, count);
  return {
    id: internedCount++,
    word: Uint16Array.from(word),
    bits: Uint32Array.from(bits),
    stageEnd,
    portsPrefix: portsMask === 0 ? 0 : 32 - (31 - Math.clz32(portsMask & -portsMask)),
    portsMask,
    needsEthernet: readsEthernet(mask) && mask.u32(KEY_PACKET_TYPE) === 0,
    hasInternals: between(nonzero, KEY_RECIRC_ID, 4) || between(nonzero, KEY_DP_HASH, 4),
    hasConnectionTuple: between(nonzero, KEY_CT_NW_SRC, 8) || between(nonzero, KEY_CT_IPV6_SRC, 32),
    places: nonzero,
    words: Uint32Array.from(nonzero, (place) => mask.words[place]!),
    next,
  };
}

/** Type and tags, and both addresses with what pads them. */
const readsEthernet = (mask: Flow): boolean =>
  mask.u16(KEY_ETH_TYPE) !== 0 || mask.bytes.subarray(KEY_VLAN0_TPID, KEY_NW_SRC).some((byte) => byte !== 0);

function isMaskOf(known: Minimask, words: Uint32Array, count: number): boolean {
  if (known.places.length !== count) return false;
  for (let i = 0; i < count; i++) {
    if (known.places[i] !== places[i] || known.words[i] !== words[places[i]!]) return false;
  }
  return true;
}

/** The one Minimask for `mask`. Kept for good: there are as many as shapes of rules. */
export function minimask(mask: Flow): Minimask {
  const { words } = mask;
  let count = 0;
  let hash = 0;
  for (let four = 0; four < WORDS; four += 4) {
    // Most are zero.
    if ((words[four]! | words[four + 1]! | words[four + 2]! | words[four + 3]!) === 0) continue;
    for (let i = four; i < four + 4; i++) {
      const bits = words[i]!;
      if (bits === 0) continue;
      places[count++] = i;
      hash = Math.imul(hash ^ bits ^ (i << 24), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
  }
  const first = interned.get(hash);
  for (let known = first; known; known = known.next) if (isMaskOf(known, words, count)) return known;
  const made = build(mask, count, first);
  interned.set(hash, made);
  return made;
}

/** The words of `flow` under the mask, one a slot. */
export function minivalues(flow: Flow, { word, bits }: Minimask): Minivalues {
  const { words } = flow;
  const count = word.length;
  const values = new Array<number>(count);
  for (let i = 0; i < count; i++) values[i] = words[word[i]!]! & bits[i]!;
  return values;
}

/** A word in the machine's order (little-endian) as the number it stands for in a packet. */
export const bigEndian = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

/** Back to the form that messages use. */
export function expandMatch(mask: Minimask, values: Minivalues): Match {
  const match = { flow: new Flow(), mask: new Flow() };
  expandInto(match, mask, values);
  return match;
}

/** Writes into a match whose words are all zero. */
function expandInto({ flow, mask }: Match, { word, bits }: Minimask, values: Minivalues): void {
  for (let i = 0; i < word.length; i++) {
    const index = word[i]!;
    flow.words[index]! |= values[i]!;
    mask.words[index]! |= bits[i]!;
  }
}

/** A Match in little: what flow-mods carry. Its Flows are made when somebody asks for them. */
export class PackedMatch implements Match {
  readonly minimask: Minimask;
  readonly values: Minivalues;
  #match: Match | undefined;

  constructor(mask: Minimask, values: Minivalues) {
    this.minimask = mask;
    this.values = values;
  }

  get flow(): Flow {
    this.#match ??= expandMatch(this.minimask, this.values);
    return this.#match.flow;
  }

  get mask(): Flow {
    this.#match ??= expandMatch(this.minimask, this.values);
    return this.#match.mask;
  }
}

export function packMatch(match: Match): PackedMatch {
  if (match instanceof PackedMatch) return match;
  const mask = minimask(match.mask);
  return new PackedMatch(mask, minivalues(match.flow, mask));
}

const looked: Match = { flow: new Flow(), mask: new Flow() };
let lookedAt: PackedMatch | undefined;

/** The whole match, until the next call: for a look at one that is not kept. Not to be written to. */
export function glanceAt(match: Match): Match {
  if (!(match instanceof PackedMatch)) return match;
  if (match === lookedAt) return looked;
  if (lookedAt) {
    for (const word of lookedAt.minimask.word) {
      looked.flow.words[word] = 0;
      looked.mask.words[word] = 0;
    }
  }
  expandInto(looked, match.minimask, match.values);
  lookedAt = match;
  return looked;
}
