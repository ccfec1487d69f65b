// What the reconciler says about controllers and what it hears back: rows of the Controller table
// (ovs-vswitchd.conf.db(5)) in plain values.

import type { ControllerTarget } from './target.ts';

/** `primary` controllers decide the fail mode; `service` ones come and go (ovs-ofctl). */
export type ControllerType = 'primary' | 'service';

/** One Controller row. Absent members take ovs-vswitchd's defaults. */
export interface ControllerConfig {
  /** `tcp:HOST[:PORT]`, `unix:PATH`, `ptcp:[PORT][:HOST]` or `punix:PATH`. */
  readonly target: string;
  /** Default: primary for active targets, service for passive ones. */
  readonly type?: ControllerType;
  /** Whether hidden flows let the connection's packets through the bridge (../in-band.ts); default in-band. */
  readonly connectionMode?: 'in-band' | 'out-of-band';
  /** Longest wait between two attempts, at least 1000; default 8000. */
  readonly maxBackoffMs?: number;
  /** Silence after which an echo request asks whether the peer lives; 0 never asks; default 5000. */
  readonly inactivityProbeMs?: number;
  /** False: no asynchronous message until the controller asks for some; default true. */
  readonly enableAsyncMessages?: boolean;
  /** Packet-ins per second for misses and, separately, for actions; absent or 0: unlimited. */
  readonly rateLimit?: number;
  /** Packet-ins that may exceed the rate at once; default a quarter of the rate. */
  readonly burstLimit?: number;
}

/** `controller` column values of Controller.role. */
export type ControllerRole = 'other' | 'master' | 'slave';

/** Where one reconnecting connection is: Controller.status:state. */
export type ConnectionState = 'VOID' | 'BACKOFF' | 'CONNECTING' | 'ACTIVE' | 'IDLE';

/** What Controller.is_connected, role and status report. */
export interface ControllerStatus {
  readonly target: string;
  readonly isConnected: boolean;
  /** undefined while nobody is connected. */
  readonly role: ControllerRole | undefined;
  /** last_error, state, sec_since_connect, sec_since_disconnect, packet-in-*: ready for the column. */
  readonly status: Readonly<Record<string, string>>;
}

/** A controller whose target was understood. */
export interface Controller extends ControllerConfig {
  readonly parsed: ControllerTarget;
}
