// A bond as translation sees it.

import type { FrozenState } from './freeze.ts';
import type { XlatePort } from './snapshot.ts';

/** Packets with one hash go out by one member. */
export interface BondBucket {
  readonly port: XlatePort | undefined;
  /** Counts what was sent. */
  credit(packets: number, bytes: number): void;
}

/** `unless-moved`: not when its sender is known to be behind another port. */
export type BondVerdict = 'accept' | 'drop' | 'unless-moved';

export interface XlateBond {
  /** Whether packets may come in by a member; `isMulticast`: by destination. */
  admits(port: XlatePort, isMulticast: boolean): BondVerdict;
  /** Where everything goes out: of an active-backup bond. undefined: by bucket. */
  readonly only: { readonly port: XlatePort | undefined } | undefined;
  /** What a recirculated packet goes on with; undefined: buckets are chosen by the source address. */
  readonly recirc: FrozenState | undefined;
  /** other_config:bond-hash-basis */
  readonly hashBasis: number;
  /** No member is up. */
  readonly isDown: boolean;
  bucket(hash: number): BondBucket;
}
