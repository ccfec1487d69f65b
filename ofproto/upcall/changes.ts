// What changed since the megaflows were last looked at, kept so that most of them can be found untouched without being
// translated again.
//
// A rule that goes or gets other actions concerns the megaflows made with it, which it knows (rule-users.ts). A new rule
// concerns a megaflow whose translation looked into its table, found nothing of a higher priority there, and saw a packet
// that the rule could match: `concerns` compares the rule with what the look-up saw, in the bits that are the same for
// all packets of the megaflow. Whatever else changes concerns all.

import { FLOW_TUN_ID, type Flow, KEY_IN_PORT } from '../model/flow.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Minimask } from '../tables/minimask.ts';
import type { Rule } from '../tables/rule.ts';
import type { Visit } from '../xlate/snapshot.ts';

const IN_PORT_WORD = KEY_IN_PORT / 4;
const TUNNEL_WORD = FLOW_TUN_ID / 4;
/** New rules of one shape that are compared one by one with a megaflow that does not fix all their bits. */
const COMPARED_MAX = 32;
const ALL_BITS = 0xffffffff;

/** New rules of one table that share a mask. */
interface Shape {
  readonly mask: Minimask;
  maxPriority: number;
  readonly rules: Rule[];
  readonly hashes: Set<number>;
}

interface TableAdditions {
  maxPriority: number;
  readonly shapes: Map<Minimask, Shape>;
}

/** The changes between two looks. */
export class ChangeBatch {
  /** Number of the last change in it; a megaflow translated at that number or later has seen all of them. */
  version: number;
  /** Everything may translate differently. */
  all = false;
  readonly #added = new Map<FlowTable, TableAdditions>();

  constructor(version: number) {
    this.version = version;
  }

  get isEmpty(): boolean {
    return !this.all && this.#added.size === 0;
  }

  add(table: FlowTable, rule: Rule): void {
    let additions = this.#added.get(table);
    if (!additions) {
      additions = { maxPriority: -1, shapes: new Map() };
      this.#added.set(table, additions);
    }
    let shape = additions.shapes.get(rule.mask);
    if (!shape) {
      shape = { mask: rule.mask, maxPriority: -1, rules: [], hashes: new Set() };
      additions.shapes.set(rule.mask, shape);
    }
    shape.rules.push(rule);
    shape.hashes.add(hashOf(rule.values));
    shape.maxPriority = Math.max(shape.maxPriority, rule.priority);
    additions.maxPriority = Math.max(additions.maxPriority, rule.priority);
  }

  /** Whether a new rule may have changed what `visit` found. `seen` gives the packet at the look-up and its fixed bits. */
  concerns(visit: Visit, seen: () => SeenPacket): boolean {
    const additions = this.#added.get(visit.table);
    const floor = visit.rule?.priority ?? -1;
    if (!additions || additions.maxPriority < floor) return false;
    const packet = seen();
    for (const shape of additions.shapes.values()) {
      if (shape.maxPriority >= floor && mayMatch(shape, packet)) return true;
    }
    return false;
  }
}

/** A packet as a look-up saw it. */
export interface SeenPacket {
  /** 32-bit words of a Flow, in the machine's order. */
  readonly words: Uint32Array;
  /** The bits of them that are the same for every packet of the megaflow. */
  readonly fixed: Uint32Array;
}

/** Fills `into` for one look-up of a megaflow made from `flow` with datapath mask `mask`. */
export function seePacket(into: SeenPacket, flow: Flow, mask: Uint32Array, { rewritten }: Visit): void {
  into.words.set(flow.words);
  into.fixed.fill(ALL_BITS);
  into.fixed.set(mask);
  into.fixed[IN_PORT_WORD] = ALL_BITS;
  // Registers and metadata are what actions made of fixed bits; a tunnel's fields come with the packet.
  into.fixed.fill(0, TUNNEL_WORD);
  if (!rewritten) return;
  for (let i = 0; i < rewritten.words.length; i++) into.words[rewritten.words[i]!] = rewritten.values[i]!;
}

function mayMatch(shape: Shape, { words, fixed }: SeenPacket): boolean {
  const { word, bits } = shape.mask;
  let hash = 0;
  for (let i = 0; i < word.length; i++) {
    const at = word[i]!;
    if ((bits[i]! & ~fixed[at]!) !== 0) {
      return shape.rules.length > COMPARED_MAX || shape.rules.some((rule) => overlaps(rule, words, fixed));
    }
    hash = mix(hash, words[at]! & bits[i]!);
  }
  return shape.hashes.has(hash);
}

function overlaps({ mask, values }: Rule, words: Uint32Array, fixed: Uint32Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const at = mask.word[i]!;
    if (((words[at]! ^ values[i]!) & mask.bits[i]! & fixed[at]!) !== 0) return false;
  }
  return true;
}

function hashOf(values: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < values.length; i++) hash = mix(hash, values[i]!);
  return hash;
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return (h ^ (h >>> 15)) | 0;
}
