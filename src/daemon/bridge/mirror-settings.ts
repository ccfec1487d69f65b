// From a Mirror row to what the bridge copies (ovs-vswitchd.conf.db(5), Mirror).

import type { MirrorSettings } from '../../../ofproto/ofproto-api.ts';

/** From what the row says to what is in force; undefined for a mirror that outputs nowhere, which is none. */
export function mirrorSettings({
  outputPort,
  outputVlan,
  snaplen,
  ...row
}: MirrorSettings): MirrorSettings | undefined {
  if (outputPort === undefined && outputVlan === undefined) return undefined;
  return {
    ...row,
    ...(outputPort === undefined ? { outputVlan } : { outputPort }),
    ...(snaplen === undefined ? {} : { snaplen }),
  };
}
