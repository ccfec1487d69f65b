// Bonds and LACP as the database and the command lines see them.

import type { Bond } from './bond.ts';
import type { Lacp } from './lacp.ts';

export interface AggregationApi {
  /** By name of the Port. */
  readonly bonds: readonly Bond[];
  readonly lacps: readonly Lacp[];
  /** Puts into force what commands changed. */
  run(): void;
  /** Called when a bond's active member or what LACP knows has changed. */
  onStatusChange(listener: () => void): void;
}
