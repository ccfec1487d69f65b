// What a port type implements and what it is given. One folder per type; datapath/port/registry.ts lists them.
//
// Two kinds of port meet the datapath differently. A polled port (vhost-user) registers virtqueues that PMD threads
// serve on their own. A slow port (internal, tap, system, dummy) is served by the control thread: it hands received
// frames to `receive` and is handed frames to send.

import type { Clock } from '../../lib/clock.ts';
import type { IoPoller } from '../../lib/io-poller.ts';
import type { LinkSpeed, PortSpec, PortStats } from '../dpif.ts';
import type { Place } from '../nic/offload/place.ts';

/** What a port may use of the datapath. Extended by the services a port type needs (datapath/port/vhost-user). */
export interface PortContext {
  readonly odpPort: number;
  readonly clock: Clock;
  readonly io: IoPoller;
  /** Where sockets without a path of their own are made. */
  readonly rundir: string;
  /** A frame arrived (without FCS); copied before the call returns. Slow ports only. */
  receive(frame: Uint8Array): void;
  /** Link, error, mac, mtu, status or place changed. Resolves when a card knows what concerns it. */
  changed(): unknown;
}

export interface PortDriver {
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly ifindex: number | undefined;
  readonly linkUp: boolean;
  readonly adminUp: boolean;
  readonly linkResets: number;
  readonly linkSpeed?: LinkSpeed | undefined;
  readonly error: string | undefined;
  /** Where it is on a card with an embedded switch: its flows can be offloaded. */
  readonly place?: Place | undefined;
  /** Of a polled port whose rings change: a guest's, a card's, or nothing that could be sent to at the moment. */
  readonly ringsOf?: 'guest' | 'card' | 'nobody';
  /** Starts; problems that a user can mend set `error` instead of rejecting. */
  open(): Promise<void>;
  close(): Promise<void>;
  setAdminUp(up: boolean): void;
  /** False when the port must be closed and opened again. */
  reconfigure(spec: PortSpec): Promise<boolean>;
  status(): Record<string, string>;
  /** Counters of the port's own; the datapath merges its own on top. */
  stats(): PortStats;
  /** Looks at what datapath threads noted. Polled ports only. */
  poll?(): void;
  /** Sends one frame; false when it was dropped. Slow ports only. The buffer is reused after the call. */
  send?(frame: Uint8Array): boolean;
}
