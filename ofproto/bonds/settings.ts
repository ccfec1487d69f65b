// What the database says about bonds and LACP (ovs-vswitchd.conf.db(5), Port, "Bonding Configuration").

export type BondMode = 'active-backup' | 'balance-slb' | 'balance-tcp';

export interface BondSettings {
  readonly mode: BondMode;
  /** How long a link must be up, or down, before that counts. */
  readonly upDelayMs: number;
  readonly downDelayMs: number;
  /** 0: loads are not balanced anew. */
  readonly rebalanceIntervalMs: number;
  /** Changes the hashes that members are chosen by. */
  readonly hashBasis: number;
  /** The member that is active whenever it can be; for active-backup. */
  readonly primary?: string | undefined;
  /** balance-slb takes multicast from every member. */
  readonly allMembersActive: boolean;
  /** Without an LACP partner the bond is active-backup. */
  readonly lacpFallback: boolean;
  /** Address of the member that was active in the last run. */
  readonly activeBefore?: string | undefined;
}

export interface LacpSettings {
  /** Speaks first; a passive system only answers. */
  readonly active: boolean;
  /** Asks its partner for a LACPDU each second instead of every 30. */
  readonly fast: boolean;
  readonly fallbackAb: boolean;
  readonly systemPriority: number;
  /** The bridge's address when undefined. */
  readonly systemId?: string | undefined;
  /** By interface. */
  readonly members: Readonly<Record<string, LacpMemberSettings>>;
}

export interface LacpMemberSettings {
  /** The OpenFlow number when undefined. */
  readonly portId?: number | undefined;
  readonly portPriority?: number | undefined;
  /** That of the first link counts for all. */
  readonly key?: number | undefined;
}

/** off: not configured; negotiated: some member has a partner, or may still find one. */
export type LacpStatus = 'off' | 'configured' | 'negotiated';
