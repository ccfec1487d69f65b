// Messages about what a connection hears and does: asynchronous messages, flow monitors, bundles; in version-free form.

import type { OfAction } from './actions.ts';
import type { Match } from './flow.ts';

export type Role = 'nochange' | 'equal' | 'master' | 'slave';

type Masks = readonly [master: number, slave: number];

/** Which asynchronous messages a connection wants: bit n stands for reason n. [0] as master or equal, [1] as slave. */
export interface AsyncConfig {
  readonly packetIn: Masks;
  readonly portStatus: Masks;
  readonly flowRemoved: Masks;
  readonly roleStatus: Masks;
  readonly tableStatus: Masks;
  readonly requestForward: Masks;
}

/** One mask of an AsyncConfig; messages may set some of them only. */
export interface AsyncMask {
  readonly kind: keyof AsyncConfig;
  readonly slave: boolean;
  readonly mask: number;
}

/** The switch gave a controller another role. */
export interface RoleStatus {
  readonly role: Role;
  readonly reason: 'master_request' | 'config' | 'experimenter';
  readonly generationId: bigint;
}

/** Flags of flow monitors: NXFMF_*, OFPFMF_*. Without OWN a connection hears of its own changes in short. */
export const OFPFMF = { INITIAL: 1, ADD: 2, DELETE: 4, MODIFY: 8, ACTIONS: 16, OWN: 32, ALL: 63 } as const;

export type FlowMonitorCommand = 'add' | 'modify' | 'delete';

export interface FlowMonitorRequest {
  readonly id: number;
  readonly command: FlowMonitorCommand;
  /** OFPFMF. */
  readonly flags: number;
  readonly outPort: number;
  readonly outGroup: number;
  readonly tableId: number;
  readonly match: Match;
}

export type FlowUpdate =
  | {
      /** `initial` is said as `added` before 1.4. */
      readonly event: 'initial' | 'added' | 'deleted' | 'modified';
      readonly reason: number;
      readonly priority: number;
      readonly idleTimeout: number;
      readonly hardTimeout: number;
      readonly tableId: number;
      readonly cookie: bigint;
      readonly match: Match;
      readonly actions: readonly OfAction[];
    }
  | { readonly event: 'abbrev'; readonly xid: number }
  /** Messages of their own before 1.4. */
  | { readonly event: 'paused' }
  | { readonly event: 'resumed' };

/** What a bundle-control message asks or says; the replies are for requests that succeeded. */
export type BundleControlType =
  | 'open_request'
  | 'open_reply'
  | 'close_request'
  | 'close_reply'
  | 'commit_request'
  | 'commit_reply'
  | 'discard_request'
  | 'discard_reply';

export interface BundleControl {
  readonly bundleId: number;
  readonly control: BundleControlType;
  /** OFPBF_*: atomic 1, ordered 2. */
  readonly flags: number;
}
