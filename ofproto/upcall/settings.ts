// What of Open_vSwitch.other_config governs the slow path (ovs-vswitchd.conf.db(5)).

import { VLAN_LIMIT_DEFAULT, vlanLimit } from '../xlate/vlan-limit.ts';

export interface SlowPathSettings {
  /** flow-limit: megaflows at most. */
  readonly flowLimit: number;
  /** max-idle: how long a megaflow stays unused, in milliseconds. */
  readonly maxIdleMs: number;
  /** max-revalidator: time between two rounds over all megaflows, in milliseconds. */
  readonly maxRevalidatorMs: number;
  /** min-revalidate-pps: below it, a megaflow that a long walk would have to translate again is deleted instead. */
  readonly minRevalidatePps: number;
  /** vlan-limit: how many VLAN tags OpenFlow sees of a packet. */
  readonly vlanLimit: number;
}

export const DEFAULT_SETTINGS: SlowPathSettings = {
  flowLimit: 200_000,
  maxIdleMs: 10_000,
  maxRevalidatorMs: 500,
  minRevalidatePps: 5,
  vlanLimit: VLAN_LIMIT_DEFAULT,
};

/** A setting that is absent, no number or out of range has its default, or the nearest value that there is. */
export function readSettings(config: Readonly<Record<string, string>>): SlowPathSettings {
  const number = (name: string, fallback: number, min: number): number => {
    const text = config[name];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Math.max(min, Number(text)) : fallback;
  };
  return {
    flowLimit: number('flow-limit', DEFAULT_SETTINGS.flowLimit, 0),
    maxIdleMs: number('max-idle', DEFAULT_SETTINGS.maxIdleMs, 500),
    maxRevalidatorMs: number('max-revalidator', DEFAULT_SETTINGS.maxRevalidatorMs, 100),
    minRevalidatePps: number('min-revalidate-pps', DEFAULT_SETTINGS.minRevalidatePps, 0),
    vlanLimit: vlanLimit(config['vlan-limit']),
  };
}
