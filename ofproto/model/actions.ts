// OpenFlow actions and instructions in one version-free form: what flow tables store, xlate runs, and the wire codecs
// and the text form (ovs-actions(7)) translate to and from.

import type { Field } from './fields.ts';

/** Reserved OpenFlow port numbers, in the 32-bit form of OpenFlow 1.1+ (1.0 has the low 16 bits). */
export const OFPP = {
  MAX: 0xffffff00,
  UNSET: 0xfffffff7,
  IN_PORT: 0xfffffff8,
  TABLE: 0xfffffff9,
  NORMAL: 0xfffffffa,
  FLOOD: 0xfffffffb,
  ALL: 0xfffffffc,
  CONTROLLER: 0xfffffffd,
  LOCAL: 0xfffffffe,
  ANY: 0xffffffff,
} as const;

/** Part of a field: bits [ofs, ofs + bits) counted from the least significant. */
export interface Subfield {
  readonly field: Field;
  readonly ofs: number;
  readonly bits: number;
}

export type OfAction =
  | { readonly type: 'output'; readonly port: number; readonly maxLen: number }
  | { readonly type: 'output_reg'; readonly src: Subfield; readonly maxLen: number }
  | { readonly type: 'output_trunc'; readonly port: number; readonly maxLen: number }
  | {
      readonly type: 'controller';
      readonly maxLen: number;
      readonly controllerId: number;
      readonly reason: number;
      readonly userdata?: Uint8Array;
      readonly pause?: boolean;
      readonly meterId?: number;
    }
  | { readonly type: 'enqueue'; readonly port: number; readonly queue: number }
  | { readonly type: 'set_queue'; readonly queue: number }
  | { readonly type: 'pop_queue' }
  | { readonly type: 'group'; readonly groupId: number }
  | { readonly type: 'push_vlan'; readonly ethertype: number }
  /** `strip`: written OFPAT_STRIP_VLAN (1.0), printed strip_vlan. */
  | { readonly type: 'pop_vlan'; readonly strip?: boolean }
  /** OpenFlow 1.0 forms: set_vlan_vid pushes a tag when there is none. */
  | { readonly type: 'set_vlan_vid'; readonly vid: number; readonly pushIfNeeded: boolean }
  | { readonly type: 'set_vlan_pcp'; readonly pcp: number; readonly pushIfNeeded: boolean }
  | { readonly type: 'set_eth_src' | 'set_eth_dst'; readonly mac: Uint8Array }
  | { readonly type: 'set_ip_src' | 'set_ip_dst'; readonly ip: number }
  /** All eight bits of the TOS byte are given; only the DSCP bits are written. */
  | { readonly type: 'set_ip_dscp'; readonly dscp: number }
  | { readonly type: 'set_ip_ecn'; readonly ecn: number }
  | { readonly type: 'set_ip_ttl'; readonly ttl: number }
  | { readonly type: 'set_l4_src_port' | 'set_l4_dst_port'; readonly port: number }
  /**
   * value and mask have the field's own size in bytes, big-endian. The mask is all ones, also above a field's highest bit,
   * when there is none: one that has just the field's bits is said as such (`set_field:3/0x3->nw_ecn`).
   */
  | {
      readonly type: 'set_field';
      readonly field: Field;
      readonly value: Uint8Array;
      readonly mask: Uint8Array;
      /** How it was given, and is said again: NXAST_REG_LOAD as load:VALUE->DST[..], NXAST_REG_LOAD2 like set_field. */
      readonly form: 'set_field' | 'reg_load' | 'reg_load2';
    }
  /** `isCopyField`: it was given as OpenFlow's own copy_field, and is said again as such where a version has it. */
  | { readonly type: 'reg_move'; readonly src: Subfield; readonly dst: Subfield; readonly isCopyField?: true }
  | { readonly type: 'stack_push' | 'stack_pop'; readonly subfield: Subfield }
  | { readonly type: 'dec_ttl'; readonly controllerIds: readonly number[] }
  | { readonly type: 'set_tunnel'; readonly tunId: bigint; readonly wide: boolean }
  | {
      readonly type: 'resubmit' /** OFPP.IN_PORT keeps in_port. */;
      readonly inPort: number;
      /** 255: the current table. */ readonly tableId: number;
      readonly withCtOrig: boolean;
    }
  | { readonly type: 'learn'; readonly spec: LearnSpec }
  | { readonly type: 'conjunction'; readonly id: number; readonly clause: number; readonly nClauses: number }
  | {
      readonly type: 'multipath';
      readonly fields: string;
      readonly basis: number;
      readonly algorithm: string;
      readonly maxLink: number;
      readonly arg: number;
      readonly dst: Subfield;
    }
  | {
      readonly type: 'bundle';
      readonly fields: string;
      readonly basis: number;
      readonly algorithm: string;
      readonly slaves: readonly number[];
      readonly dst?: Subfield;
    }
  | { readonly type: 'note'; readonly data: Uint8Array }
  | { readonly type: 'exit' }
  | { readonly type: 'clone'; readonly actions: readonly OfAction[] }
  | { readonly type: 'fin_timeout'; readonly idleTimeout: number; readonly hardTimeout: number }
  | {
      readonly type: 'sample';
      readonly probability: number;
      readonly collectorSetId: number;
      readonly obsDomainId: number;
      readonly obsPointId: number;
      /** OFPP.ANY (0xffff on the wire): none. */
      readonly samplingPort?: number;
      readonly direction?: 'ingress' | 'egress';
    }
  | { readonly type: 'push_mpls' | 'pop_mpls'; readonly ethertype: number }
  | { readonly type: 'set_mpls_label'; readonly label: number }
  | { readonly type: 'set_mpls_tc'; readonly tc: number }
  | { readonly type: 'set_mpls_ttl'; readonly ttl: number }
  | { readonly type: 'dec_mpls_ttl' | 'dec_nsh_ttl' }
  /** A packet type is `namespace << 16 | type`, as in the match field packet_type. */
  | { readonly type: 'encap'; readonly packetType: number; readonly props: readonly EncapProperty[] }
  /** DECAP_NEXT: whatever the header says follows it. */
  | { readonly type: 'decap'; readonly newPacketType: number }
  /** Sets the bit `dst` when the packet, from its Ethernet header on, is longer than `maxLen`. */
  | { readonly type: 'check_pkt_larger'; readonly maxLen: number; readonly dst: Subfield }
  | { readonly type: 'delete_field'; readonly field: Field }
  | { readonly type: 'ct'; readonly spec: CtSpec }
  | { readonly type: 'nat'; readonly spec: NatSpec }
  | { readonly type: 'ct_clear' }
  /** Test aids of Open vSwitch, allowed where dummy datapaths are. */
  | { readonly type: 'debug_recirc' | 'debug_slow' }
  /** Instructions, kept in the action list as Open vSwitch does. */
  | { readonly type: 'meter'; readonly meterId: number }
  | { readonly type: 'clear_actions' }
  | { readonly type: 'write_actions'; readonly actions: readonly OfAction[] }
  | { readonly type: 'write_metadata'; readonly metadata: bigint; readonly mask: bigint }
  | { readonly type: 'goto_table'; readonly tableId: number };

/** Packet type that `decap` without an argument carries. */
export const DECAP_NEXT = 0xfffe;

/** One property of `encap`: a class (OFPPPC_*), a type in it, and its value as it goes over the wire. */
export interface EncapProperty {
  readonly class: number;
  readonly type: number;
  readonly value: Uint8Array;
}

export interface CtSpec {
  readonly commit: boolean;
  readonly force: boolean;
  /** A number, or the 16 bits that hold it. */
  readonly zone: number | Subfield;
  /** 255: the packet does not come back. */
  readonly recircTable: number;
  /** The control port of a helper's protocol: 21 for ftp, 69 for tftp. */
  readonly alg: number;
  /** What commit writes to ct_mark and ct_label, and nat. */
  readonly actions: readonly OfAction[];
}

export interface NatSpec {
  /** Bits NX_NAT_F_*. */
  readonly flags: number;
  /** 4 or 16 bytes; `addressMax` only with `addressMin`, and so for ports. */
  readonly addressMin?: Uint8Array;
  readonly addressMax?: Uint8Array;
  readonly portMin?: number;
  readonly portMax?: number;
}

export interface LearnSpec {
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly priority: number;
  readonly cookie: bigint;
  readonly flags: number;
  readonly tableId: number;
  readonly finIdleTimeout: number;
  readonly finHardTimeout: number;
  readonly limit: number;
  readonly resultDst?: Subfield;
  readonly specs: readonly LearnFlowModSpec[];
}

export interface LearnFlowModSpec {
  readonly bits: number;
  /** A field of the packet, or an immediate of ceil(bits / 8) bytes. */
  readonly src: Subfield | Uint8Array;
  readonly kind: 'match' | 'load' | 'output';
  /** Absent for `output`. */
  readonly dst?: Subfield;
}

/** What OpenFlow 1.1 and later write as instructions: not allowed where there can only be actions. */
export const INSTRUCTIONS: ReadonlySet<OfAction['type']> = new Set([
  'meter',
  'clear_actions',
  'write_actions',
  'write_metadata',
  'goto_table',
]);
