// Fields whose address prefixes a table can follow in a trie (ovs-vswitchd.conf.db(5), Flow_Table.prefixes).

import * as F from '../model/flow.ts';
import { N_STAGES, STAGE_MASKS } from '../model/stages.ts';
import type { BitString } from './trie.ts';

export interface PrefixField {
  readonly name: string;
  /** Where the field lies in a Flow, and its length in bytes. */
  readonly offset: number;
  readonly size: number;
  /** The stage of a look-up in which it is read. */
  readonly stage: number;
  /** Packets of other types keep something else there (ARP its addresses), which no trie is asked for; 0 for none. */
  readonly ethType: number;
}

const ETH_TYPE_IP = 0x0800;
const ETH_TYPE_IPV6 = 0x86dd;
/** A table follows this many at most. */
export const PREFIXES_MAX = 3;

function field(name: string, offset: number, size: number, ethType = 0): PrefixField {
  const stage = STAGE_MASKS.findIndex((mask) => mask[offset / 4] !== 0);
  if (stage < 0 || stage >= N_STAGES) throw new Error(`${name} is in no stage`);
  return { name, offset, size, stage, ethType };
}

export const PREFIX_FIELDS: readonly PrefixField[] = [
  field('tun_id', F.FLOW_TUN_ID, 8),
  field('tun_src', F.FLOW_TUN_SRC, 4),
  field('tun_dst', F.FLOW_TUN_DST, 4),
  field('tun_ipv6_src', F.FLOW_TUN_IPV6_SRC, 16),
  field('tun_ipv6_dst', F.FLOW_TUN_IPV6_DST, 16),
  field('nw_src', F.KEY_NW_SRC, 4, ETH_TYPE_IP),
  field('nw_dst', F.KEY_NW_DST, 4, ETH_TYPE_IP),
  field('ipv6_src', F.KEY_IPV6_SRC, 16, ETH_TYPE_IPV6),
  field('ipv6_dst', F.KEY_IPV6_DST, 16, ETH_TYPE_IPV6),
];

export const DEFAULT_PREFIXES: readonly PrefixField[] = ['nw_dst', 'nw_src'].map(
  (name) => PREFIX_FIELDS.find((known) => known.name === name)!,
);

/** The fields of Flow_Table.prefixes; none when the column asks for what no table can do. */
export function prefixFields(names: readonly string[]): readonly PrefixField[] {
  const fields = PREFIX_FIELDS.filter(({ name }) => names.includes(name));
  return fields.length === names.length && fields.length <= PREFIXES_MAX ? fields : [];
}

/** The field's value in `flow`, into `into`. */
export function readPrefix({ offset, size }: PrefixField, flow: F.Flow, into: number[]): BitString {
  for (let i = 0; 4 * i < size; i++) into[i] = flow.u32(offset + 4 * i);
  into.length = size / 4;
  return into;
}

/** Length in bits when `mask` has the field masked by a prefix, else 0. */
export function prefixLength({ offset, size }: PrefixField, mask: F.Flow): number {
  let length = 0;
  for (let at = offset; at < offset + size; at += 4) {
    const word = mask.u32(at);
    const ones = Math.clz32(~word);
    if (word !== (ones === 0 ? 0 : (-1 << (32 - ones)) >>> 0)) return 0;
    // Ones behind a zero make no prefix.
    if (ones > 0 && length !== 8 * (at - offset)) return 0;
    length += ones;
  }
  return length;
}

/** Marks the field's first `bits` bits as read. */
export function readPrefixBits({ offset }: PrefixField, bits: number, wc: F.Flow): void {
  for (let i = 0; 32 * i < bits; i++) wc.setU32(offset + 4 * i, (wc.u32(offset + 4 * i) | onesOf(bits - 32 * i)) >>> 0);
}

/** Whether the field's first `bits` bits are marked as read. */
export function hasPrefixBits({ offset }: PrefixField, bits: number, wc: F.Flow): boolean {
  for (let i = 0; 32 * i < bits; i++) if ((onesOf(bits - 32 * i) & ~wc.u32(offset + 4 * i)) !== 0) return false;
  return true;
}

/** A word with `count` leading ones, 32 at most. */
const onesOf = (count: number): number => (count >= 32 ? 0xffffffff : count <= 0 ? 0 : (-1 << (32 - count)) >>> 0);
