// Ingress policing as the datapath enforces it (ovs-vswitchd.conf.db(5), Interface, "Ingress Policing").

import type { DpMeterBand } from '../../../datapath/dpif.ts';
import type { Policing } from './config.ts';

export const NO_POLICING: Policing = { rate: 0, burst: 0, kpktsRate: 0, kpktsBurst: 0 };

/** kbit and thousands of packets that may come at once when nothing is said. */
const BURST_DEFAULT = 8000;
const KPKTS_BURST_DEFAULT = 16;
const RATE_MAX = 0xffffffff;

/** No bands when nothing is limited. */
export function policingBands({ rate, burst, kpktsRate, kpktsBurst }: Policing): DpMeterBand[] {
  const band = (unit: DpMeterBand['unit'], limit: number, depth: number): DpMeterBand => ({
    unit,
    rate: Math.min(limit, RATE_MAX),
    burst: Math.min(depth, RATE_MAX),
    type: 'drop',
    precLevel: 0,
  });
  return [
    ...(rate > 0 ? [band('kbits', rate, burst || BURST_DEFAULT)] : []),
    ...(kpktsRate > 0 ? [band('packets', kpktsRate * 1000, (kpktsBurst || KPKTS_BURST_DEFAULT) * 1000)] : []),
  ];
}
