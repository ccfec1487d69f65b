// Datapath actions as dpctl/dump-flows prints them, read back (dpctl/add-flow, dpctl/parse-actions).

import { type DpAction, SET_LAYOUT, type SetHeader } from '../../datapath/dpif.ts';
import { UserError } from '../../lib/errors.ts';
import * as F from '../model/flow.ts';
import { type Group, parseGroup, parseWords, splitItems } from './groups.ts';
import { HEADER_FIELDS, readNumber } from './header-fields.ts';
import type { PortNumber } from './parse-key.ts';

const ETH_TYPE_VLAN = 0x8100;

/** `drop` and nothing are the empty list. Throws UserError. */
export function parseDpActions(text: string, portNumber: PortNumber = () => undefined): DpAction[] {
  return splitItems(text)
    .filter((item) => item !== 'drop')
    .map((item) => parseAction(parseGroup(item), portNumber));
}

function parseAction(group: Group, portNumber: PortNumber): DpAction {
  const { name, inside } = group;
  if (inside === undefined) return parseBare(name, portNumber);
  switch (name) {
    case 'set':
      return parseSet(parseGroup(inside));
    case 'push_vlan':
      return parsePush(parseWords(inside));
    case 'trunc':
      return { type: 'trunc', maxLen: number(inside) };
    case 'clone':
      return { type: 'clone', actions: parseDpActions(inside, portNumber) };
    case 'recirc':
      return { type: 'recirc', id: number(inside) };
    case 'hash':
      return parseHash(parseGroup(inside));
    default:
      throw new UserError(`syntax error at ${group.text}`);
  }
}

function parseBare(name: string, portNumber: PortNumber): DpAction {
  if (name === 'pop_vlan') return { type: 'pop_vlan' };
  const port = portNumber(name) ?? (/^\d+$/.test(name) ? Number(name) : undefined);
  if (port === undefined) throw new UserError(`syntax error at ${name}`);
  return { type: 'output', port };
}

function number(text: string): number {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw new UserError(`syntax error at ${text}`);
  return Number(text);
}

function parsePush(words: ReadonlyMap<string, string>): DpAction {
  const word = (name: string, otherwise: number) => (words.has(name) ? number(words.get(name)!) : otherwise);
  const tci = word('vid', 0) | (word('pcp', 0) << 13) | (word('cfi', 1) << 12);
  return { type: 'push_vlan', tpid: word('tpid', ETH_TYPE_VLAN), tci };
}

function parseHash({ name, inside }: Group): DpAction {
  if (name !== 'l4' && name !== 'sym_l4') throw new UserError(`syntax error at hash(${name})`);
  return { type: 'hash', algorithm: name, basis: number(inside ?? '0') };
}

/** Where a flow key's bytes lie in the layout of a `set` action (datapath/actions.ts). */
const SET_PLACES: Readonly<Record<string, readonly (readonly [at: number, to: number])[]>> = {
  eth: [
    [F.KEY_ETH_DST, 0],
    [F.KEY_ETH_SRC, 6],
  ],
  ipv4: [
    [F.KEY_NW_SRC, 0],
    [F.KEY_NW_DST, 4],
    [F.KEY_NW_TOS, 9],
    [F.KEY_NW_TTL, 10],
  ],
  ipv6: [
    [F.KEY_IPV6_SRC, 0],
    [F.KEY_IPV6_DST, 16],
    [F.KEY_IPV6_LABEL, 32],
    [F.KEY_NW_TOS, 37],
    [F.KEY_NW_TTL, 38],
  ],
  tcp: [
    [F.KEY_TP_SRC, 0],
    [F.KEY_TP_DST, 2],
  ],
  icmp: [
    [F.KEY_TP_SRC + 1, 0],
    [F.KEY_TP_DST + 1, 1],
  ],
  arp: [
    [F.KEY_NW_SRC, 0],
    [F.KEY_NW_DST, 4],
    [F.KEY_NW_PROTO, 9],
    [F.KEY_ARP_SHA, 10],
    [F.KEY_ARP_THA, 16],
  ],
  nd: [
    [F.KEY_ND_TARGET, 0],
    [F.KEY_ARP_SHA, 16],
    [F.KEY_ARP_THA, 22],
  ],
};
const SAME_PLACES: Readonly<Record<string, string>> = { udp: 'tcp', sctp: 'tcp', icmpv6: 'icmp' };

function parseSet({ name, inside, text }: Group): DpAction {
  if (inside === undefined) throw new UserError(`syntax error at ${text}`);
  if (name === 'skb_priority' || name === 'skb_mark') {
    const header = name === 'skb_mark' ? 'pkt_mark' : name;
    return { type: 'set', header, ...readNumber(4)(inside) };
  }
  const places = SET_PLACES[SAME_PLACES[name] ?? name];
  const fields = HEADER_FIELDS[name];
  if (!places || !fields) throw new UserError(`syntax error at ${text}`);
  const header = name as SetHeader;
  const value = new Uint8Array(SET_LAYOUT[header]);
  const mask = new Uint8Array(SET_LAYOUT[header]);
  for (const [word, given] of parseWords(inside)) {
    const field = fields[word];
    const to = places.find(([at]) => at === field?.at)?.[1];
    if (!field || to === undefined) throw new UserError(`syntax error at ${text}`);
    const read = field.read(given);
    value.set(read.value, to);
    mask.set(read.mask, to);
  }
  return { type: 'set', header, value, mask };
}
