// Turns the difference between the packet as OpenFlow sees it (flow) and as the datapath has it (base) into datapath
// actions, just before the packet leaves: headers that were changed and changed back cost nothing.
//
// A header is written with one masked `set` of the fields that changed. A field's mask is what the megaflow matches of
// it, as in Open vSwitch: every bit that an action wrote is also matched.

import type { SetHeader } from '../../datapath/dpif.ts';
import { SET_LAYOUT } from '../../datapath/dpif.ts';
import * as F from '../model/flow.ts';
import { NSH_MD1_TYPE } from '../model/nicira.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../model/prerequisites.ts';
import { commitPacketType } from './commit-encap.ts';
import type { XlateContext } from './context.ts';
import { commitMpls, isMpls } from './label-stack.ts';
import { isArp, isIp, isIpv4, isIpv6, isNsh, vlanCount } from './protocols.ts';

/** `size` bytes at `from` in a Flow are at `to` in the header's set layout. */
interface Piece {
  readonly from: number;
  readonly size: number;
  readonly to: number;
}

const ETH: readonly Piece[] = [
  { from: F.KEY_ETH_DST, size: 6, to: 0 },
  { from: F.KEY_ETH_SRC, size: 6, to: 6 },
];
const IPV4: readonly Piece[] = [
  { from: F.KEY_NW_SRC, size: 4, to: 0 },
  { from: F.KEY_NW_DST, size: 4, to: 4 },
  { from: F.KEY_NW_TOS, size: 1, to: 9 },
  { from: F.KEY_NW_TTL, size: 1, to: 10 },
];
const IPV6: readonly Piece[] = [
  { from: F.KEY_IPV6_SRC, size: 16, to: 0 },
  { from: F.KEY_IPV6_DST, size: 16, to: 16 },
  { from: F.KEY_IPV6_LABEL, size: 4, to: 32 },
  { from: F.KEY_NW_TOS, size: 1, to: 37 },
  { from: F.KEY_NW_TTL, size: 1, to: 38 },
];
/** The opcode's low byte in the set layout. */
const ARP_OP = 9;
const ARP: readonly Piece[] = [
  { from: F.KEY_NW_SRC, size: 4, to: 0 },
  { from: F.KEY_NW_DST, size: 4, to: 4 },
  { from: F.KEY_NW_PROTO, size: 1, to: ARP_OP },
  { from: F.KEY_ARP_SHA, size: 6, to: 10 },
  { from: F.KEY_ARP_THA, size: 6, to: 16 },
];
const PORTS: readonly Piece[] = [
  { from: F.KEY_TP_SRC, size: 2, to: 0 },
  { from: F.KEY_TP_DST, size: 2, to: 2 },
];
const ICMP: readonly Piece[] = [
  { from: F.KEY_TP_SRC + 1, size: 1, to: 0 },
  { from: F.KEY_TP_DST + 1, size: 1, to: 1 },
];
const ND: readonly Piece[] = [
  { from: F.KEY_ND_TARGET, size: 16, to: 0 },
  { from: F.KEY_ARP_SHA, size: 6, to: 16 },
  { from: F.KEY_ARP_THA, size: 6, to: 22 },
];

const ND_EXT: readonly Piece[] = [
  { from: F.KEY_ND_RESERVED, size: 4, to: 0 },
  { from: F.KEY_ND_OPTIONS_TYPE, size: 1, to: 4 },
];

const NSH: readonly Piece[] = [
  { from: F.KEY_NSH_FLAGS, size: 2, to: 0 },
  { from: F.KEY_NSH_PATH, size: 4, to: 4 },
];
const NSH_CONTEXT: Piece = { from: F.KEY_NSH_C1, size: 16, to: 8 };

const SKB_PRIORITY: readonly Piece[] = [{ from: F.KEY_SKB_PRIORITY, size: 4, to: 0 }];
const PKT_MARK: readonly Piece[] = [{ from: F.KEY_PKT_MARK, size: 4, to: 0 }];

/** Emits what makes the datapath's packet equal to the flow. */
export function commitActions(ctx: XlateContext): void {
  const { flow, base } = ctx;
  if (isUnchanged(flow, base)) return;
  commitPacketType(ctx);
  if (flow.u32(F.KEY_PACKET_TYPE) === 0) commitHeader(ctx, 'eth', ETH);
  // Behind labels there is no network header to write: they go first.
  const unlabelled = isMpls(base) && !isMpls(flow);
  if (unlabelled) commitMpls(ctx);
  // nw_proto 0 stands for "no network header" (a truncated packet), as in Open vSwitch.
  if (flow.u8(F.KEY_NW_PROTO) !== 0) {
    if (isIpv4(base)) commitHeader(ctx, 'ipv4', IPV4);
    else if (isIpv6(base)) commitHeader(ctx, 'ipv6', IPV6);
    else if (isArp(base)) commitHeader(ctx, 'arp', ARP);
  }
  if (isNsh(base)) commitNsh(ctx);
  // A label on top hides what is below.
  if (isIp(base) && flow.u8(F.KEY_NW_PROTO) !== 0) commitTransport(ctx);
  if (!unlabelled) commitMpls(ctx);
  commitVlan(ctx);
  commitHeader(ctx, 'skb_priority', SKB_PRIORITY);
  commitHeader(ctx, 'pkt_mark', PKT_MARK);
}

/** Most outputs find nothing to write. */
function isUnchanged(flow: F.Flow, base: F.Flow): boolean {
  for (let i = 0; i < F.KEY_SIZE / 4; i++) if (flow.words[i] !== base.words[i]) return false;
  return true;
}

function commitTransport(ctx: XlateContext): void {
  const { base } = ctx;
  const proto = base.u8(F.KEY_NW_PROTO);
  if (proto === IPPROTO_TCP) commitHeader(ctx, 'tcp', PORTS);
  else if (proto === IPPROTO_UDP) commitHeader(ctx, 'udp', PORTS);
  else if (proto === IPPROTO_SCTP) commitHeader(ctx, 'sctp', PORTS);
  if (isIpv4(base) && proto === IPPROTO_ICMP) {
    commitIcmp(ctx, 'icmp');
  } else if (isIpv6(base) && proto === IPPROTO_ICMPV6) {
    // First, as in Open vSwitch: of which kind an option is decides what is an address.
    commitHeader(ctx, 'nd_ext', ND_EXT);
    commitHeader(ctx, 'nd', ND);
    commitIcmp(ctx, 'icmpv6');
  }
}

function differs(a: F.Flow, b: F.Flow, { from, size }: Piece): boolean {
  for (let i = from; i < from + size; i++) if (a.bytes[i] !== b.bytes[i]) return true;
  return false;
}

function commitHeader(ctx: XlateContext, header: SetHeader, pieces: readonly Piece[]): void {
  const { flow, base, wc } = ctx;
  const changed = pieces.filter((piece) => differs(flow, base, piece));
  if (changed.length === 0) return;
  const value = new Uint8Array(SET_LAYOUT[header]);
  const mask = new Uint8Array(SET_LAYOUT[header]);
  for (const { from, size, to } of changed) {
    for (let i = 0; i < size; i++) {
      const bits = wc.bytes[from + i]! | (flow.bytes[from + i]! ^ base.bytes[from + i]!);
      mask[to + i] = bits;
      value[to + i] = flow.bytes[from + i]! & bits;
      base.bytes[from + i] = flow.bytes[from + i]!;
    }
  }
  if (header === 'arp') widenOpcode(value, mask);
  ctx.emit({ type: 'set', header, value, mask });
}

/** A flow has the opcode's low byte. All of its bits stand for all of the 16 that the packet has, as in Open vSwitch. */
function widenOpcode(value: Uint8Array, mask: Uint8Array): void {
  if (mask[ARP_OP] !== 0xff) return;
  mask[ARP_OP - 1] = 0xff;
  value[ARP_OP - 1] = value[ARP_OP] === 0xff ? 0xff : 0;
}

/**
 * All that is matched is written, changed or not, as Open vSwitch has it. Only metadata of type 1 has contexts to write; those
 * that go with another are shown as zeroes.
 */
function commitNsh(ctx: XlateContext): void {
  const { flow, base, wc } = ctx;
  const hasContext = base.u8(F.KEY_NSH_MDTYPE) === NSH_MD1_TYPE;
  const pieces = hasContext ? [...NSH, NSH_CONTEXT] : NSH;
  if (!pieces.some((piece) => differs(flow, base, piece))) return;
  const value = new Uint8Array(SET_LAYOUT.nsh);
  const mask = new Uint8Array(SET_LAYOUT.nsh);
  if (!hasContext) mask.fill(0xff, NSH_CONTEXT.to);
  for (const { from, size, to } of pieces) {
    for (let i = 0; i < size; i++) {
      mask[to + i] = wc.bytes[from + i]! | (flow.bytes[from + i]! ^ base.bytes[from + i]!);
      value[to + i] = flow.bytes[from + i]! & mask[to + i]!;
      base.bytes[from + i] = flow.bytes[from + i]!;
    }
  }
  ctx.emit({ type: 'set', header: 'nsh', value, mask });
}

/** Type and code go together. */
function commitIcmp(ctx: XlateContext, header: 'icmp' | 'icmpv6'): void {
  const { flow, base, wc } = ctx;
  if (!ICMP.some((piece) => differs(flow, base, piece))) return;
  const value = new Uint8Array(SET_LAYOUT[header]);
  for (const { from, to } of ICMP) {
    wc.setU16(from - 1, 0xff);
    value[to] = flow.bytes[from]!;
    base.bytes[from] = flow.bytes[from]!;
  }
  ctx.emit({ type: 'set', header, value, mask: new Uint8Array(value.length).fill(0xff) });
}

const tag = (flow: F.Flow, index: number): number => flow.u32(F.KEY_VLAN0_TPID + 4 * index);

/** Pops the outer tags that differ and pushes the wanted ones; inner tags that both have stay. */
function commitVlan(ctx: XlateContext): void {
  const { flow, base, wc } = ctx;
  let have = vlanCount(base);
  let want = vlanCount(flow);
  while (have > 0 && want > 0 && tag(base, have - 1) === tag(flow, want - 1)) {
    have--;
    want--;
  }
  if (have === 0 && want === 0) return;
  for (; have > 0; have--) {
    wc.setU32(F.KEY_VLAN0_TPID + 4 * (have - 1), 0xffffffff);
    ctx.emit({ type: 'pop_vlan' });
  }
  for (; want > 0; want--) {
    const pushed = tag(flow, want - 1);
    ctx.emit({ type: 'push_vlan', tpid: pushed >>> 16, tci: pushed & 0xffff });
  }
  base.setU32(F.KEY_VLAN0_TPID, tag(flow, 0));
  base.setU32(F.KEY_VLAN1_TPID, tag(flow, 1));
}
