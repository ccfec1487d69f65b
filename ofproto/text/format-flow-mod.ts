// A flow-mod as Open vSwitch prints what a learn action makes: `table=2 reg1=0x5 priority=100 idle=300 actions=output:1`.

import type { FlowMod } from '../model/flow-mod.ts';
import { formatActions } from './format-actions.ts';
import { formatMatch } from './format-match.ts';
import { hex } from './lexer.ts';

export function formatFlowMod(mod: FlowMod): string {
  const parts = [`table=${mod.tableId}`];
  const match = formatMatch(mod.match);
  if (match !== '') parts.push(match);
  parts.push(`priority=${mod.priority}`);
  if (mod.cookie !== 0n) parts.push(`cookie=${hex(mod.cookie)}`);
  if (mod.idleTimeout !== 0) parts.push(`idle=${mod.idleTimeout}`);
  if (mod.hardTimeout !== 0) parts.push(`hard=${mod.hardTimeout}`);
  if (mod.flags.sendFlowRem) parts.push('send_flow_rem');
  parts.push(`actions=${formatActions(mod.actions)}`);
  return parts.join(' ');
}
