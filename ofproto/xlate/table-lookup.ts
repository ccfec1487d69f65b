// What a table has for the packet as it is now; and where tables pass on what they have nothing for, what later ones have
// (OFPTC_TABLE_MISS_CONTINUE of OpenFlow 1.1 and 1.2).

import * as F from '../model/flow.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import type { XlateContext } from './context.ts';
import { isIp } from './protocols.ts';
import { rewrittenWords } from './rewritten.ts';
import type { MissKind } from './snapshot.ts';
import { missOf } from './table-miss.ts';
import { passUnseenRules } from './unseen-rules.ts';

interface Found {
  /** The table where the search ended. */
  readonly foundId: number;
  readonly rule: Rule | undefined;
  /** What happens to the packet without a rule. */
  readonly missed: MissKind | undefined;
}

/** `honorsMiss`: what the tables' configuration says of misses holds; a resubmit that finds nothing goes on. */
export function findRule(ctx: XlateContext, tableId: number, honorsMiss: boolean): Found {
  let foundId = tableId;
  for (;;) {
    const table = ctx.bridge.table(foundId);
    const rule = table && lookup(ctx, table);
    const next = honorsMiss && !rule && table?.miss === 'continue' ? ctx.bridge.table(foundId + 1) : undefined;
    const missed = rule || next ? undefined : honorsMiss ? missOf(ctx, table) : 'drop';
    if (table) visit(ctx, table, rule, missed);
    if (!next) return { foundId, rule, missed };
    foundId++;
  }
}

function visit(ctx: XlateContext, table: FlowTable, rule: Rule | undefined, missed: MissKind | undefined): void {
  const rewritten = rewrittenWords(ctx.flow, ctx.packet, ctx.visits.at(-1)?.rewritten);
  ctx.visits.push({ table, rule, rewritten, missed: missed && ctx.bridge.misses[missed] });
}

/** In the normal mode for fragments (OFPC_FRAG_NORMAL) no flow sees ports, of which only the first has any. */
function lookup(ctx: XlateContext, table: FlowTable): Rule | undefined {
  const { flow } = ctx;
  if (!isIp(flow) || flow.u8(F.KEY_NW_FRAG) === 0) return look(ctx, table);
  const ports = flow.u32(F.KEY_TP_SRC);
  flow.setU32(F.KEY_TP_SRC, 0);
  const rule = look(ctx, table);
  flow.setU32(F.KEY_TP_SRC, ports);
  return rule;
}

function look(ctx: XlateContext, table: FlowTable): Rule | undefined {
  const rule = table.lookup(ctx.flow, ctx.wc);
  passUnseenRules(ctx, table, rule);
  return rule;
}
