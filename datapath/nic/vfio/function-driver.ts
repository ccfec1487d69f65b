// What a driver of a PCI function is for the port that has it: it gives the device its rings, and says what the link
// does. One file for each device: virtio-net.ts, e1000e.ts.

import type { LinkSpeed } from '../../dpif.ts';
import type { PairDoorbells, QueuePair, RingKind } from '../provider.ts';

export interface Link {
  readonly up: boolean;
  readonly speed: LinkSpeed | undefined;
}

export interface FunctionDriver {
  /** For Interface.status. */
  readonly name: string;
  readonly mac: string;
  /** What the device says that it takes; undefined: it does not say. */
  readonly mtu: number | undefined;
  readonly queuePairMax: number;
  readonly queueSizeMax: number;
  readonly ringKind: RingKind;
  /** Resets the device and brings it up with these rings. Throws UserError. */
  start(pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[]>;
  /** Reads the device: throws when it is gone, or wants a reset. */
  link(): Link;
  /** The device receives and sends no more. */
  stop(): void;
}

export const formatMac = (bytes: readonly number[]): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Looks at most about `tries` milliseconds until `done`; false when it did not become so. */
export async function waitUntil(done: () => boolean, tries: number): Promise<boolean> {
  for (let n = 0; n < tries; n++) {
    if (done()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return done();
}
