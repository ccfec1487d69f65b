// The group action (OpenFlow 1.5.1, 5.10; ovs-actions(7), "group"): chooses buckets and runs each as an action set on a
// packet of its own.

import type { Group, GroupBucket } from '../groups/group.ts';
import { orderActionSet } from '../model/action-set.ts';
import { OFPP } from '../model/actions.ts';
import { unwildcardField } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { OFPG } from '../model/groups.ts';
import { isTransport, prerequisitesMet, unwildcardPrerequisites } from '../model/prerequisites.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing, freezeBefore, type RecircHash } from './freeze.ts';
import { hashFields, unwildcardHash } from './hash-fields.ts';
import { hashMaskedFields } from './hash-masked-fields.ts';
import { hashWords } from './hash-primitives.ts';
import { isIp } from './protocols.ts';

/** Groups that watch groups, at most. */
const LIVENESS_DEPTH_MAX = 128;

/** False when there is no such group: the list ends there. */
export function xlateGroup(ctx: XlateContext, groupId: number): boolean {
  const group = ctx.bridge.group(groupId);
  if (!group) {
    ctx.report.add('warn', () => `output to nonexistent group ${groupId}`);
    return false;
  }
  if (!ctx.mayEnter()) return false;
  const outer = ctx.inGroup;
  ctx.inGroup = true;
  if (group.type === 'all' || group.type === 'indirect') {
    const { isLast } = ctx;
    for (const bucket of group.members) {
      ctx.isLast = isLast && bucket === group.members.at(-1);
      runBucket(ctx, bucket);
    }
    ctx.groupVisits.push({ group, bucket: undefined });
  } else {
    runChosen(ctx, group);
  }
  ctx.inGroup = outer;
  return true;
}

function runChosen(ctx: XlateContext, group: Group): void {
  const bucket = group.type === 'ff' ? firstLive(ctx, group) : select(ctx, group);
  if (!bucket) {
    ctx.report.add('detail', () => 'no live bucket');
    return;
  }
  ctx.report.add('detail', () => `using bucket ${bucket.spec.bucketId}`);
  runBucket(ctx, bucket);
  ctx.groupVisits.push({ group, bucket });
}

/** What the bucket does to the packet ends with it. */
function runBucket(ctx: XlateContext, { spec }: GroupBucket): void {
  const { flow, stack, actionSet } = ctx;
  ctx.flow = flow.clone();
  ctx.stack = [...stack];
  ctx.actionSet = [...actionSet];
  ctx.depth++;
  ctx.deepened++;
  ctx.report.nest(
    'action',
    () => `bucket ${spec.bucketId}`,
    () => ctx.recursion.run(ctx, orderActionSet(spec.actions)),
  );
  ctx.depth--;
  ctx.deepened--;
  finishFreezing(ctx);
  ctx.flow = flow;
  ctx.stack = stack;
  ctx.actionSet = actionSet;
  ctx.exit = false;
  // What one bucket cannot do with the packet says nothing of the others, and nothing of what follows the group.
  if (!ctx.overLimit) ctx.error = undefined;
}

function firstLive(ctx: XlateContext, group: Group): GroupBucket | undefined {
  return group.members.find((bucket) => isLive(ctx, group, bucket));
}

/** Says in a trace why a bucket is passed over. */
function isLive(ctx: XlateContext, group: Group, bucket: GroupBucket, depth = 0): boolean {
  const live = isWatchedLive(ctx, group, bucket, depth);
  if (!live) {
    const { bucketId, watchPort, watchGroup } = bucket.spec;
    // A group that is watched is called a port here, as Open vSwitch has it.
    const watched = watchPort === OFPP.ANY ? watchGroup : watchPort;
    const reason = watched === OFPG.ANY ? '' : `port ${watched}`;
    ctx.report.add('detail', () => `bucket ${bucketId}: not live due to ${reason}`);
  }
  return live;
}

function isWatchedLive(ctx: XlateContext, { type }: Group, { spec }: GroupBucket, depth: number): boolean {
  const { bridge } = ctx;
  if ((type === 'select' && spec.weight === 0) || depth >= LIVENESS_DEPTH_MAX) return false;
  if (spec.watchPort === OFPP.ANY && spec.watchGroup === OFPG.ANY) return true;
  if (spec.watchPort !== OFPP.ANY && bridge.port(spec.watchPort)?.isLive) return true;
  const watched = spec.watchGroup === OFPG.ANY ? undefined : bridge.group(spec.watchGroup);
  return watched?.members.some((bucket) => isLive(ctx, watched, bucket, depth + 1)) ?? false;
}

function select(ctx: XlateContext, group: Group): GroupBucket | undefined {
  // Behind the last label that was popped is what is to be hashed: the packet is parsed first.
  if (ctx.wasMpls) {
    freezeBefore(ctx);
    return undefined;
  }
  if (group.hashMap) return selectByDpHash(ctx, group);
  return group.selection.fields.length > 0 ? selectByFields(ctx, group) : selectByPacket(ctx, group);
}

/** The datapath computes the hash: the packet comes back with it. 0 means that it has none yet. */
function selectByDpHash(ctx: XlateContext, group: Group): GroupBucket | undefined {
  const { flow, wc } = ctx;
  const dpHash = flow.u32(F.KEY_DP_HASH);
  if (dpHash === 0) {
    freezeBefore(ctx, hashOf(group));
    return undefined;
  }
  const { mask } = group.hashMap!;
  wc.setU32(F.KEY_DP_HASH, (wc.u32(F.KEY_DP_HASH) | mask) >>> 0);
  for (let hash = dpHash, tries = 0; tries <= mask; hash++, tries++) {
    const bucket = group.members[group.hashMap!.bucket(hash)]!;
    if (isLive(ctx, group, bucket)) return bucket;
  }
  return undefined;
}

/** selection_method_param of dp_hash: the algorithm in the upper half, the basis in the lower. */
function hashOf({ selection }: Group): RecircHash {
  if (selection.method === '') return { algorithm: 'sym_l4', basis: 0 };
  const basis = Number(selection.param & 0xffffffffn);
  return { algorithm: selection.param >> 32n === 1n ? 'sym_l4' : 'l4', basis };
}

function selectByPacket(ctx: XlateContext, group: Group): GroupBucket | undefined {
  unwildcardHash(ctx.flow, ctx.wc, 'symmetric_l4');
  return best(ctx, group, hashFields(ctx.flow, 'symmetric_l4', 0));
}

function selectByFields(ctx: XlateContext, group: Group): GroupBucket | undefined {
  const { flow, wc } = ctx;
  const { fields, param } = group.selection;
  const present = fields.filter(({ field }) => {
    // Without IP nothing behind its header was looked at.
    if (!isTransport(field) || isIp(flow)) unwildcardPrerequisites(wc, field);
    return prerequisitesMet(flow, field);
  });
  for (const { field, mask } of present) unwildcardField(wc, field, mask);
  return best(ctx, group, hashMaskedFields(flow, present, param));
}

/** The live bucket with the highest score (rendezvous hashing): a bucket that dies moves only its own packets. */
function best(ctx: XlateContext, group: Group, hash: number): GroupBucket | undefined {
  let winner: GroupBucket | undefined;
  let highest = 0;
  for (const bucket of group.members) {
    if (!isLive(ctx, group, bucket)) continue;
    const { bucketId, weight } = bucket.spec;
    const score = (hashWords(bucketId, hash) & 0xffff) * weight;
    ctx.report.add('detail', () => `bucket ${bucketId}: score ${score}`);
    if (score >= highest) {
      winner = bucket;
      highest = score;
    }
  }
  return winner;
}
