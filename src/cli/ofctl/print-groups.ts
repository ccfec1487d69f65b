// Messages about groups as ovs-ofctl prints them.

import type { OfMessage } from '../../../ofproto/model/messages.ts';
import { formatGroup, formatGroupMod, formatGroupStats } from '../../../ofproto/text/format-group.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { groupActionNames } from '../../../ofproto/wire/index.ts';

const OFP15_VERSION = 6;
const TYPE_NAMES = ['all', 'select', 'indirect', 'fast failover'];

type GroupMessage = Extract<
  OfMessage,
  { type: 'group_mod' | 'group_desc_request' | 'group_desc_reply' | 'group_stats_reply' | 'group_features_reply' }
>;

/** What follows the title. */
export function formatGroupMessage(message: GroupMessage, version: number, names: Names): string {
  const withIds = version === 1 || version >= OFP15_VERSION;
  switch (message.type) {
    case 'group_mod':
      return `\n${formatGroupMod(message.mod, { withIds, names })}\n`;
    case 'group_desc_request':
      return `group_id=${message.groupId === 0xfffffffc ? 'ALL' : message.groupId}\n`;
    case 'group_desc_reply':
      return `\n${message.groups.map((group) => ` ${formatGroup(group, { withIds, names })}\n`).join('')}`;
    case 'group_stats_reply':
      return `\n${message.stats.map((stats) => ` ${formatGroupStats(stats)}\n`).join('')}`;
    case 'group_features_reply':
      return formatFeatures(message, version);
  }
}

type Features = Extract<OfMessage, { type: 'group_features_reply' }>;

function formatFeatures({ types, capabilities, maxGroups, actions }: Features, version: number): string {
  const lines = [
    '',
    ' Group table:',
    `    Types:  0x${types.toString(16)}`,
    `    Capabilities:  0x${capabilities.toString(16)}`,
  ];
  TYPE_NAMES.forEach((name, i) => {
    if (!((types >> i) & 1)) return;
    lines.push(`    ${name} group:`, `       max_groups=${hex(maxGroups[i] ?? 0)}`);
    lines.push(`       actions: ${groupActionNames(actions[i] ?? 0, version).join(' ') || '(none)'}`);
  });
  return `${lines.join('\n')}\n`;
}

const hex = (value: number) => (value === 0 ? '0' : `0x${value.toString(16)}`);
