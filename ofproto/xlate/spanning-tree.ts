// What a spanning tree, and the flags of a port, do to packets (IEEE 802.1D-2004, 7.7; OFPPC_NO_RECV and NO_RECV_STP). A port
// that only learns has its packets looked at by the tables, and whatever they want done is forgotten.

import type { XlateContext } from './context.ts';
import type { XlatePort } from './snapshot.ts';
import { isBpdu, xlateSpecial } from './special.ts';

/** False when a packet that came in by `port` goes no further: the protocol takes it, or the port does not. */
export function mayReceive(ctx: XlateContext, port: XlatePort | undefined): boolean {
  if (!port) return true;
  if (xlateSpecial(ctx, port)) return false;
  if (isBpdu(ctx.flow) ? port.config.noRecvStp : port.config.noRecv) return false;
  return !port.tree || port.tree.forwards || port.tree.learns;
}

/** The port's packets are learned from, and go nowhere. */
export const onlyLearns = (port: XlatePort | undefined): boolean => port?.tree?.forwards === false;

/** Lets `body` see the packet, and forgets all that it wants done. */
export function learnOnly(ctx: XlateContext, body: () => void): void {
  const base = ctx.base.clone();
  const { mirrored, pendingEncap, wasMpls } = ctx;
  const { controllers, recircs } = { controllers: ctx.controllers.length, recircs: ctx.recircs.length };
  ctx.mirrored = new Set(mirrored);
  ctx.capture(body);
  ctx.freezing = undefined;
  ctx.mirrored = mirrored;
  ctx.actionSet = [];
  ctx.base.copyFrom(base);
  ctx.pendingEncap = pendingEncap;
  ctx.wasMpls = wasMpls;
  ctx.controllers.length = controllers;
  ctx.recircs.length = recircs;
}

/** Runs `body` for a packet that came in by `port`, as far as the tree lets it. */
export function received(ctx: XlateContext, port: XlatePort | undefined, body: () => void): void {
  if (!mayReceive(ctx, port)) return;
  if (onlyLearns(port)) learnOnly(ctx, body);
  else body();
}

/** Whether the tree lets the packet leave by `port`; says why not. */
export function mayLeave(ctx: XlateContext, { tree }: XlatePort): boolean {
  if (!tree) return true;
  const protocol = ctx.bridge.tree;
  if (isBpdu(ctx.base)) {
    if (!tree.sendsBpdus) ctx.report.add('warn', () => `${protocol} not in listening state, skipping bpdu output`);
    return tree.sendsBpdus;
  }
  if (!tree.forwards) ctx.report.add('warn', () => `${protocol} not in forwarding state, skipping output`);
  return tree.forwards;
}
