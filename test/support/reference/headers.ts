// MPLS, NSH and Ethernet headers put on and taken off, written for clarity.
import type { DpAction } from '../../../datapath/dpif.ts';
import { parseFrame } from './parse.ts';

export interface Bare {
  readonly packet: Buffer;
  /** What the packet begins with when it has no Ethernet header: an Ethernet type. */
  readonly bareType?: number | undefined;
}

const MPLS_TYPES = [0x8847, 0x8848];
const NSH = 0x894f;
const TEB = 0x6558;
const NEXT_TYPES: Readonly<Record<number, number>> = { 1: 0x0800, 2: 0x86dd, 4: NSH };

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);

/** The packet after `action`; undefined for actions that are none of these. */
export function changeHeaders({ packet, bareType }: Bare, action: DpAction): Bare | undefined {
  const l3 = bareType === undefined ? parseFrame(packet, 0).l3 : 0;
  const type = bareType ?? packet.readUInt16BE(l3 - 2);
  const withType = (next: number, rest: Buffer): Bare =>
    bareType === undefined
      ? { packet: Buffer.concat([packet.subarray(0, l3 - 2), u16(next), rest]) }
      : next === TEB
        ? { packet: rest }
        : { packet: rest, bareType: next };
  switch (action.type) {
    case 'push_mpls':
      return withType(action.ethertype, Buffer.concat([u32(action.lse), packet.subarray(l3)]));
    case 'pop_mpls':
      return MPLS_TYPES.includes(type) ? withType(action.ethertype, packet.subarray(l3 + 4)) : { packet, bareType };
    case 'add_mpls':
      return { packet: Buffer.concat([u32(action.lse), packet]), bareType: action.ethertype };
    case 'push_nsh':
      return { packet: Buffer.concat([nshHeader(action.header, action.metadata), packet]), bareType: NSH };
    case 'pop_nsh': {
      const rest = packet.subarray((packet[1]! & 0x3f) * 4);
      const next = NEXT_TYPES[packet[3]!];
      return next === undefined ? { packet: rest } : { packet: rest, bareType: next };
    }
    case 'push_eth':
      return { packet: Buffer.concat([action.dst, action.src, u16(bareType!), packet]) };
    case 'pop_eth':
      return { packet: packet.subarray(14), bareType: packet.readUInt16BE(12) };
    default:
      return undefined;
  }
}

function nshHeader(header: Uint8Array, metadata: Uint8Array): Buffer {
  const word = ((header[0]! & 3) << 12) | ((header[1]! & 0x3f) << 6) | ((8 + metadata.length) / 4);
  return Buffer.concat([u16(word), header.subarray(2, 8), metadata]);
}

/** set(mpls(..)) and set(nsh(..)) on the header at `at`. */
export function setLabelOrNsh(packet: Buffer, at: number, value: Uint8Array, mask: Uint8Array, nsh: boolean): void {
  const merge = (to: number, from: number) => {
    packet[to] = (packet[to]! & ~mask[from]!) | (value[from]! & mask[from]!);
  };
  if (!nsh) {
    for (let i = 0; i < 4; i++) merge(at + i, i);
    return;
  }
  const word = (bytes: Uint8Array) => ((bytes[0]! & 3) << 12) | ((bytes[1]! & 0x3f) << 6);
  packet.writeUInt16BE((packet.readUInt16BE(at) & ~word(mask)) | (word(value) & word(mask)), at);
  for (let i = 4; i < (packet[at + 2] === 1 ? 24 : 8); i++) merge(at + i, i);
}
