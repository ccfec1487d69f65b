// From a Mirror row to what the bridge copies (ovs-vswitchd.conf.db(5), Mirror).

import type { MirrorSettings } from '../../../ofproto/ofproto-api.ts';

/** Columns of a Mirror row, ports by name. */
export interface MirrorColumns {
  readonly id: string;
  readonly name: string;
  readonly selectAll: boolean;
  readonly fromPorts: readonly string[];
  readonly toPorts: readonly string[];
  readonly vlans: readonly number[];
  readonly outputPort: string | undefined;
  readonly outputVlan: number | undefined;
  readonly snaplen: number | undefined;
}

/** undefined for a mirror that outputs nowhere, which is none. */
export function mirrorSettings({ outputPort, outputVlan, snaplen, ...row }: MirrorColumns): MirrorSettings | undefined {
  if (outputPort === undefined && outputVlan === undefined) return undefined;
  return {
    ...row,
    ...(outputPort === undefined ? { outputVlan } : { outputPort }),
    ...(snaplen === undefined ? {} : { snaplen }),
  };
}
