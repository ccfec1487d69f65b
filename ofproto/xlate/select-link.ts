// multipath and bundle: choosing a link by the hash of header fields (ovs-actions(7)).

import { OFPP, type OfAction } from '../model/actions.ts';
import { portTo16 } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';
import { writeSubfield } from './field-actions.ts';
import { chooseLink, hashFields, unwildcardHash } from './hash-fields.ts';
import { hashWords } from './hash-primitives.ts';
import { xlateOutput } from './output.ts';

type Multipath = Extract<OfAction, { type: 'multipath' }>;
type Bundle = Extract<OfAction, { type: 'bundle' }>;

export function xlateMultipath(ctx: XlateContext, action: Multipath): void {
  const { flow, wc } = ctx;
  const hash = hashFields(flow, action.fields, action.basis);
  unwildcardHash(flow, wc, action.fields);
  const link = chooseLink(action.algorithm, hash, action.maxLink + 1, action.arg);
  writeSubfield(ctx, action.dst, BigInt(link));
}

/** The member to use, OFPP.ANY when none is alive. Outputs to it, or writes its number. */
export function xlateBundle(ctx: XlateContext, action: Bundle): void {
  const port = chooseMember(ctx, action);
  if (action.dst) writeSubfield(ctx, action.dst, BigInt(portTo16(port)));
  else if (port !== OFPP.ANY) xlateOutput(ctx, port, 0);
}

function isAlive(ctx: XlateContext, port: number): boolean {
  const found = ctx.bridge.port(port === OFPP.IN_PORT ? ctx.flow.u32(F.KEY_IN_PORT) : port);
  return found?.isLive ?? false;
}

function chooseMember(ctx: XlateContext, { algorithm, fields, basis, slaves }: Bundle): number {
  if (algorithm === 'active_backup') return slaves.find((port) => isAlive(ctx, port)) ?? OFPP.ANY;
  const { flow, wc } = ctx;
  const hash = hashFields(flow, fields, basis);
  unwildcardHash(flow, wc, fields);
  let best: number = OFPP.ANY;
  let weight = -1;
  slaves.forEach((port, i) => {
    if (!isAlive(ctx, port)) return;
    const other = hashWords(i, hash);
    if (other > weight) [best, weight] = [port, other];
  });
  return best;
}
