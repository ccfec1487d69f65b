// A second executor of datapath actions, written for clarity: rewrites headers and computes checksums afresh.
import { type DpAction, SET_LAYOUT, type SetHeader } from '../../../datapath/dpif.ts';
import { KEY_NW_FRAG, KEY_NW_PROTO } from '../../../datapath/layout/flow-key.ts';
import { checksumAdd, checksumFold } from '../../../datapath/port/kernel/offload.ts';
import { referenceHash } from './hash.ts';
import { changeHeaders, setLabelOrNsh } from './headers.ts';
import { parseFrame } from './parse.ts';

export interface Effects {
  output(port: number, frame: Uint8Array): void;
  userspace(cookie: number, frame: Uint8Array): void;
  /** Runs the flow that the packet matches now. */
  recirculate?(id: number, dpHash: number, frame: Uint8Array): void;
}

/** Runs `actions` on a copy of `frame`. */
export function executeActions(frame: Uint8Array, actions: readonly DpAction[], effects: Effects): void {
  let packet: Buffer = Buffer.from(frame);
  let bareType: number | undefined;
  let truncated: number | undefined;
  let dpHash = 0;
  for (const action of actions) {
    switch (action.type) {
      case 'output':
        effects.output(action.port, packet.subarray(0, truncated ?? packet.length));
        truncated = undefined;
        break;
      case 'userspace':
        effects.userspace(action.cookie, packet.subarray(0, truncated ?? packet.length));
        truncated = undefined;
        break;
      case 'trunc':
        truncated = action.maxLen;
        break;
      case 'meter':
        break;
      case 'sample':
      case 'clone':
        executeActions(packet, action.actions, effects);
        break;
      case 'push_vlan': {
        const tag = Buffer.alloc(4);
        tag.writeUInt16BE(action.tpid, 0);
        tag.writeUInt16BE(action.tci & 0xefff, 2);
        packet = Buffer.concat([packet.subarray(0, 12), tag, packet.subarray(12)]);
        break;
      }
      case 'pop_vlan':
        packet = Buffer.concat([packet.subarray(0, 12), packet.subarray(16)]);
        break;
      case 'hash':
        dpHash = referenceHash(packet, action.algorithm, action.basis);
        break;
      case 'recirc':
        effects.recirculate?.(action.id, dpHash, packet);
        break;
      case 'set':
        if (bareType === undefined) setHeader(packet, action.header, action.value, action.mask);
        else setLabelOrNsh(packet, 0, action.value, action.mask, action.header === 'nsh');
        break;
      case 'check_pkt_len':
        executeActions(packet, packet.length > action.size ? action.greater : action.lessEqual, effects);
        break;
      default: {
        const changed = changeHeaders({ packet, bareType }, action);
        if (changed) ({ packet, bareType } = changed);
      }
    }
  }
}

/** Where each byte of a SET_LAYOUT lies, from the start of its layer: [offset in the layout, in the header, size]. */
const PLACES: Partial<Record<SetHeader, readonly (readonly [number, number, number])[]>> = {
  eth: [
    [0, 0, 6],
    [6, 6, 6],
  ],
  ipv4: [
    [0, 12, 8],
    [9, 1, 1],
    [10, 8, 1],
  ],
  ipv6: [
    [0, 8, 32],
    [38, 7, 1],
  ],
  tcp: [[0, 0, 4]],
  udp: [[0, 0, 4]],
  sctp: [[0, 0, 4]],
  icmp: [[0, 0, 2]],
  icmpv6: [[0, 0, 2]],
  arp: [
    [0, 14, 4],
    [4, 24, 4],
    [8, 6, 2],
    [10, 8, 6],
    [16, 18, 6],
  ],
  nd: [[0, 8, 16]],
};

function setHeader(packet: Buffer, header: SetHeader, value: Uint8Array, mask: Uint8Array): void {
  const { l3, l4 } = parseFrame(packet, 0);
  const base =
    header === 'eth'
      ? 0
      : header === 'ipv4' || header === 'ipv6' || header === 'arp' || header === 'mpls' || header === 'nsh'
        ? l3
        : l4;
  if (base === undefined) return;
  const before = Buffer.from(packet);
  if (header === 'mpls' || header === 'nsh') {
    setLabelOrNsh(packet, l3, value, mask, header === 'nsh');
    return;
  }
  for (const [from, to, size] of PLACES[header] ?? []) {
    for (let i = 0; i < size; i++) merge(packet, base + to + i, value[from + i]!, mask[from + i]!);
  }
  if (header === 'ipv6') setIpv6Word(packet, l3, value, mask);
  if (header === 'nd' && l4 !== undefined) setNdOptions(packet, l4, value, mask);
  if (SET_LAYOUT[header] > 0) fixChecksums(packet, before);
}

function merge(packet: Buffer, at: number, value: number, mask: number): void {
  packet[at] = (packet[at]! & ~mask) | (value & mask);
}

/** version 4 bits, traffic class 8, flow label 20 */
function setIpv6Word(packet: Buffer, l3: number, value: Uint8Array, mask: Uint8Array): void {
  const word = (bytes: Uint8Array) => ((Buffer.from(bytes).readUInt32BE(32) & 0xfffff) | (bytes[37]! << 20)) >>> 0;
  packet.writeUInt32BE(((packet.readUInt32BE(l3) & ~word(mask)) | (word(value) & word(mask))) >>> 0, l3);
}

function setNdOptions(packet: Buffer, l4: number, value: Uint8Array, mask: Uint8Array): void {
  for (let option = l4 + 24; option + 8 <= packet.length; ) {
    const size = packet[option + 1]! * 8;
    if (size === 0) return;
    const from = packet[option] === 1 ? 16 : 22;
    if (size === 8 && packet[option]! <= 2) {
      for (let i = 0; i < 6; i++) merge(packet, option + 2 + i, value[from + i]!, mask[from + i]!);
      return;
    }
    option += size;
  }
}

/** A routing header with addresses that the packet has still to go to: the checksum is not over those in its header. */
function hasSegmentsLeft(packet: Buffer, from: number, l4: number): boolean {
  let next = packet[from - 34]!;
  for (let at = from; at < l4; ) {
    if (next === 43 && packet[at + 3]! > 0) return true;
    const units = packet[at + 1]!;
    const size = next === 44 ? 8 : next === 51 ? (units + 2) * 4 : (units + 1) * 8;
    next = packet[at]!;
    at += size;
  }
  return false;
}

/** SCTP's CRC is left as it was. */
function fixChecksums(packet: Buffer, before: Buffer): void {
  const { key, l3, l4 } = parseFrame(packet, 0);
  if (l4 === undefined) return;
  const isIpv6 = packet.readUInt16BE(l3 - 2) === 0x86dd;
  if (!isIpv6) {
    packet.writeUInt16BE(0, l3 + 10);
    packet.writeUInt16BE(checksumFold(checksumAdd(packet, l3, l4)), l3 + 10);
  }
  if (key[KEY_NW_FRAG] !== 0) return;
  const protocol = key[KEY_NW_PROTO]!;
  const offset = ({ 1: 2, 6: 16, 17: 6, 58: 2 } as Record<number, number>)[protocol];
  const end = isIpv6 ? l3 + 40 + packet.readUInt16BE(l3 + 4) : l3 + packet.readUInt16BE(l3 + 2);
  if (offset === undefined || l4 + offset + 2 > end) return;
  if (protocol === 17 && packet.readUInt16BE(l4 + offset) === 0) return;
  if (isIpv6 && hasSegmentsLeft(packet, l3 + 40, l4)) {
    const [now, was] = [checksumAdd(packet, l4, end), checksumAdd(before, l4, end)];
    const owed = now === was ? 0 : now + checksumFold(was);
    packet.writeUInt16BE(checksumFold((packet.readUInt16BE(l4 + offset) ^ 0xffff) + owed), l4 + offset);
    return;
  }
  packet.writeUInt16BE(0, l4 + offset);
  const addresses = isIpv6 ? checksumAdd(packet, l3 + 8, l3 + 40) : checksumAdd(packet, l3 + 12, l3 + 20);
  const pseudo = protocol === 1 ? 0 : addresses + protocol + (end - l4);
  const sum = checksumFold(checksumAdd(packet, l4, end, pseudo));
  packet.writeUInt16BE(sum === 0 && protocol === 17 ? 0xffff : sum, l4 + offset);
}
