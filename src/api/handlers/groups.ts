// ModifyGroups, DumpGroups, ModifyMeters and DumpMeters.

import { inSlices } from '../../../lib/slices.ts';
import { OFPG, OFPM } from '../../../ofproto/model/groups.ts';
import { type Call, type Client, findBridge } from '../call.ts';
import { portNames } from '../context.ts';
import { groupModOf, groupStatsMessage } from '../convert/groups.ts';
import { meterModOf, meterStatsMessage } from '../convert/meters.ts';
import { dump, dumped } from '../dump.ts';
import { flowError } from '../errors.ts';
import type {
  DumpGroupsRequest,
  DumpMetersRequest,
  FlowErrorMessage,
  ModifyFlowsReply,
  ModifyGroupsRequest,
  ModifyMetersRequest,
} from '../messages.ts';

export function modifyGroups({ bridge: name, mods }: ModifyGroupsRequest, client: Client): Promise<ModifyFlowsReply> {
  const bridge = findBridge(client, name);
  const names = portNames(bridge);
  return results(mods, (mod) => bridge.resources.groupMod(groupModOf(mod, names)));
}

export function modifyMeters({ bridge: name, mods }: ModifyMetersRequest, client: Client): Promise<ModifyFlowsReply> {
  const bridge = findBridge(client, name);
  return results(mods, (mod) => bridge.resources.meterMod(meterModOf(mod)));
}

async function results<T>(mods: readonly T[], apply: (mod: T) => void): Promise<ModifyFlowsReply> {
  const results: { error?: FlowErrorMessage }[] = [];
  const carryOut = (mod: T): { error?: FlowErrorMessage } => {
    try {
      apply(mod);
      return {};
    } catch (error) {
      return { error: flowError(error) };
    }
  };
  // A long request must not keep the control thread from others.
  await inSlices(mods, (mod) => results.push(carryOut(mod)));
  return { results };
}

export async function dumpGroups({ bridge: name, groupId = OFPG.ALL }: DumpGroupsRequest, call: Call): Promise<void> {
  const { resources } = findBridge(call.client, name);
  await dump(call, 'groups', () => {
    const stats = resources.groupStats(groupId);
    const pairs = resources.groups(groupId).map((group, i) => ({ group, stats: stats[i]! }));
    return dumped(pairs, ({ group, stats }) => groupStatsMessage(group, stats));
  });
}

export async function dumpMeters({ bridge: name, meterId = OFPM.ALL }: DumpMetersRequest, call: Call): Promise<void> {
  const { resources } = findBridge(call.client, name);
  await dump(call, 'meters', () => {
    const stats = resources.meterStats(meterId);
    const pairs = resources.meters(meterId).map((meter, i) => ({ meter, stats: stats[i]! }));
    return dumped(pairs, ({ meter, stats }) => meterStatsMessage(meter, stats));
  });
}
