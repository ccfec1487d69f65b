// NORMAL: the packet is switched as by an ordinary learning switch with VLANs (ovs-actions(7), "normal"; Port columns
// tag, trunks, vlan_mode of ovs-vswitchd.conf.db(5)).

import { macNumber } from '../mac-learning.ts';
import { OFPP } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import { formatEther } from '../text/addresses.ts';
import { outputToBond, refuseByBond } from './bond.ts';
import {
  carries,
  choosesByInnerTag,
  inputTags,
  NO_TAG,
  refuseVid,
  type Tags,
  tagsOf,
  writeOutputTags,
} from './bundle-vlan.ts';
import type { XlateContext } from './context.ts';
import { type McastOutput, xlateMulticast } from './multicast.ts';
import { emitOutput } from './port-output.ts';
import { hasVlan, isArp } from './protocols.ts';
import { isReserved } from './reserved-macs.ts';
import type { XlateBundle } from './snapshot.ts';
import { ETH_TYPE_VLAN, VLAN_VID_MASK } from './vlan.ts';

const ETH_TYPE_VLAN_8021AD = 0x88a8;
const VLAN_TYPES: ReadonlySet<number> = new Set([ETH_TYPE_VLAN, ETH_TYPE_VLAN_8021AD]);
const ARP_REPLY = 2;
const ARP_REQUEST = 1;

/** Where packets that no port received come from: a packet-out's without in_port. */
export const NO_BUNDLE: XlateBundle = {
  name: 'OFPP_NONE',
  ofPort: OFPP.ANY,
  ports: [],
  vlan: { mode: 'trunk', tag: 0 },
  protected: false,
  mcastFlood: false,
  mcastFloodReports: false,
  floodable: false,
};

/** A packet that was let in: by which bundle, and with which tags it is switched. */
export interface Admitted {
  readonly from: XlateBundle;
  readonly tags: Tags;
}

export function xlateNormal(ctx: XlateContext): void {
  const { flow, wc } = ctx;
  wc.bytes.fill(0xff, F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  wc.bytes.fill(0xff, F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
  wc.setU16(F.KEY_VLAN0_TCI, wc.u16(F.KEY_VLAN0_TCI) | VLAN_VID_MASK | F.VLAN_CFI);
  const admitted = admit(ctx);
  if (!admitted) return;
  learnSource(ctx, admitted);
  if (ctx.bridge.l2.snooping && xlateMulticast(ctx, mcastOutput(ctx, admitted))) return;
  forward(ctx, admitted, flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6));
}

function mcastOutput(ctx: XlateContext, admitted: Admitted): McastOutput {
  return {
    ...admitted,
    flood: () => floodBundles(ctx, admitted),
    to: (bundle) => outputToBundle(ctx, bundle, admitted.tags),
  };
}

/** Says why not, when the packet may not come in. */
function admit(ctx: XlateContext): Admitted | undefined {
  const { flow, bridge, report } = ctx;
  const drop = (why: string, error?: string): undefined => {
    if (error !== undefined) report.add('error', () => error);
    report.add('warn', () => why);
  };
  const from = inputBundle(ctx);
  if (!from) {
    return drop('no input bundle, dropping', `received packet on unknown port ${flow.u32(F.KEY_IN_PORT)}`);
  }
  if (VLAN_TYPES.has(flow.u16(F.KEY_ETH_TYPE)) && !hasVlan(flow)) {
    // Said of real packets only.
    const partial = `dropping packet with partial VLAN tag received on port ${from.name}`;
    return drop('partial VLAN tag, dropping', report.suppressesEffects ? undefined : partial);
  }
  if (bridge.l2.isMirrorOutput(from)) {
    const reserved = `dropping packet received on port ${from.name}, which is reserved exclusively for mirroring`;
    return drop('input port is mirror output port, dropping', reserved);
  }
  const tags = tagsOf(flow);
  const refusal = refuseVid(from, tags[0].vid);
  if (refusal) return drop('disallowed VLAN VID for this input port, dropping', refusal);
  const isBpdu = from !== NO_BUNDLE && isReserved(flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6));
  if (isBpdu && !bridge.l2.forwardBpdu) {
    report.add('detail', () => 'packet has reserved destination MAC, dropping');
    return undefined;
  }
  const inside = inputTags(from, tags);
  const refusedByBond = refuseByBond(ctx, from, inside, () => isGratuitousArp(ctx));
  if (refusedByBond === undefined) return { from, tags: inside };
  report.add('detail', () => refusedByBond);
  return undefined;
}

export function inputBundle({ flow, bridge }: XlateContext): XlateBundle | undefined {
  const inPort = flow.u32(F.KEY_IN_PORT);
  if (inPort === OFPP.CONTROLLER || inPort === OFPP.ANY) return NO_BUNDLE;
  return bridge.port(inPort)?.bundle;
}

/** A station tells everybody where it is. */
function isGratuitousArp({ flow, wc }: XlateContext): boolean {
  const isBroadcast = flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6).every((byte) => byte === 0xff);
  if (!isArp(flow) || !isBroadcast) return false;
  wc.setU8(F.KEY_NW_PROTO, 0xff);
  const opcode = flow.u8(F.KEY_NW_PROTO);
  if (opcode !== ARP_REQUEST) return opcode === ARP_REPLY;
  wc.setU32(F.KEY_NW_SRC, 0xffffffff);
  wc.setU32(F.KEY_NW_DST, 0xffffffff);
  return flow.u32(F.KEY_NW_SRC) === flow.u32(F.KEY_NW_DST);
}

/** Tells a gratuitous ARP apart in every case, as Open vSwitch does, so that megaflows are alike. */
function learnSource(ctx: XlateContext, { from, tags }: Admitted): void {
  const { flow } = ctx;
  const mac = flow.bytes.slice(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
  const isGratuitous = isGratuitousArp(ctx);
  // A packet without an Ethernet header has no address.
  if ((mac[0]! & 1) !== 0 || from === NO_BUNDLE || flow.u32(F.KEY_PACKET_TYPE) !== 0) return;
  const vlan = tags[0].vid;
  const known = learnedNow(ctx, vlan, mac) ?? ctx.bridge.l2.macBundle(vlan, mac);
  ctx.here.macs.push({ vlan, mac, bundle: from, isGratuitousArp: isGratuitous });
  if (ctx.report.suppressesEffects || known === from) return;
  ctx.report.add('detail', () => `learned that ${formatEther(mac)} is on port ${from.name} in VLAN ${vlan}`);
}

/** The bundle behind which this very packet showed the address: its source may be its destination. */
function learnedNow(ctx: XlateContext, vlan: number, dst: Uint8Array): XlateBundle | undefined {
  if (ctx.report.suppressesEffects) return undefined;
  return ctx.here.macs.findLast((seen) => seen.vlan === vlan && Buffer.compare(seen.mac, dst) === 0)?.bundle;
}

function forward(ctx: XlateContext, { from, tags }: Admitted, dst: Uint8Array): void {
  const { bridge, report } = ctx;
  ctx.macsRead.push(macNumber(dst));
  const known = learnedNow(ctx, tags[0].vid, dst) ?? bridge.l2.macBundle(tags[0].vid, dst);
  if (!known) {
    report.add('detail', () => 'no learned MAC for destination, flooding');
    floodBundles(ctx, { from, tags });
  } else if (known === from) {
    report.add('detail', () => 'learned port is input port, dropping');
  } else {
    report.add('detail', () => 'forwarding to learned port');
    outputToBundle(ctx, known, tags);
  }
}

export function floodBundles(ctx: XlateContext, { from, tags }: Admitted): void {
  const { l2 } = ctx.bridge;
  for (const bundle of l2.bundles) {
    const takes = bundle !== from && bundle.floodable && carries(bundle, tags) && !l2.isMirrorOutput(bundle);
    if (takes) outputToBundle(ctx, bundle, tags);
  }
}

/** Outputs with the tags that `bundle` gives to packets with these inside tags; the flow keeps the tags it had. */
export function outputToBundle(ctx: XlateContext, bundle: XlateBundle, tags: Tags): void {
  const { flow } = ctx;
  const member = bundle.ports[0];
  if (!member) return;
  if (choosesByInnerTag(bundle)) ctx.wc.setU16(F.KEY_VLAN1_TCI, 0xffff);
  const outer = flow.u32(F.KEY_VLAN0_TPID);
  const inner = flow.u32(F.KEY_VLAN1_TPID);
  writeOutputTags(flow, bundle, tags);
  if (bundle.bond) outputToBond(ctx, bundle, bundle.bond);
  else emitOutput(ctx, member.ofPort);
  flow.setU32(F.KEY_VLAN0_TPID, outer);
  flow.setU32(F.KEY_VLAN1_TPID, inner);
}

/** Outputs an untagged packet as one of a VLAN. */
export function outputInVlan(ctx: XlateContext, bundle: XlateBundle, vlan: number): void {
  const tags: Tags = [vlan === 0 ? NO_TAG : { ...NO_TAG, vid: vlan }, NO_TAG];
  if (carries(bundle, tags)) outputToBundle(ctx, bundle, tags);
}
