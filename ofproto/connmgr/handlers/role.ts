// What a slave may not do (OpenFlow 1.3.5, 6.3.5).

import { OfError } from '../../model/flow-mod.ts';
import type { Session } from '../session.ts';

/** Throws OfError OFPBRC_IS_SECONDARY for a slave. */
export function refuseSlave(session: Session): void {
  if (session.role === 'slave') throw new OfError('OFPBRC_IS_SECONDARY');
}
