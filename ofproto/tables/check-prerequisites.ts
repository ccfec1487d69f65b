// Whether the headers that a flow's actions read and write can be there in the packets that it matches (ovs-fields(7),
// "Prerequisites"). Fields must have theirs on every version; OpenFlow 1.0's setters and the other header actions may be
// used without on 1.0, where they do nothing to packets without the header, and are a mistake on later versions.

import type { LearnSpec, OfAction, Subfield } from '../model/actions.ts';
import { type Field, matchField } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import { glanceAt, PackedMatch } from '../model/minimask.ts';
import { PT_ETHERNET, PT_MPLS, PT_MPLS_MC, PT_NSH } from '../model/nicira.ts';
import * as P from '../model/prerequisites.ts';
import { prerequisitesMet } from '../model/prerequisites.ts';

const IPPORT_FTP = 21;
const IPPORT_TFTP = 69;
/** A packet type that says that nothing is known of the packet. */
const PT_UNKNOWN = 0xffff_ffff;

/**
 * Throws OfError OFPBAC_MATCH_INCONSISTENT, OFPBAC_BAD_TAG. `match`: a flow's, or a packet's fields without a mask. False
 * when only OpenFlow 1.0 may have these actions.
 */
export function checkPrerequisites(actions: readonly OfAction[], match: { flow: F.Flow; mask?: F.Flow }): boolean {
  if (match instanceof PackedMatch) {
    if (!match.minimask.hasConnectionTuple && areIndifferent(actions, match.minimask.needsEthernet)) return true;
    return check(actions, glanceAt(match));
  }
  return check(actions, match);
}

function check(actions: readonly OfAction[], { flow, mask }: { flow: F.Flow; mask?: F.Flow }): boolean {
  if (mask) checkConnectionTuple(flow, mask);
  return new Checker(flow, mask).run(actions);
}

/**
 * Whether actions may be used, and leave the headers as they are, whatever the packet, or whatever the packet with an
 * Ethernet header where that is known to be there: so do most.
 */
function areIndifferent(actions: readonly OfAction[], hasEthernet: boolean): boolean {
  for (const action of actions) if (!isIndifferent(action, hasEthernet)) return false;
  return true;
}

function isIndifferent(action: OfAction, hasEthernet: boolean): boolean {
  switch (action.type) {
    case 'set_field':
      return hasEthernet && (action.field.name === 'eth_dst' || action.field.name === 'eth_src');
    case 'output':
    case 'controller':
    case 'enqueue':
    case 'set_queue':
    case 'group':
    case 'goto_table':
    case 'set_eth_src':
    case 'set_eth_dst':
    case 'set_tunnel':
    case 'write_metadata':
    case 'conjunction':
    case 'note':
    case 'meter':
      return true;
    case 'resubmit':
      return !action.withCtOrig;
    default:
      return false;
  }
}

/** The original tuple's addresses are those of the packet's own network layer. */
function checkConnectionTuple(flow: F.Flow, mask: F.Flow): void {
  const type = flow.u16(F.KEY_ETH_TYPE);
  const v4 = hasBits(mask, F.KEY_CT_NW_SRC, 8);
  const v6 = hasBits(mask, F.KEY_CT_IPV6_SRC, 32);
  if ((v4 && type !== P.ETH_TYPE_IP) || (v6 && type !== P.ETH_TYPE_IPV6)) {
    throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'ct tuple of another network protocol');
  }
}

function hasBits({ bytes }: F.Flow, offset: number, size: number): boolean {
  for (let i = offset; i < offset + size; i++) if (bytes[i] !== 0) return true;
  return false;
}

/** What changes make of a packet, by how deep in nested lists they are: used again for each list. */
const CHANGED: F.Flow[] = [];

class Checker {
  #flow: F.Flow;
  #owned = false;
  readonly #depth: number;
  readonly #mask: F.Flow | undefined;
  #packetType: number;

  constructor(flow: F.Flow, mask: F.Flow | undefined, depth = 0) {
    this.#depth = depth;
    this.#flow = flow;
    this.#mask = mask;
    this.#packetType = flow.u32(F.KEY_PACKET_TYPE);
  }

  run(actions: readonly OfAction[]): boolean {
    let everywhere = true;
    for (const action of actions) everywhere = this.#check(action) && everywhere;
    return everywhere;
  }

  #nested(actions: readonly OfAction[]): boolean {
    const inner = new Checker(this.#flow, this.#mask, this.#depth + 1);
    inner.#packetType = this.#packetType;
    return inner.run(actions);
  }

  #field(f: Field, what: string): void {
    if (prerequisitesMet(this.#flow, f, this.#mask)) return;
    throw new OfError('OFPBAC_MATCH_INCONSISTENT', `${what}: ${f.name} lacks its prerequisites`);
  }

  /** What is known of the packet from here on. */
  #change(): F.Flow {
    if (this.#owned) return this.#flow;
    const changed = CHANGED[this.#depth] ?? new F.Flow();
    CHANGED[this.#depth] ??= changed;
    changed.copyFrom(this.#flow);
    this.#flow = changed;
    this.#owned = true;
    return changed;
  }

  get #etherType(): number {
    return P.etherTypeOf(this.#flow);
  }
  get #isIp(): boolean {
    return this.#etherType === P.ETH_TYPE_IP || this.#etherType === P.ETH_TYPE_IPV6;
  }
  get #isMpls(): boolean {
    return this.#etherType === P.ETH_TYPE_MPLS || this.#etherType === P.ETH_TYPE_MPLS_MCAST;
  }
  get #hasVlan(): boolean {
    return (this.#flow.u16(F.KEY_VLAN0_TCI) & F.VLAN_CFI) !== 0;
  }

  /** False when only OpenFlow 1.0 may have the action here. */
  #check(action: OfAction): boolean {
    switch (action.type) {
      case 'set_field':
        return this.#setField(action.field, action.value);
      case 'reg_move':
        this.#field(action.src.field, action.type);
        this.#field(action.dst.field, action.type);
        return true;
      case 'output_reg':
        this.#field(action.src.field, action.type);
        return true;
      case 'stack_push':
      case 'stack_pop':
        this.#field(action.subfield.field, action.type);
        return true;
      case 'multipath':
      case 'check_pkt_larger':
        this.#field(action.dst.field, action.type);
        return true;
      case 'bundle':
        if (action.dst) this.#field(action.dst.field, action.type);
        return true;
      case 'learn':
        this.#learn(action.spec);
        return true;
      case 'clone':
        return this.#nested(action.actions);
      case 'write_actions':
        // When the set is carried out, the packet may be another: only fields must have what they need here.
        this.#nested(action.actions);
        return true;
      case 'ct':
        this.#ct(action);
        return true;
      case 'resubmit':
        if (action.withCtOrig) this.#ctOrig();
        return true;
      default:
        return this.#checkHeader(action);
    }
  }

  #setField(f: Field, value: Uint8Array): boolean {
    this.#field(f, 'set_field');
    // Matching vlan_vid needs nothing, because it says itself whether there is a tag; setting it needs one.
    if (f.name === 'vlan_vid' && !(this.#hasVlan && this.#flow.u32(F.KEY_PACKET_TYPE) === PT_ETHERNET)) {
      throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'set_field: vlan_vid needs a VLAN tag');
    }
    if (f.name === 'vlan_tci') this.#change().setU16(F.KEY_VLAN0_TCI, (value[0]! << 8) | value[1]!);
    return true;
  }

  #checkHeader(action: OfAction): boolean {
    switch (action.type) {
      case 'set_ip_src':
      case 'set_ip_dst':
        return this.#etherType === P.ETH_TYPE_IP;
      case 'set_ip_dscp':
      case 'set_ip_ecn':
      case 'set_ip_ttl':
      case 'dec_ttl':
        return this.#isIp;
      case 'set_l4_src_port':
      case 'set_l4_dst_port':
        return this.#hasPorts();
      case 'fin_timeout':
        return this.#isIp && this.#flow.u8(F.KEY_NW_PROTO) === P.IPPROTO_TCP;
      case 'set_mpls_label':
      case 'set_mpls_tc':
      case 'set_mpls_ttl':
      case 'dec_mpls_ttl':
        return this.#isMpls;
      case 'dec_nsh_ttl':
        return this.#etherType === P.ETH_TYPE_NSH || this.#packetType === PT_NSH;
      default:
        return this.#checkPushPop(action);
    }
  }

  #hasPorts(): boolean {
    const proto = this.#flow.u8(F.KEY_NW_PROTO);
    const later = (this.#flow.u8(F.KEY_NW_FRAG) & F.FLOW_NW_FRAG_LATER) !== 0;
    return this.#isIp && !later && (proto === P.IPPROTO_TCP || proto === P.IPPROTO_UDP || proto === P.IPPROTO_SCTP);
  }

  #checkPushPop(action: OfAction): boolean {
    switch (action.type) {
      case 'set_vlan_vid':
      case 'set_vlan_pcp': {
        const ok = this.#hasVlan || action.pushIfNeeded;
        this.#tag(F.VLAN_CFI);
        return ok;
      }
      case 'push_vlan':
        this.#pushVlan();
        return true;
      case 'pop_vlan':
        return this.#popVlan();
      case 'push_mpls':
        this.#opaque(action.ethertype);
        return true;
      case 'pop_mpls': {
        const ok = this.#isMpls;
        this.#opaque(action.ethertype);
        return ok;
      }
      case 'encap':
        this.#encap(action.packetType);
        return true;
      case 'decap':
        this.#decap();
        return true;
      default:
        return true;
    }
  }

  #tag(tci: number): void {
    this.#change().setU16(F.KEY_VLAN0_TCI, tci);
  }

  #pushVlan(): void {
    if (this.#flow.u16(F.KEY_VLAN1_TCI) & F.VLAN_CFI) throw new OfError('OFPBAC_BAD_TAG', 'push_vlan: a third tag');
    const flow = this.#change();
    flow.setU32(F.KEY_VLAN1_TPID, flow.u32(F.KEY_VLAN0_TPID));
    flow.setU16(F.KEY_VLAN0_TCI, F.VLAN_CFI);
  }

  #popVlan(): boolean {
    const ok = this.#hasVlan;
    const flow = this.#change();
    flow.setU32(F.KEY_VLAN0_TPID, flow.u32(F.KEY_VLAN1_TPID));
    flow.setU32(F.KEY_VLAN1_TPID, 0);
    return ok;
  }

  /** What lies below the label stack is not known. */
  #opaque(etherType: number): void {
    const flow = this.#change();
    flow.setU16(F.KEY_ETH_TYPE, etherType);
    flow.setU8(F.KEY_NW_PROTO, 0);
  }

  #encap(packetType: number): void {
    this.#packetType = packetType;
    const flow = this.#change();
    flow.setU32(F.KEY_PACKET_TYPE, packetType);
    if (packetType === PT_NSH || packetType === PT_MPLS || packetType === PT_MPLS_MC) {
      flow.setU16(F.KEY_ETH_TYPE, packetType & 0xffff);
      flow.setU8(F.KEY_NW_PROTO, 0);
    }
  }

  #decap(): void {
    this.#packetType = PT_UNKNOWN;
    this.#change().setU32(F.KEY_PACKET_TYPE, PT_UNKNOWN);
  }

  #ctOrig(): void {
    const state = this.#flow.u32(F.KEY_CT_STATE);
    const known = this.#isIp && state !== 0 && this.#mask?.u32(F.KEY_CT_STATE) !== 0;
    if (!known) throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'resubmit: no connection known');
  }

  #ct({ spec }: Extract<OfAction, { type: 'ct' }>): void {
    const proto = this.#flow.u8(F.KEY_NW_PROTO);
    const wrong =
      !this.#isIp ||
      (spec.alg === IPPORT_FTP && proto !== P.IPPROTO_TCP) ||
      (spec.alg === IPPORT_TFTP && proto !== P.IPPROTO_UDP);
    if (wrong) throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'ct: needs IP');
    if (typeof spec.zone !== 'number') this.#field(spec.zone.field, 'ct');
    for (const action of spec.actions) {
      const size = action.type === 'nat' ? action.spec.addressMin?.length : undefined;
      if (size !== undefined && (size === 4) !== (this.#etherType === P.ETH_TYPE_IP)) {
        throw new OfError('OFPBAC_MATCH_INCONSISTENT', 'nat: address of another network protocol');
      }
    }
  }

  /** Sources must be in the packet, destinations in what the learned flow matches. */
  #learn(spec: LearnSpec): void {
    const learned = F.emptyMatch();
    for (const { kind, src, dst, bits } of spec.specs) {
      if (!(src instanceof Uint8Array)) this.#field(src.field, 'learn');
      if (kind === 'match' && dst) {
        if (!prerequisitesMet(learned.flow, dst.field, learned.mask)) inconsistent(dst);
        if (src instanceof Uint8Array && dst.ofs === 0 && bits === dst.field.bits) {
          matchField(learned, dst.field, padded(src, dst.field.size));
        }
      } else if (kind === 'load' && dst) {
        if (!dst.field.writable) throw new OfError('OFPBAC_BAD_SET_ARGUMENT', `learn: ${dst.field.name}`);
        if (!prerequisitesMet(learned.flow, dst.field, learned.mask)) inconsistent(dst);
      }
    }
  }
}

function inconsistent({ field: f }: Subfield): never {
  throw new OfError('OFPBAC_MATCH_INCONSISTENT', `learn: ${f.name} lacks its prerequisites`);
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes.subarray(Math.max(0, bytes.length - size)), Math.max(0, size - bytes.length));
  return out;
}
