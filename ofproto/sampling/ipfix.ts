// IPFIX messages (RFC 7011): templates, of which there is one for each kind of packet, and a data record for one sampled
// packet. The information elements are IANA's, in the order in which Open vSwitch has them.

import { Writer } from '../../lib/cursors.ts';
import * as F from '../model/flow.ts';
import { ETH_TYPE_IP, ETH_TYPE_IPV6, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../model/prerequisites.ts';

const VERSION = 10;
const TEMPLATE_SET_ID = 2;
/** Ids below are sets of their own. */
const FIRST_TEMPLATE_ID = 256;
const VARIABLE_LENGTH = 0xffff;
const MESSAGE_HEADER_SIZE = 16;

/** A packet as it was when it was chosen. */
export interface SampledPacket {
  readonly flow: F.Flow;
  readonly frameSize: number;
  readonly obsPointId: number;
  readonly isEgress: boolean;
  /** Of the port that it came in by. */
  readonly interfaceName: string;
  /** How many packets it stands for. */
  readonly packets: number;
}

export interface Totals {
  packets: number;
  bytes: number;
}

/** One information element: its number and length, and how a packet's value is written. */
type Element = readonly [id: number, length: number, write: (w: Writer, packet: SampledPacket, totals: Totals) => void];

const bytesAt =
  (offset: number, length: number) =>
  (w: Writer, { flow }: SampledPacket) =>
    void w.put(flow.bytes.subarray(offset, offset + length));
const u8 = (value: (packet: SampledPacket) => number) => (w: Writer, packet: SampledPacket) => void w.u8(value(packet));
const u16 = (value: (packet: SampledPacket) => number) => (w: Writer, packet: SampledPacket) =>
  void w.u16(value(packet));
const field8 = (offset: number) => u8(({ flow }) => flow.u8(offset));
const field16 = (offset: number) => u16(({ flow }) => flow.u16(offset));
const zero32 = (w: Writer) => void w.u32(0);

const isTagged = ({ flow }: SampledPacket) => (flow.u16(F.KEY_VLAN0_TCI) & F.VLAN_CFI) !== 0;
const l2Size = (packet: SampledPacket) => (isTagged(packet) ? 18 : 14);
const tos = ({ flow }: SampledPacket) => flow.u8(F.KEY_NW_TOS);

const L2: readonly Element[] = [
  [138, 4, (w, { obsPointId }) => void w.u32(obsPointId)], // observationPointId
  [61, 1, u8(({ isEgress }) => (isEgress ? 1 : 0))], // flowDirection
  [56, 6, bytesAt(F.KEY_ETH_SRC, 6)], // sourceMacAddress
  [80, 6, bytesAt(F.KEY_ETH_DST, 6)], // destinationMacAddress
  [256, 2, field16(F.KEY_ETH_TYPE)], // ethernetType
  [240, 1, u8(l2Size)], // ethernetHeaderLength
  [
    82, // interfaceName
    VARIABLE_LENGTH,
    (w, { interfaceName }) => void w.u8(interfaceName.length).put(Buffer.from(interfaceName, 'latin1')),
  ],
];
const VLAN: readonly Element[] = [
  [58, 2, u16(({ flow }) => flow.u16(F.KEY_VLAN0_TCI) & 0xfff)], // vlanId
  [243, 2, u16(({ flow }) => flow.u16(F.KEY_VLAN0_TCI) & 0xfff)], // dot1qVlanId
  [244, 1, u8(({ flow }) => flow.u16(F.KEY_VLAN0_TCI) >> 13)], // dot1qPriority
];
const IP: readonly Element[] = [
  [60, 1, u8(({ flow }) => (flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_IP ? 4 : 6))], // ipVersion
  [192, 1, field8(F.KEY_NW_TTL)], // ipTTL
  [4, 1, field8(F.KEY_NW_PROTO)], // protocolIdentifier
  [195, 1, u8((packet) => tos(packet) >> 2)], // ipDiffServCodePoint
  [196, 1, u8((packet) => tos(packet) >> 5)], // ipPrecedence
  [5, 1, u8(tos)], // ipClassOfService
];
const IPV4: readonly Element[] = [
  [8, 4, bytesAt(F.KEY_NW_SRC, 4)], // sourceIPv4Address
  [12, 4, bytesAt(F.KEY_NW_DST, 4)], // destinationIPv4Address
];
const IPV6: readonly Element[] = [
  [27, 16, bytesAt(F.KEY_IPV6_SRC, 16)], // sourceIPv6Address
  [28, 16, bytesAt(F.KEY_IPV6_DST, 16)], // destinationIPv6Address
  [31, 4, bytesAt(F.KEY_IPV6_LABEL, 4)], // flowLabelIPv6
];
const PORTS: readonly Element[] = [
  [7, 2, field16(F.KEY_TP_SRC)], // sourceTransportPort
  [11, 2, field16(F.KEY_TP_DST)], // destinationTransportPort
];
const icmp = (type: number, code: number): readonly Element[] => [
  [type, 1, u8(({ flow }) => flow.u16(F.KEY_TP_SRC))],
  [code, 1, u8(({ flow }) => flow.u16(F.KEY_TP_DST))],
];
const ICMPV4 = icmp(176, 177); // icmpTypeIPv4, icmpCodeIPv4
const ICMPV6 = icmp(178, 179); // icmpTypeIPv6, icmpCodeIPv6
const ACTIVE_TIMEOUT = 2;
const COUNTERS: readonly Element[] = [
  [158, 4, zero32], // flowStartDeltaMicroseconds
  [159, 4, zero32], // flowEndDeltaMicroseconds
  [2, 8, (w, { packets }) => void w.u64(BigInt(packets))], // packetDeltaCount
  [86, 8, (w, _, totals) => void w.u64(BigInt(totals.packets))], // packetTotalCount
  [352, 8, (w, { packets, frameSize }) => void w.u64(BigInt(packets * frameSize))], // layer2OctetDeltaCount
  [353, 8, (w, _, totals) => void w.u64(BigInt(totals.bytes))], // layer2OctetTotalCount
  [136, 1, u8(() => ACTIVE_TIMEOUT)], // flowEndReason
];
const OCTETS: readonly Element[] = [
  // octetDeltaCount
  [1, 8, (w, packet) => void w.u64(BigInt(packet.packets * (packet.frameSize - l2Size(packet))))],
];

// A template's number says what its packets have: VLAN tag, network and transport headers.
const L3_KINDS = ['none', 'ipv4', 'ipv6'] as const;
const L4_KINDS = ['none', 'ports', 'icmp'] as const;
type Kind = readonly [tagged: boolean, l3: (typeof L3_KINDS)[number], l4: (typeof L4_KINDS)[number]];

const KINDS: readonly Kind[] = [false, true].flatMap((tagged) =>
  L3_KINDS.flatMap((l3) => L4_KINDS.filter((l4) => l3 !== 'none' || l4 === 'none').map((l4): Kind => [tagged, l3, l4])),
);

const TEMPLATES: readonly (readonly Element[])[] = KINDS.map(([tagged, l3, l4]) => [
  ...L2,
  ...(tagged ? VLAN : []),
  ...(l3 === 'none' ? [] : IP),
  ...(l3 === 'ipv4' ? IPV4 : l3 === 'ipv6' ? IPV6 : []),
  ...(l4 === 'ports' ? PORTS : l4 === 'none' ? [] : l3 === 'ipv4' ? ICMPV4 : ICMPV6),
  ...COUNTERS,
  ...(l3 === 'none' ? [] : OCTETS),
]);

const HAVE_PORTS: readonly number[] = [6, 17, 132];

function templateOf(packet: SampledPacket): number {
  const { flow } = packet;
  const ethType = flow.u16(F.KEY_ETH_TYPE);
  const proto = flow.u8(F.KEY_NW_PROTO);
  const l3 = ethType === ETH_TYPE_IP ? 'ipv4' : ethType === ETH_TYPE_IPV6 ? 'ipv6' : 'none';
  const isIcmp = (l3 === 'ipv4' && proto === IPPROTO_ICMP) || (l3 === 'ipv6' && proto === IPPROTO_ICMPV6);
  const l4 = l3 === 'none' ? 'none' : isIcmp ? 'icmp' : HAVE_PORTS.includes(proto) ? 'ports' : 'none';
  const tagged = isTagged(packet);
  return KINDS.findIndex((kind) => kind[0] === tagged && kind[1] === l3 && kind[2] === l4);
}

/** What every message begins with; `sequence` counts data records sent before it in the observation domain. */
export interface MessageHeader {
  readonly exportSeconds: number;
  readonly sequence: number;
  readonly obsDomainId: number;
}

function message({ exportSeconds, sequence, obsDomainId }: MessageHeader, setId: number, body: Uint8Array): Uint8Array {
  const size = MESSAGE_HEADER_SIZE + 4 + body.length;
  const w = new Writer(size).u16(VERSION).u16(size).u32(exportSeconds).u32(sequence).u32(obsDomainId);
  return w
    .u16(setId)
    .u16(4 + body.length)
    .put(body)
    .finish();
}

/** The templates of all kinds of packets, which a collector must have before it sees records. */
export function encodeTemplates(header: MessageHeader): Uint8Array {
  const w = new Writer();
  TEMPLATES.forEach((elements, index) => {
    w.u16(FIRST_TEMPLATE_ID + index).u16(elements.length);
    for (const [id, length] of elements) w.u16(id).u16(length);
  });
  return message(header, TEMPLATE_SET_ID, w.finish());
}

/** `totals`: of the collector set, this packet included. */
export function encodeRecord(header: MessageHeader, packet: SampledPacket, totals: Totals): Uint8Array {
  const template = templateOf(packet);
  const w = new Writer();
  for (const [, , write] of TEMPLATES[template]!) write(w, packet, totals);
  return message(header, FIRST_TEMPLATE_ID + template, w.finish());
}
