// Copies for mirrors: of a packet as it came in, before any action, and of what leaves by a selected port, as it leaves.
// Each destination gets one copy at most (ovs-vswitchd.conf.db(5), Mirror).

import * as F from '../model/flow.ts';
import { carries, inputTags, refuseVid, type Tags, tagsOf } from './bundle-vlan.ts';
import type { XlateContext } from './context.ts';
import { inputBundle, NO_BUNDLE, outputToBundle } from './normal.ts';
import { isReserved } from './reserved-macs.ts';
import type { XlateBundle, XlateMirror, XlatePort } from './snapshot.ts';
import { VLAN_VID_MASK } from './vlan.ts';

/** False when the packet came in by a mirror's output port: then it goes nowhere. */
export function mirrorReceived(ctx: XlateContext): boolean {
  const { mirrors } = ctx.bridge.l2;
  if (mirrors.length === 0) return true;
  const bundle = inputBundle(ctx);
  if (!bundle || bundle === NO_BUNDLE) return true;
  if (ctx.bridge.l2.isMirrorOutput(bundle)) {
    ctx.report.add('error', () => reservedText(bundle));
    return false;
  }
  copyTo(ctx, bundle, (mirror) => mirror.selectsFrom(bundle));
  return true;
}

const reservedText = ({ name }: XlateBundle) =>
  `dropping packet received on port ${name}, which is reserved exclusively for mirroring`;

/** The packet has just left by `port`. */
export function mirrorSent(ctx: XlateContext, { bundle }: XlatePort): void {
  if (bundle) copyTo(ctx, bundle, (mirror) => mirror.selectsTo(bundle));
}

function copyTo(ctx: XlateContext, bundle: XlateBundle, selects: (mirror: XlateMirror) => boolean): void {
  const chosen = ctx.bridge.l2.mirrors.filter(selects);
  if (chosen.length === 0) return;
  const outside = tagsOf(ctx.flow);
  const refusal = refuseVid(bundle, outside[0].vid);
  if (refusal) {
    ctx.report.add('error', () => refusal);
    return;
  }
  const tags = inputTags(bundle, outside);
  for (const mirror of chosen) if (!ctx.mirrored.has(mirror)) copy(ctx, mirror, tags);
}

function copy(ctx: XlateContext, mirror: XlateMirror, tags: Tags): void {
  const { wc, bridge } = ctx;
  const [{ vid }] = tags;
  if (mirror.vlans) {
    wc.setU16(F.KEY_VLAN0_TCI, wc.u16(F.KEY_VLAN0_TCI) | VLAN_VID_MASK | F.VLAN_CFI);
    if (!mirror.vlans.has(vid)) return;
  }
  ctx.here.mirrored.push(mirror);
  for (const other of bridge.l2.mirrors) if (mirror.sharesOutput(other)) ctx.mirrored.add(other);
  ctx.snaplen = mirror.snaplen;
  if (mirror.output) outputToBundle(ctx, mirror.output, tags);
  else if (mirror.outputVlan !== undefined && mirror.outputVlan !== vid) copyToVlan(ctx, tags, mirror.outputVlan);
  ctx.snaplen = undefined;
}

function copyToVlan(ctx: XlateContext, [outer, inner]: Tags, vlan: number): void {
  const { flow, bridge } = ctx;
  if (isReserved(flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6))) return;
  const tags: Tags = [{ ...outer, vid: vlan }, inner];
  for (const bundle of bridge.l2.bundles) {
    if (carries(bundle, tags) && !bridge.l2.isMirrorOutput(bundle)) outputToBundle(ctx, bundle, tags);
  }
}
