// Datapath flows as dpctl/dump-flows prints them, read back: key and mask. What is not named is not matched.

import { UserError } from '../../lib/errors.ts';
import * as F from '../model/flow.ts';
import { parseFlags, TCP_FLAGS } from '../text/flags.ts';
import { type Group, parseGroup, parseWords, splitItems } from './groups.ts';
import { HEADER_FIELDS, type MaskedBytes, readNumber } from './header-fields.ts';

export interface DpKey {
  /** KEY_SIZE bytes each; the key is not masked. */
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
}

/** Number of the port of that name. */
export type PortNumber = (name: string) => number | undefined;

/** The type of frames that have none. */
const FLOW_DL_TYPE_NONE = 0x05ff;
const NUMBERS: Readonly<Record<string, number>> = {
  skb_priority: F.KEY_SKB_PRIORITY,
  skb_mark: F.KEY_PKT_MARK,
  ct_mark: F.KEY_CT_MARK,
  recirc_id: F.KEY_RECIRC_ID,
  dp_hash: F.KEY_DP_HASH,
};
/** Named in every verbose dump; nothing sets them. */
const IGNORED: ReadonlySet<string> = new Set(['ct_state', 'ct_zone', 'ct_label', 'packet_type']);

/** Throws UserError `syntax error at ...`. */
export function parseDpKey(text: string, portNumber: PortNumber = () => undefined): DpKey {
  const items = splitItems(text.replace(/^ufid:[^,]*,\s*/, ''));
  const parser = new KeyParser(portNumber);
  parser.read(items.map(parseGroup), 0);
  return parser;
}

class KeyParser implements DpKey {
  readonly key = new Uint8Array(F.KEY_SIZE);
  readonly mask = new Uint8Array(F.KEY_SIZE);
  readonly #portNumber: PortNumber;

  constructor(portNumber: PortNumber) {
    this.#portNumber = portNumber;
    this.#put(F.KEY_RECIRC_ID, { value: new Uint8Array(4), mask: new Uint8Array(4).fill(0xff) });
  }

  /** The groups behind `tags` VLAN headers. */
  read(groups: readonly Group[], tags: number): void {
    const vlan = groups.find(({ name }) => name === 'vlan');
    // Every frame is Ethernet's; a flow matches that only when it says so.
    const packetType = groups.find(({ name }) => name === 'packet_type');
    if (packetType && !/ns=0\/0\b/.test(packetType.text))
      this.mask.fill(0xff, F.KEY_PACKET_TYPE, F.KEY_PACKET_TYPE + 4);
    const type = groups.find(({ name }) => name === 'eth_type');
    for (const group of groups) if (!/^(vlan|eth_type|encap)$/.test(group.name)) this.#group(group);
    const typeBytes = type ? this.#number(type, 2) : undefined;
    const encap = groups.find(({ name }) => name === 'encap');
    if (!encap) {
      const none = { value: Uint8Array.of(FLOW_DL_TYPE_NONE >> 8, FLOW_DL_TYPE_NONE & 0xff), mask: new Uint8Array(2) };
      this.#put(F.KEY_ETH_TYPE, typeBytes ?? none);
      return;
    }
    if (tags === 2 || !typeBytes) throw new UserError(`syntax error at ${encap.text}`);
    const at = F.KEY_VLAN0_TPID + 4 * tags;
    this.#put(at, typeBytes);
    this.#put(at + 2, vlan ? this.#tag(vlan) : { value: Uint8Array.of(0x10, 0), mask: Uint8Array.of(0x10, 0) });
    this.read(splitItems(encap.inside ?? '').map(parseGroup), tags + 1);
  }

  #put(at: number, { value, mask }: MaskedBytes): void {
    this.key.set(value, at);
    this.mask.set(mask, at);
  }

  #group(group: Group): void {
    const { name, inside, text } = group;
    if (inside === undefined) throw new UserError(`syntax error at ${text}`);
    const fields = HEADER_FIELDS[name];
    try {
      if (fields) for (const [word, value] of parseWords(inside)) this.#field(fields[word], value, text);
      else if (name in NUMBERS) this.#put(NUMBERS[name]!, this.#number(group, 4));
      else if (name === 'in_port') this.#inPort(inside);
      else if (name === 'tcp_flags') this.#tcpFlags(inside);
      else if (!IGNORED.has(name)) throw new UserError('unknown');
    } catch (error) {
      if (error instanceof UserError) throw new UserError(`syntax error at ${text}`);
      throw error;
    }
  }

  #field(field: { at: number; read: (text: string) => MaskedBytes } | undefined, value: string, text: string): void {
    if (!field) throw new UserError(`syntax error at ${text}`);
    this.#put(field.at, field.read(value));
  }

  #number({ inside, text }: Group, size: number): MaskedBytes {
    if (inside === undefined) throw new UserError(`syntax error at ${text}`);
    return readNumber(size)(inside);
  }

  #inPort(inside: string): void {
    const named = this.#portNumber(inside);
    this.#put(F.KEY_IN_PORT, readNumber(4)(named === undefined ? inside : String(named)));
  }

  #tcpFlags(inside: string): void {
    const { value, mask } = parseFlags(inside, TCP_FLAGS, 0xfff);
    this.#put(F.KEY_TCP_FLAGS, { value: pair(value), mask: pair(mask) });
  }

  /** `vid=5,pcp=0/0x0,cfi=1`; a tag is there unless cfi=0. */
  #tag({ inside, text }: Group): MaskedBytes {
    const words = parseWords(inside ?? '');
    let [value, mask] = [0x1000, 0x1000];
    for (const [word, textOf] of words) {
      const bits = TAG_BITS[word];
      if (!bits) throw new UserError(`syntax error at ${text}`);
      const [given, over] = textOf.split('/', 2).map(Number);
      value = (value & ~(bits.ones << bits.shift)) | ((given! & bits.ones) << bits.shift);
      mask |= ((over ?? bits.ones) & bits.ones) << bits.shift;
    }
    return { value: pair(value), mask: pair(mask) };
  }
}

const TAG_BITS: Readonly<Record<string, { shift: number; ones: number }>> = {
  vid: { shift: 0, ones: 0xfff },
  pcp: { shift: 13, ones: 7 },
  cfi: { shift: 12, ones: 1 },
  tci: { shift: 0, ones: 0xffff },
};

const pair = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
