// What changed since the megaflows were last looked at, kept so that most of them can be found untouched without being
// translated again.
//
// A rule that goes or gets other actions concerns the megaflows made with it, which it knows (rule-users.ts). A new rule
// concerns a megaflow whose translation looked into its table, found nothing of a higher priority there, and saw a packet
// that the rule could match: `concerns` compares the rule with what the look-up saw, in the bits that are the same for
// all packets of the megaflow. A changed group concerns the rules that lead to it, and all packets that were recirculated,
// which may go on in the middle of such a rule. Whatever else changes concerns all.

import { FLOW_TUN_ID, KEY_IN_PORT, KEY_SIZE } from '../model/flow.ts';
import type { Minimask } from '../model/minimask.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import { FRESH, type Rewritten } from '../xlate/rewritten.ts';
import type { Visit } from '../xlate/snapshot.ts';

const KEY_WORDS = KEY_SIZE / 4;
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
  /** Everything of recirculated packets may. */
  resumed = false;
  readonly #added = new Map<FlowTable, TableAdditions>();

  constructor(version: number) {
    this.version = version;
  }

  get isEmpty(): boolean {
    return !this.all && !this.resumed && this.#added.size === 0;
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

  /** Whether a new rule may have changed what `visit` of a translation of `packet` found. */
  concerns(visit: Visit, packet: MegaflowPacket): boolean {
    const additions = this.#added.get(visit.table);
    const floor = visit.rule?.priority ?? -1;
    if (!additions || additions.maxPriority < floor) return false;
    const seen = new SeenPacket(packet, visit.rewritten);
    for (const shape of additions.shapes.values()) {
      if (shape.maxPriority >= floor && mayMatch(shape, seen)) return true;
    }
    return false;
  }
}

/** A megaflow's first packet: words are in the machine's order. */
export interface MegaflowPacket {
  /** Its key from `keyAt` on, but for in_port, which is OpenFlow's number. */
  readonly keys: Uint32Array;
  readonly keyAt: number;
  readonly inPortWord: number;
  /** The megaflow's mask. */
  readonly mask: Uint32Array;
}

/** A packet as one look-up saw it. */
class SeenPacket {
  readonly #packet: MegaflowPacket;
  readonly #rewritten: Rewritten | undefined;

  constructor(packet: MegaflowPacket, rewritten: Rewritten | undefined) {
    this.#packet = packet;
    this.#rewritten = rewritten;
  }

  /** Word `at` of the flow. */
  word(at: number): number {
    if (this.#rewritten) {
      const { words, values } = this.#rewritten;
      for (let i = 0; i < words.length; i++) if (words[i] === at) return values[i]!;
    }
    if (at >= KEY_WORDS) return FRESH.words[at]!;
    return at === IN_PORT_WORD ? this.#packet.inPortWord : this.#packet.keys[this.#packet.keyAt + at]!;
  }

  /**
   * Those bits of word `at` that are the same for every packet of the megaflow. Registers and metadata are what actions
   * made of such bits; a tunnel's fields come with the packet.
   */
  fixed(at: number): number {
    if (at >= TUNNEL_WORD) return 0;
    return at >= KEY_WORDS || at === IN_PORT_WORD ? ALL_BITS : this.#packet.mask[at]!;
  }
}

function mayMatch(shape: Shape, seen: SeenPacket): boolean {
  const { word, bits } = shape.mask;
  let hash = 0;
  for (let i = 0; i < word.length; i++) {
    const at = word[i]!;
    if ((bits[i]! & ~seen.fixed(at)) !== 0) {
      return shape.rules.length > COMPARED_MAX || shape.rules.some((rule) => overlaps(rule, seen));
    }
    hash = mix(hash, seen.word(at) & bits[i]!);
  }
  return shape.hashes.has(hash);
}

function overlaps({ mask, values }: Rule, seen: SeenPacket): boolean {
  for (let i = 0; i < values.length; i++) {
    const at = mask.word[i]!;
    if (((seen.word(at) ^ values[i]!) & mask.bits[i]! & seen.fixed(at)) !== 0) return false;
  }
  return true;
}

function hashOf(values: readonly number[]): number {
  let hash = 0;
  for (let i = 0; i < values.length; i++) hash = mix(hash, values[i]!);
  return hash;
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return (h ^ (h >>> 15)) | 0;
}
