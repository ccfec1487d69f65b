// A port as the bond that it is a member of sees it.

import type { XlatePort } from '../xlate/snapshot.ts';

export interface MemberPort extends XlatePort {
  /** Carrier, and how often it changed. */
  readonly linkUp: boolean;
  readonly linkResets: number;
  /** Carrier, and no objection by LACP. */
  readonly mayEnable: boolean;
  /** `aa:bb:cc:dd:ee:ff` */
  readonly mac: string | undefined;
}
