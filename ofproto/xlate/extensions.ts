// The actions beyond ports, tables and plain fields: MPLS, NSH, multipath and bundle, timeouts, debugging aids. xlate.ts comes
// here with what it does not know itself.

import type { OfAction } from '../model/actions.ts';
import { KEY_NW_PROTO } from '../model/flow.ts';
import { deleteTunMetadata } from '../model/tun-metadata.ts';
import type { XlateContext } from './context.ts';
import { decNshTtl, xlateDecap, xlateEncap } from './encap.ts';
import { freezeAfter } from './freeze.ts';
import { decMplsTtl, popMpls, pushMpls, setMplsLabel, setMplsTc, setMplsTtl } from './mpls.ts';
import { xlateSample } from './sample.ts';
import { xlateBundle, xlateMultipath } from './select-link.ts';

/** False when the rest of the list is to be skipped. */
export function runExtension(ctx: XlateContext, action: OfAction): boolean {
  switch (action.type) {
    case 'push_mpls':
      return pushMpls(ctx, action.ethertype);
    case 'pop_mpls':
      return popMpls(ctx, action.ethertype);
    case 'set_mpls_label':
      setMplsLabel(ctx, action.label);
      return true;
    case 'set_mpls_tc':
      setMplsTc(ctx, action.tc);
      return true;
    case 'set_mpls_ttl':
      setMplsTtl(ctx, action.ttl);
      return true;
    case 'dec_mpls_ttl':
      return decMplsTtl(ctx);
    case 'dec_nsh_ttl':
      return decNshTtl(ctx);
    case 'encap':
      xlateEncap(ctx, action.packetType, action.props);
      return true;
    case 'decap':
      return xlateDecap(ctx, action.newPacketType);
    default:
      runOther(ctx, action);
      return true;
  }
}

function runOther(ctx: XlateContext, action: OfAction): void {
  switch (action.type) {
    case 'multipath':
      xlateMultipath(ctx, action);
      break;
    case 'bundle':
      xlateBundle(ctx, action);
      break;
    case 'fin_timeout':
      ctx.wc.setU8(KEY_NW_PROTO, 0xff);
      if (ctx.rule) ctx.fins.push({ bridge: ctx.bridge, rule: ctx.rule, ...action });
      break;
    case 'delete_field':
      deleteTunMetadata(ctx.flow, action.field);
      ctx.report.add('detail', () => `delete ${action.field.name}`);
      break;
    case 'debug_slow':
      // There is no slow path to take; what Open vSwitch's would do to a traced packet is done (without-outputs.ts).
      ctx.debugSlow = true;
      break;
    case 'debug_recirc':
      freezeAfter(ctx);
      break;
    case 'sample':
      xlateSample(ctx, action);
      break;
    default:
    // note and conjunction change nothing; what is left was refused when the flow was added (tables/check-actions.ts).
  }
}
