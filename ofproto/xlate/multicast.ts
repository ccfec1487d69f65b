// Multicast under snooping: IGMP and MLD messages go where they belong and are looked at by the slow path, each of them;
// other IP multicast goes to its group's members (RFC 4541; ovs-vswitchd.conf.db(5), Bridge, "Multicast Snooping").

import * as F from '../model/flow.ts';
import { IPPROTO_ICMPV6 } from '../model/prerequisites.ts';
import type { Tags } from './bundle-vlan.ts';
import type { XlateContext } from './context.ts';
import { isIpv4, isIpv6 } from './protocols.ts';
import type { XlateBundle, XlateSnooping } from './snapshot.ts';

/** How NORMAL sends a packet on. */
export interface McastOutput {
  readonly from: XlateBundle;
  readonly tags: Tags;
  flood(): void;
  to(bundle: XlateBundle): void;
}

const IPPROTO_IGMP = 2;
/** IGMP: membership reports of versions 1 to 3, and the leave message, go to routers only. */
const IGMP_TO_ROUTERS: ReadonlySet<number> = new Set([0x12, 0x16, 0x17, 0x22]);
const MLD_QUERY = 130;
const MLD: ReadonlySet<number> = new Set([MLD_QUERY, 131, 132, 143]);
const ALL_HOSTS6 = 'ff020000000000000000000000000001';

/** False when snooping leaves the packet to its destination address. */
export function xlateMulticast(ctx: XlateContext, out: McastOutput): boolean {
  const { flow, bridge } = ctx;
  const { snooping } = bridge.l2;
  const dst = flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  const isGroup = (dst[0]! & 1) !== 0 && !dst.every((byte) => byte === 0xff);
  if (!snooping || !isGroup || !(isIpv4(flow) || isIpv6(flow))) return false;
  if (isIgmp(ctx))
    message(ctx, snooping, out, IGMP_TO_ROUTERS.has(flow.u16(F.KEY_TP_SRC)), 'multicast traffic, flooding');
  else if (isMld(ctx)) message(ctx, snooping, out, flow.u16(F.KEY_TP_SRC) !== MLD_QUERY, 'MLD query, flooding');
  else traffic(ctx, snooping, out);
  return true;
}

function isIgmp({ flow, wc }: XlateContext): boolean {
  if (!isIpv4(flow)) return false;
  wc.setU8(F.KEY_NW_PROTO, 0xff);
  return flow.u8(F.KEY_NW_PROTO) === IPPROTO_IGMP;
}

function isMld({ flow, wc }: XlateContext): boolean {
  if (!isIpv6(flow)) return false;
  wc.setU8(F.KEY_NW_PROTO, 0xff);
  if (flow.u8(F.KEY_NW_PROTO) !== IPPROTO_ICMPV6) return false;
  wc.setU16(F.KEY_TP_SRC, 0xffff);
  return MLD.has(flow.u16(F.KEY_TP_SRC));
}

function message(
  ctx: XlateContext,
  snooping: XlateSnooping,
  out: McastOutput,
  toRouters: boolean,
  floodText: string,
): void {
  ctx.slow.add('action');
  ctx.here.heard = { bundle: out.from, vlan: out.tags[0].vid };
  if (toRouters) {
    sendToRouters(ctx, snooping, out);
    sendReportsOn(ctx, out);
  } else {
    ctx.report.add('detail', () => floodText);
    out.flood();
  }
}

function traffic(ctx: XlateContext, snooping: XlateSnooping, out: McastOutput): void {
  const { flow, wc, report } = ctx;
  const [at, size] = isIpv4(flow) ? [F.KEY_NW_DST, 4] : [F.KEY_IPV6_DST, 16];
  wc.bytes.fill(0xff, at, at + size);
  const address = flow.bytes.subarray(at, at + size);
  if (isLocalGroup(address)) {
    report.add('detail', () => 'RFC4541: section 2.1.2, item 2, flooding');
    out.flood();
    return;
  }
  const members = snooping.members(out.tags[0].vid, address);
  if (members) {
    for (const member of members) send(ctx, out, member, 'mcast group');
    sendToFlooded(ctx, out);
    sendToRouters(ctx, snooping, out);
  } else if (snooping.floodUnregistered) {
    report.add('detail', () => 'unregistered multicast, flooding');
    out.flood();
  } else {
    sendToRouters(ctx, snooping, out);
    sendToFlooded(ctx, out);
  }
}

/** 224.0.0.x and ff02::1, which everybody gets. */
function isLocalGroup(address: Uint8Array): boolean {
  if (address.length === 16) return Buffer.from(address).toString('hex') === ALL_HOSTS6;
  return address[0] === 224 && address[1] === 0 && address[2] === 0;
}

function send(ctx: XlateContext, out: McastOutput, bundle: XlateBundle, what: string): void {
  const isInput = bundle === out.from;
  ctx.report.add('detail', () => (isInput ? `${what} port is input port, dropping` : `forwarding to ${what} port`));
  if (!isInput) out.to(bundle);
}

function sendToRouters(ctx: XlateContext, snooping: XlateSnooping, out: McastOutput): void {
  for (const router of snooping.routers(out.tags[0].vid)) send(ctx, out, router, 'mcast router');
}

/** Port.other_config:mcast-snooping-flood. */
function sendToFlooded(ctx: XlateContext, out: McastOutput): void {
  for (const bundle of ctx.bridge.l2.bundles) if (bundle.mcastFlood) send(ctx, out, bundle, 'mcast flood');
}

/** Port.other_config:mcast-snooping-flood-reports. */
function sendReportsOn(ctx: XlateContext, out: McastOutput): void {
  for (const bundle of ctx.bridge.l2.bundles) {
    if (!bundle.mcastFloodReports) continue;
    const isInput = bundle === out.from;
    ctx.report.add('detail', () =>
      isInput ? 'mcast port is input port, dropping the Report' : 'forwarding report to mcast flagged port',
    );
    if (!isInput) out.to(bundle);
  }
}
