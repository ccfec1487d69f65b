// Where the words of each header of datapath text lie in a flow key, and how they are written: what parse-key.ts and
// parse-actions.ts read by.

import { UserError } from '../../lib/errors.ts';
import * as F from '../model/flow.ts';
import { parseMaskedEther, parseMaskedIp } from '../text/addresses.ts';
import { parseInteger } from '../text/lexer.ts';

/** Bytes of value and mask, big-endian. */
export interface MaskedBytes {
  readonly value: Uint8Array;
  readonly mask: Uint8Array;
}

type Reader = (text: string) => MaskedBytes;

/** A number of `size` bytes; decimal or hexadecimal. Throws UserError. */
export const readNumber =
  (size: number, ones = (1n << BigInt(8 * size)) - 1n): Reader =>
  (text) => {
    const [value, mask] = text.split('/', 2).map((part) => parseInteger(part.trim()));
    if (value === undefined || value > ones) throw new UserError(`${text}: bad number`);
    return { value: bytesOf(value, size), mask: bytesOf(mask ?? ones, size) };
  };

function bytesOf(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn));
}

const ethernet: Reader = (text) => parseMaskedEther(text);
const ipv4: Reader = (text) => parseMaskedIp(text, 4);
const ipv6: Reader = (text) => parseMaskedIp(text, 16);

const FRAGMENTS: Readonly<Record<string, number>> = { no: 0, first: 1, later: 3 };
const fragment: Reader = (text) => {
  const value = FRAGMENTS[text];
  if (value === undefined) throw new UserError(`${text}: bad fragment`);
  return { value: Uint8Array.of(value), mask: Uint8Array.of(3) };
};

export interface HeaderField {
  readonly at: number;
  readonly read: Reader;
}

const byte = readNumber(1);
const short = readNumber(2);
const PORTS = { src: { at: F.KEY_TP_SRC, read: short }, dst: { at: F.KEY_TP_DST, read: short } };
/** ICMP's bytes lie in the low halves of the port fields. */
const ICMP = { type: { at: F.KEY_TP_SRC + 1, read: byte }, code: { at: F.KEY_TP_DST + 1, read: byte } };

export const HEADER_FIELDS: Readonly<Record<string, Readonly<Record<string, HeaderField>>>> = {
  eth: { src: { at: F.KEY_ETH_SRC, read: ethernet }, dst: { at: F.KEY_ETH_DST, read: ethernet } },
  ipv4: {
    src: { at: F.KEY_NW_SRC, read: ipv4 },
    dst: { at: F.KEY_NW_DST, read: ipv4 },
    proto: { at: F.KEY_NW_PROTO, read: byte },
    tos: { at: F.KEY_NW_TOS, read: byte },
    ttl: { at: F.KEY_NW_TTL, read: byte },
    frag: { at: F.KEY_NW_FRAG, read: fragment },
  },
  ipv6: {
    src: { at: F.KEY_IPV6_SRC, read: ipv6 },
    dst: { at: F.KEY_IPV6_DST, read: ipv6 },
    label: { at: F.KEY_IPV6_LABEL, read: readNumber(4, 0xfffffn) },
    proto: { at: F.KEY_NW_PROTO, read: byte },
    tclass: { at: F.KEY_NW_TOS, read: byte },
    hlimit: { at: F.KEY_NW_TTL, read: byte },
    frag: { at: F.KEY_NW_FRAG, read: fragment },
  },
  tcp: PORTS,
  udp: PORTS,
  sctp: PORTS,
  icmp: ICMP,
  icmpv6: ICMP,
  arp: {
    sip: { at: F.KEY_NW_SRC, read: ipv4 },
    tip: { at: F.KEY_NW_DST, read: ipv4 },
    op: { at: F.KEY_NW_PROTO, read: byte },
    sha: { at: F.KEY_ARP_SHA, read: ethernet },
    tha: { at: F.KEY_ARP_THA, read: ethernet },
  },
  nd: {
    target: { at: F.KEY_ND_TARGET, read: ipv6 },
    sll: { at: F.KEY_ARP_SHA, read: ethernet },
    tll: { at: F.KEY_ARP_THA, read: ethernet },
  },
};
