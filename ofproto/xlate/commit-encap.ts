// Headers of encap and decap on their way to the datapath's packet: a new one is emitted at the next commit, so that its
// fields can be set first.

import * as F from '../model/flow.ts';
import * as N from '../model/nicira.ts';
import type { XlateContext } from './context.ts';
import { forgetPayload } from './label-stack.ts';

export function forgetAddresses(flow: F.Flow): void {
  flow.bytes.fill(0, F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  flow.bytes.fill(0, F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
}

/** The packet is one of `packetType` now: its outermost header is the new one. */
export function enterHeader(flow: F.Flow, packetType: number): void {
  forgetPayload(flow);
  forgetAddresses(flow);
  flow.bytes.fill(0, F.KEY_VLAN0_TPID, F.KEY_VLAN0_TPID + 8);
  flow.setU32(F.KEY_PACKET_TYPE, packetType);
  flow.setU16(F.KEY_ETH_TYPE, packetType & 0xffff);
}

/** Emits the header that waits, or takes the Ethernet header off, so that the datapath's packet has the flow's type. */
export function commitPacketType(ctx: XlateContext): void {
  const { flow, base, pendingEncap } = ctx;
  if (pendingEncap) {
    ctx.pendingEncap = undefined;
    emitHeader(ctx, pendingEncap);
  } else if (flow.u32(F.KEY_PACKET_TYPE) !== N.PT_ETHERNET && base.u32(F.KEY_PACKET_TYPE) === N.PT_ETHERNET) {
    ctx.emit({ type: 'pop_eth' });
    base.setU32(F.KEY_PACKET_TYPE, flow.u32(F.KEY_PACKET_TYPE));
    forgetAddresses(base);
  }
}

export type PendingEncap = { type: 'ethernet' } | { type: 'mpls' } | { type: 'nsh'; md2: Uint8Array };

function emitHeader(ctx: XlateContext, encap: PendingEncap): void {
  const { flow, base } = ctx;
  const bytes = (offset: number, size: number) => flow.bytes.slice(offset, offset + size);
  if (encap.type === 'ethernet') {
    ctx.emit({ type: 'push_eth', src: bytes(F.KEY_ETH_SRC, 6), dst: bytes(F.KEY_ETH_DST, 6) });
    base.bytes.set(flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_NW_SRC), F.KEY_ETH_DST);
  } else if (encap.type === 'nsh') {
    const fixed = flow.u8(F.KEY_NSH_MDTYPE) === N.NSH_MD1_TYPE;
    ctx.emit({
      type: 'push_nsh',
      header: bytes(F.KEY_NSH_FLAGS, 8),
      metadata: fixed ? bytes(F.KEY_NSH_C1, 16) : encap.md2,
    });
    enterHeader(base, N.PT_NSH);
    base.bytes.set(flow.bytes.subarray(F.KEY_NSH_FLAGS, F.KEY_CT_IPV6_SRC), F.KEY_NSH_FLAGS);
  } else {
    const lse = flow.u32(F.KEY_MPLS_LSE0);
    // An entry of zeroes (encap.ts) is none, as in Open vSwitch.
    if (lse !== 0) ctx.emit({ type: 'add_mpls', lse, ethertype: flow.u16(F.KEY_ETH_TYPE) });
    enterHeader(base, flow.u32(F.KEY_PACKET_TYPE));
    base.bytes.set(flow.bytes.subarray(F.KEY_MPLS_LSE0, F.KEY_MPLS_LSE0 + 12), F.KEY_MPLS_LSE0);
  }
  base.setU32(F.KEY_PACKET_TYPE, flow.u32(F.KEY_PACKET_TYPE));
  // Labels that push_mpls put on a packet without an Ethernet header are there still (mpls.ts).
  if (encap.type !== 'ethernet') base.setU16(F.KEY_ETH_TYPE, flow.u16(F.KEY_ETH_TYPE));
}
