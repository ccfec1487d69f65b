// Bonds in translation: what may come in by a member, and by which member a packet goes out (ovs-actions(7), "normal",
// steps 6 and 7). balance-slb chooses by source address and VLAN, balance-tcp by a hash that the datapath makes: the packet
// goes round, and table 254 has a flow for each of the hash's 256 values.

import { macNumber } from '../mac-learning.ts';
import * as F from '../model/flow.ts';
import { INTERNAL_TABLE } from '../tables/limits.ts';
import type { XlateBond } from './bond-snapshot.ts';
import type { Tags } from './bundle-vlan.ts';
import type { XlateContext } from './context.ts';
import { hashMac } from './hash-primitives.ts';
import { emitOutput } from './port-output.ts';
import type { XlateBundle } from './snapshot.ts';

const BUCKET_MASK = 0xff;

/** Why the packet may not come in by its member of the bond. */
export function refuseByBond(
  ctx: XlateContext,
  from: XlateBundle,
  tags: Tags,
  isArp: () => boolean,
): string | undefined {
  const { flow, bridge } = ctx;
  const port = bridge.port(flow.u32(F.KEY_IN_PORT));
  if (!from.bond || !port) return undefined;
  const verdict = from.bond.admits(port, (flow.u8(F.KEY_ETH_DST) & 1) !== 0);
  if (verdict === 'drop') return 'bonding refused admissibility, dropping';
  if (verdict === 'accept') return undefined;
  const mac = flow.bytes.subarray(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
  ctx.macsRead.push(macNumber(mac));
  const known = bridge.l2.macBundle(tags[0].vid, mac);
  if (!known || known === from) return undefined;
  // A station that moved says so; unless what it says came from here, and round by a switch that the bond's links lead to.
  if (isArp() && !bridge.l2.isArpLocked(tags[0].vid, mac)) return undefined;
  return 'SLB bond thinks this packet looped back, dropping';
}

/** The packet, with the tags that it leaves with, goes out by one of the bond's members. */
export function outputToBond(ctx: XlateContext, bundle: XlateBundle, bond: XlateBond): void {
  if (bond.isDown) return;
  if (bond.only) {
    if (bond.only.port) emitOutput(ctx, bond.only.port.ofPort);
  } else if (bond.recirc) {
    const [member] = bundle.ports;
    if (member) emitOutput(ctx, member.ofPort, () => recirculateToBond(ctx, bond));
  } else {
    const { flow } = ctx;
    const vid = flow.u16(F.KEY_VLAN0_TCI) & 0xfff;
    const mac = flow.bytes.subarray(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
    const bucket = bond.bucket(hashMac(mac, vid, bond.hashBasis));
    if (!bucket.port) return;
    ctx.buckets = [...ctx.buckets, bucket];
    emitOutput(ctx, bucket.port.ofPort);
  }
}

function recirculateToBond(ctx: XlateContext, bond: XlateBond): void {
  ctx.emit({ type: 'hash', algorithm: 'l4', basis: bond.hashBasis });
  ctx.emit({ type: 'recirc', id: ctx.recircs.length });
  ctx.recircs.push(bond.recirc!);
}

/** The packet is back with its hash. */
export function xlateBondHash(ctx: XlateContext, name: string): void {
  const { flow, wc, bridge } = ctx;
  const hash = flow.u32(F.KEY_DP_HASH) & BUCKET_MASK;
  wc.setU32(F.KEY_DP_HASH, (wc.u32(F.KEY_DP_HASH) | BUCKET_MASK) >>> 0);
  const bucket = bridge.l2.bundle(name)?.bond?.bucket(hash);
  if (!bucket?.port) return;
  const { ofPort } = bucket.port;
  const title = () =>
    `${INTERNAL_TABLE}. recirc_id=${hex(flow.u32(F.KEY_RECIRC_ID))},dp_hash=${hex(hash)}/0xff, priority 20`;
  ctx.report.nest('table', title, () => {
    ctx.report.add('action', () => `output:${ofPort}`);
    ctx.buckets = [...ctx.buckets, bucket];
    // Mirrors had their copies before the packet went round.
    ctx.mirrored = new Set(bridge.l2.mirrors);
    emitOutput(ctx, ofPort);
  });
}

const hex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`);
