// encap and decap (ovs-actions(7)): Ethernet, NSH (RFC 8300) and MPLS headers put on and taken off by packet type. A new
// header reaches the datapath's packet at the next commit, so that its fields can be set first; what lies below a removed
// NSH header is only known after the packet has been parsed again (freeze.ts).

import type { EncapProperty } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import * as N from '../model/nicira.ts';
import { ETH_TYPE_MPLS, etherTypeOf } from '../model/prerequisites.ts';
import { commitActions } from './commit.ts';
import { enterHeader, forgetAddresses } from './commit-encap.ts';
import type { XlateContext } from './context.ts';
import { sendToController } from './controller.ts';
import { freezeAfter } from './freeze.ts';
import {
  copyOuter,
  entryAt,
  firstEntry,
  frameEntry,
  hasRoom,
  isDeeper,
  LABELS_MAX,
  labelCount,
} from './label-stack.ts';
import { hasVlan } from './protocols.ts';

const OFPHTN_ETHERTYPE = 0x10000;
const UNSUPPORTED = 'Unsupported packet type';
const NSH_DEFAULT_TTL = 63;
const NSH_DEFAULT_SI = 255;

/** Next protocol of NSH (RFC 8300, 2.5) by packet type. */
const NEXT_PROTOCOLS: readonly (readonly [packetType: number, np: number])[] = [
  [OFPHTN_ETHERTYPE | 0x0800, 1],
  [OFPHTN_ETHERTYPE | 0x86dd, 2],
  [N.PT_ETHERNET, 3],
  [N.PT_NSH, 4],
];

export function xlateEncap(ctx: XlateContext, packetType: number, props: readonly EncapProperty[]): void {
  if (packetType === N.PT_ETHERNET) encapEthernet(ctx);
  else if (packetType === N.PT_NSH) encapNsh(ctx, props);
  else encapMpls(ctx, packetType);
}

function refuse(ctx: XlateContext, text: string): void {
  ctx.report.add('action', () => text);
  ctx.error ??= UNSUPPORTED;
}

function typeText(flow: F.Flow): string {
  const type = flow.u32(F.KEY_PACKET_TYPE);
  return `(${type >>> 16},0x${(type & 0xffff).toString(16)})`;
}

function encapEthernet(ctx: XlateContext): void {
  const { flow } = ctx;
  // Before it may fail: what was written until then is matched.
  commitActions(ctx);
  if (flow.u32(F.KEY_PACKET_TYPE) === N.PT_ETHERNET) {
    refuse(ctx, 'Dropping packet as encap(ethernet) is not supported for packet type ethernet.');
    return;
  }
  flow.setU16(F.KEY_ETH_TYPE, etherTypeOf(flow));
  flow.setU32(F.KEY_PACKET_TYPE, N.PT_ETHERNET);
  forgetAddresses(flow);
  ctx.pendingEncap = { type: 'ethernet' };
}

function encapNsh(ctx: XlateContext, props: readonly EncapProperty[]): void {
  const { flow } = ctx;
  commitActions(ctx);
  const np = NEXT_PROTOCOLS.find(([type]) => type === flow.u32(F.KEY_PACKET_TYPE))?.[1];
  if (np === undefined) {
    refuse(ctx, `Dropping packet as encap(nsh) is not supported for packet type ${typeText(flow)}`);
    return;
  }
  const mdType = props.find(({ type }) => type === N.OFPPPT_PROP_NSH_MDTYPE)?.value[0] ?? N.NSH_MD1_TYPE;
  enterHeader(flow, N.PT_NSH);
  flow.setU8(F.KEY_NSH_FLAGS, 0);
  flow.setU8(F.KEY_NSH_TTL, NSH_DEFAULT_TTL);
  flow.setU8(F.KEY_NSH_MDTYPE, mdType);
  flow.setU8(F.KEY_NSH_NP, np);
  flow.setU32(F.KEY_NSH_PATH, NSH_DEFAULT_SI);
  flow.bytes.fill(0, F.KEY_NSH_C1, F.KEY_NSH_C1 + 16);
  ctx.pendingEncap = { type: 'nsh', md2: tlvs(props) };
}

/** The TLVs of variable-length metadata, each padded to four bytes. */
function tlvs(props: readonly EncapProperty[]): Uint8Array {
  const bytes: number[] = [];
  for (const { type, value } of props) {
    if (type !== N.OFPPPT_PROP_NSH_TLV) continue;
    // On the wire the property is padded to eight; the TLV itself says how long it is.
    bytes.push(...value.subarray(0, 4 + value[3]!));
    while (bytes.length % 4 !== 0) bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

function encapMpls(ctx: XlateContext, packetType: number): void {
  const { flow, wc } = ctx;
  commitActions(ctx);
  readLabels(flow, wc);
  const count = labelCount(flow);
  if (!hasRoom(ctx, 'an encap MPLS action', count)) return;
  addLabel(flow, wc, count);
  enterHeader(flow, packetType);
  ctx.pendingEncap = { type: 'mpls' };
}

/** A label before others is a copy of the outermost; before a frame with unicast labels all are 0, as Open vSwitch has it. */
function addLabel(flow: F.Flow, wc: F.Flow, count: number): void {
  const ethernet = flow.u32(F.KEY_PACKET_TYPE) === N.PT_ETHERNET;
  if (count > 0 && !(ethernet && flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_MPLS)) {
    copyOuter(flow, count);
    return;
  }
  // A whole Ethernet frame below the label tells nothing of TTL or class.
  const entry = count > 0 ? 0 : ethernet ? frameEntry(flow) : firstEntry(flow, wc);
  flow.bytes.fill(0, entryAt(0), entryAt(LABELS_MAX));
  flow.setU32(entryAt(0), entry);
}

/** The labels below a new one, or where they end when they fill the stack. */
function readLabels(flow: F.Flow, wc: F.Flow): void {
  const count = labelCount(flow);
  if (count >= LABELS_MAX) labelCount(flow, wc);
  else wc.bytes.fill(0xff, entryAt(0), entryAt(count));
}

/** False when the rest of the list has to wait for the packet to be parsed, or the packet is dropped. */
export function xlateDecap(ctx: XlateContext, newPacketType: number): boolean {
  const { flow, wc } = ctx;
  const packetType = flow.u32(F.KEY_PACKET_TYPE);
  if (packetType === N.PT_ETHERNET) return decapEthernet(ctx);
  if (packetType === N.PT_NSH) {
    wc.setU8(F.KEY_NSH_NP, 0xff);
    return decapNsh(ctx, flow.u8(F.KEY_NSH_NP));
  }
  if (packetType === N.PT_MPLS || packetType === N.PT_MPLS_MC) return decapMpls(ctx, newPacketType);
  refuse(ctx, `Dropping packet as the decap() does not support packet type ${typeText(flow)}`);
  return false;
}

function decapEthernet(ctx: XlateContext): boolean {
  const { flow, wc } = ctx;
  // What was done to the frame is done before it loses its header.
  commitActions(ctx);
  if (hasVlan(flow)) {
    refuse(ctx, 'Dropping packet, cannot decap Ethernet if VLAN is present.');
    return false;
  }
  wc.setU16(F.KEY_ETH_TYPE, 0xffff);
  flow.setU32(F.KEY_PACKET_TYPE, (OFPHTN_ETHERTYPE | flow.u16(F.KEY_ETH_TYPE)) >>> 0);
  forgetAddresses(flow);
  return true;
}

function decapNsh(ctx: XlateContext, np: number): boolean {
  const next = NEXT_PROTOCOLS.find(([, number]) => number === np)?.[0];
  if (next === undefined) {
    refuse(ctx, `Dropping packet as NSH next protocol ${np} is not supported`);
    return false;
  }
  // What the flow says of the packet until now goes first; then the header.
  commitActions(ctx);
  ctx.flow.setU32(F.KEY_PACKET_TYPE, next);
  ctx.emit({ type: 'pop_nsh' });
  ctx.base.setU32(F.KEY_PACKET_TYPE, next);
  ctx.base.setU16(F.KEY_ETH_TYPE, ctx.flow.u16(F.KEY_ETH_TYPE));
  freezeAfter(ctx);
  return true;
}

/** The frame below the labels is parsed again. */
function decapMpls(ctx: XlateContext, newPacketType: number): boolean {
  if (isDeeper(ctx, 'an MPLS decap')) {
    ctx.flow.setU32(F.KEY_PACKET_TYPE, newPacketType);
    return false;
  }
  commitActions(ctx);
  ctx.flow.setU32(F.KEY_PACKET_TYPE, N.PT_ETHERNET);
  ctx.emit({ type: 'pop_mpls', ethertype: ETH_TYPE_TEB });
  ctx.base.setU32(F.KEY_PACKET_TYPE, N.PT_ETHERNET);
  freezeAfter(ctx);
  return true;
}

/** Transparent Ethernet bridging: what is below is a whole frame. */
const ETH_TYPE_TEB = 0x6558;

/** dec_nsh_ttl. False when it ran out: the packet went to the controllers and the rest of the actions is skipped. */
export function decNshTtl(ctx: XlateContext): boolean {
  const { flow, wc } = ctx;
  if (etherTypeOf(flow) !== (N.PT_NSH & 0xffff)) return true;
  wc.setU8(F.KEY_NSH_TTL, 0xff);
  const ttl = flow.u8(F.KEY_NSH_TTL);
  if (ttl > 1) {
    flow.setU8(F.KEY_NSH_TTL, ttl - 1);
    return true;
  }
  ctx.report.add('warn', () => 'NSH decrement TTL exception');
  sendToController(ctx, { maxLen: 0xffff, controllerId: 0, reason: 'invalid_ttl' });
  return false;
}
