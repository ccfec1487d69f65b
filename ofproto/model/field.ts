// What a match field is: its names, code points, place in a Flow, and rules. The table of them is field-table.ts;
// fields.ts has look-ups and access.

export type MaskRule = 'none' | 'arbitrary';

/** How a field's value is printed and parsed (ovs-fields(7), "Format"). */
export type FieldFormat =
  | 'decimal'
  | 'hexadecimal'
  | 'ethernet'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'frag'
  | 'tcp_flags'
  | 'tnl_flags'
  | 'ct_state'
  | 'packet_type';

/** What must be matched for the field to be allowed. */
export type Prerequisite =
  | 'none'
  | 'vlan'
  | 'ipv4'
  | 'ipv6'
  | 'ip'
  | 'arp'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmpv4'
  | 'icmpv6'
  | 'nd'
  | 'nd_solicit'
  | 'nd_advert'
  | 'mpls'
  | 'nsh'
  | 'ct'
  | 'ethernet';

export interface Field {
  /** Its place in the table of all fields. */
  readonly index: number;
  /** Open vSwitch's name (`tcp_dst`, `eth_src`, `reg0`). */
  readonly name: string;
  /** Other names accepted in text (`dl_src`). */
  readonly aliases: readonly string[];
  /** Bytes the value takes on the wire. */
  readonly size: number;
  /** Significant bits, counted from the least significant: what `field[]` means in a subfield. */
  readonly bits: number;
  /** Bits that a value may have set. All ones in `bits`, except that vlan_vid also has OFPVID_PRESENT and nw_tos no ECN. */
  readonly valid: bigint;
  /** The numbers that a value may be, where they are fewer than its bits can say. */
  readonly range: readonly [min: number, max: number] | undefined;
  /** `valid` of a field of 4 bytes or less, else 0. */
  readonly validNumber: number;
  /** Where the value lies in a Flow: `width` bytes at `offset`, shifted left by `shift` bits. */
  readonly offset: number;
  /** `size`, but for in_port (16 bits on the wire, 32 in a Flow) and arp_op (16 and 8). */
  readonly width: number;
  readonly shift: number;
  /** Bytes [from, to) of a Flow that a match on the whole field masks where they are, as in Open vSwitch, more than its own. */
  readonly maskedWhole: readonly [from: number, to: number] | undefined;
  readonly mask: MaskRule;
  readonly format: FieldFormat;
  readonly prerequisite: Prerequisite;
  readonly writable: boolean;
  /** 32-bit NXM header (without mask), 0 when none; and OXM header. */
  readonly nxm: number;
  /** Whose class the `nxm` header is: set when that is the experimenter class, whose headers have 32 bits more. */
  readonly experimenter: number;
  readonly oxm: number;
  /** `NXM_OF_TCP_DST`, `OXM_OF_TCP_DST`; empty when there is none. */
  readonly nxmName: string;
  readonly oxmName: string;
  /** First OpenFlow version whose OXM has it: 0x04 is 1.3. */
  readonly oxmVersion: number;
  /** Type of the field as an ONF extension (class 0xffff, experimenter 0x4f4e4600) before `oxmVersion`; 0 when none. */
  readonly onfExtension: number;
  /** Of tunnel metadata (tun-metadata.ts) its place among them, -1 of other fields: the bit that says that it is there. */
  readonly tlvSlot: number;
}
