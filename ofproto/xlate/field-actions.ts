// Actions that write the packet's fields. What they write is committed to the datapath's packet at the next output; what
// they read or write is matched by the megaflow.

import type { OfAction, Subfield } from '../model/actions.ts';
import {
  bigintOf,
  bytesOf,
  exactMask,
  type Field,
  getField,
  getSubfield,
  readsAsZero,
  setFieldMasked,
  setSubfield,
  unwildcardField,
  unwildcardSubfield,
} from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { ETH_TYPE_RARP, prerequisitesMet, unwildcardPrerequisites } from '../model/prerequisites.ts';
import { formatFieldValue } from '../text/field-values.ts';
import { hex } from '../text/lexer.ts';
import { formatSubfield } from '../text/subfields.ts';
import { MAX_STACK, type XlateContext } from './context.ts';
import { sendToController } from './controller.ts';
import { isIp, isIpv4, isLaterFragment } from './protocols.ts';
import { normalizeTpid } from './vlan.ts';

const DSCP_MASK = 0xfc;
const ECN_MASK = 0x03;
const EXACT = 0xff;

function applies(ctx: XlateContext, f: Field): boolean {
  const isMet = has(ctx, f);
  if (!isMet) ctx.report.add('warn', () => `unmet prerequisites for ${f.name}, set_field ignored`);
  return isMet;
}

function has({ flow, wc }: XlateContext, f: Field): boolean {
  const isMet = prerequisitesMet(flow, f);
  unwildcardPrerequisites(wc, f);
  return isMet;
}

/**
 * Fields of the IP and ARP headers proper, with which Open vSwitch matches the protocol, of which ARP's opcode has the
 * place. OpenFlow's own field for DSCP (ip_dscp) is not among them.
 */
const IP_HEADER: ReadonlySet<string> = new Set([
  'ip_src',
  'ip_dst',
  'ipv6_src',
  'ipv6_dst',
  'nw_ttl',
  'nw_tos',
  'nw_ecn',
  'ipv6_label',
  'arp_op',
  'arp_spa',
  'arp_tpa',
  'arp_sha',
  'arp_tha',
]);

/** set_field and load. */
export function xlateSetField(ctx: XlateContext, f: Field, value: Uint8Array, mask: Uint8Array): void {
  if (!applies(ctx, f)) return;
  unwildcardField(ctx.wc, f, mask);
  if (matchesProtocol(ctx.flow, f)) ctx.wc.setU8(F.KEY_NW_PROTO, EXACT);
  setFieldMasked(ctx.flow, f, value, mask);
  if (f.offset === F.KEY_VLAN0_TCI) normalizeTpid(ctx.flow);
}

/** Whether Open vSwitch matches the protocol with a field that is set: not in RARP. */
const matchesProtocol = (flow: F.Flow, { name }: Field): boolean =>
  IP_HEADER.has(name) && flow.u16(F.KEY_ETH_TYPE) !== ETH_TYPE_RARP;

/** `REG[0..7] is now 0x5`, in the field's own format when it is whole. */
function describe(flow: F.Flow, sub: Subfield, value: bigint): string {
  const { field: f, bits } = sub;
  if (readsAsZero(f)) return `${formatSubfield(sub)} is now 0`;
  const whole = bits === f.bits;
  // Open vSwitch's word for the last path: it fills the 24 bits up to 32.
  if (whole && f.name === 'nsh_spi' && value === NSH_SPI_MAX) return `${formatSubfield(sub)} is now 0xffffffff`;
  // As the packet has it: with the bit that says that there is a tag at all (vlan_vid).
  const text = whole ? formatFieldValue(f, getField(flow, f), exactMask(f)) : hex(value);
  return `${formatSubfield(sub)} is now ${text}`;
}

const NSH_SPI_MAX = 0xffffffn;

/** Writes part of a field and says so. */
export function writeSubfield(ctx: XlateContext, dst: Subfield, value: bigint): void {
  unwildcardSubfield(ctx.wc, dst);
  setSubfield(ctx.flow, dst, value);
  if (dst.field.offset === F.KEY_VLAN0_TCI) normalizeTpid(ctx.flow);
  ctx.report.add('detail', () => describe(ctx.flow, dst, value));
}

export function xlateMove(ctx: XlateContext, src: Subfield, dst: Subfield): void {
  const { flow } = ctx;
  if (!has(ctx, dst.field) || !has(ctx, src.field)) {
    // Traces do not say so, but what the field is.
    ctx.report.add('detail', () => describe(flow, dst, getSubfield(flow, dst)));
    return;
  }
  unwildcardSubfield(ctx.wc, src);
  const value = getSubfield(flow, src);
  writeSubfield(ctx, dst, value & ((1n << BigInt(dst.bits)) - 1n));
}

/** Neither this nor pop asks for the field's prerequisites, as in Open vSwitch: a field that is not there is zero. */
export function xlateStackPush(ctx: XlateContext, sub: Subfield): void {
  unwildcardPrerequisites(ctx.wc, sub.field);
  if (ctx.stack.length >= MAX_STACK) {
    ctx.fail('Stack too deep', 'resubmits yielded over 64 kB of stack');
    return;
  }
  unwildcardSubfield(ctx.wc, sub);
  ctx.stack.push(bytesOf(getSubfield(ctx.flow, sub), Math.ceil(sub.bits / 8)));
}

export function xlateStackPop(ctx: XlateContext, sub: Subfield): void {
  unwildcardPrerequisites(ctx.wc, sub.field);
  const value = ctx.stack.pop();
  if (value === undefined) ctx.report.add('error', () => 'stack underflow');
  else writeSubfield(ctx, sub, bigintOf(value) & ((1n << BigInt(sub.bits)) - 1n));
}

/** False when the packet's TTL ran out: it went to the controllers and the rest of the actions is skipped. */
export function xlateDecTtl(ctx: XlateContext, controllerIds: readonly number[]): boolean {
  const { flow, wc } = ctx;
  // Of packets that have none too, as in Open vSwitch.
  wc.setU8(F.KEY_NW_TTL, EXACT);
  wc.setU8(F.KEY_NW_PROTO, EXACT);
  if (!isIp(flow)) return true;
  const ttl = flow.u8(F.KEY_NW_TTL);
  if (ttl > 1) {
    flow.setU8(F.KEY_NW_TTL, ttl - 1);
    return true;
  }
  ctx.report.add('warn', () => `IPv${isIpv4(flow) ? 4 : 6} decrement TTL exception`);
  for (const controllerId of controllerIds.length === 0 ? [0] : controllerIds) {
    sendToController(ctx, { maxLen: 0xffff, controllerId, reason: 'invalid_ttl' });
  }
  return false;
}

/** set_queue: the priority until pop_queue. */
export function xlateQueue(ctx: XlateContext, priority: number): void {
  ctx.wc.setU32(F.KEY_SKB_PRIORITY, 0xffffffff);
  ctx.flow.setU32(F.KEY_SKB_PRIORITY, priority);
}

function setBytes(ctx: XlateContext, offset: number, value: Uint8Array): void {
  ctx.wc.bytes.fill(EXACT, offset, offset + value.length);
  ctx.flow.bytes.set(value, offset);
}

function setTos(ctx: XlateContext, mask: number, value: number): void {
  const { flow, wc } = ctx;
  if (!isIp(flow)) return;
  wc.setU8(F.KEY_NW_PROTO, EXACT);
  wc.setU8(F.KEY_NW_TOS, wc.u8(F.KEY_NW_TOS) | mask);
  flow.setU8(F.KEY_NW_TOS, (flow.u8(F.KEY_NW_TOS) & ~mask) | (value & mask));
}

function setAddress(ctx: XlateContext, offset: number, ip: number): void {
  if (!isIpv4(ctx.flow)) return;
  ctx.wc.setU8(F.KEY_NW_PROTO, EXACT);
  ctx.wc.setU32(offset, 0xffffffff);
  ctx.flow.setU32(offset, ip);
}

function setPort(ctx: XlateContext, offset: number, port: number): void {
  if (!isIp(ctx.flow) || isLaterFragment(ctx.flow)) return;
  ctx.wc.setU8(F.KEY_NW_PROTO, EXACT);
  ctx.wc.setU16(offset, 0xffff);
  ctx.flow.setU16(offset, port);
}

type HeaderAction = Extract<
  OfAction,
  {
    type:
      | 'set_eth_src'
      | 'set_eth_dst'
      | 'set_ip_src'
      | 'set_ip_dst'
      | 'set_ip_dscp'
      | 'set_ip_ecn'
      | 'set_ip_ttl'
      | 'set_l4_src_port'
      | 'set_l4_dst_port'
      | 'set_tunnel'
      | 'write_metadata';
  }
>;

/** The OpenFlow 1.0 forms, which do nothing to packets that lack the header. */
export function xlateHeader(ctx: XlateContext, action: HeaderAction): void {
  const { flow, wc } = ctx;
  switch (action.type) {
    case 'set_eth_src':
      setBytes(ctx, F.KEY_ETH_SRC, action.mac);
      break;
    case 'set_eth_dst':
      setBytes(ctx, F.KEY_ETH_DST, action.mac);
      break;
    case 'set_ip_src':
      setAddress(ctx, F.KEY_NW_SRC, action.ip);
      break;
    case 'set_ip_dst':
      setAddress(ctx, F.KEY_NW_DST, action.ip);
      break;
    case 'set_ip_dscp':
      setTos(ctx, DSCP_MASK, action.dscp);
      break;
    case 'set_ip_ecn':
      setTos(ctx, ECN_MASK, action.ecn);
      break;
    case 'set_ip_ttl':
      if (!isIp(flow)) return;
      wc.setU8(F.KEY_NW_PROTO, EXACT);
      wc.setU8(F.KEY_NW_TTL, EXACT);
      flow.setU8(F.KEY_NW_TTL, action.ttl);
      break;
    case 'set_l4_src_port':
      setPort(ctx, F.KEY_TP_SRC, action.port);
      break;
    case 'set_l4_dst_port':
      setPort(ctx, F.KEY_TP_DST, action.port);
      break;
    case 'set_tunnel':
      flow.setU64(F.FLOW_TUN_ID, action.tunId);
      break;
    case 'write_metadata':
      flow.setU64(F.FLOW_METADATA, (flow.u64(F.FLOW_METADATA) & ~action.mask) | (action.metadata & action.mask));
      break;
  }
}
