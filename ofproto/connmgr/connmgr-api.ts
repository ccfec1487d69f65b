// The connection manager of one bridge as the reconciler uses it; connmgr.ts implements it as
// `new Connmgr(ofproto, { rundir, clock })`.

import type { Clock } from '../../lib/clock.ts';
import type { ControllerConfig, ControllerStatus } from './controller.ts';
import type { InBandConfig } from './in-band-remotes.ts';

export type FailMode = 'standalone' | 'secure';

export interface ConnmgrOptions {
  /** Where `<bridge>.mgmt` and `<bridge>.snoop` are made, and the only place `unix:` and `punix:` may name. */
  readonly rundir: string;
  readonly clock: Clock;
}

/** Free text in the replies to OFPST_DESC; absent members keep the defaults. */
export interface SwitchDescription {
  readonly serialNumber?: string;
  readonly datapath?: string;
}

export interface ConnmgrApi {
  /**
   * Opens `<bridge>.mgmt` and `<bridge>.snoop`. Rejects with UserError naming the path when another process answers
   * on it, SyscallError-like Node errors otherwise; the rest of the manager works without them.
   */
  listen(): Promise<void>;
  /** What holds for in-band control from the next setControllers() on. */
  setInBand(config: InBandConfig): void;
  /** Makes the set of controllers equal `list`; ones that stay with the same settings keep their connection. */
  setControllers(list: readonly ControllerConfig[]): void;
  /** Bridge.fail_mode; the default is standalone. */
  setFailMode(mode: FailMode): void;
  /** Bridge.protocols (`OpenFlow10`, ...); an empty list allows every version weft has. Open connections stay. */
  setProtocols(names: readonly string[]): void;
  setDescription(description: SwitchDescription): void;
  /** One entry for each configured controller, in the order given. */
  status(): ControllerStatus[];
  /** Calls `listener` soon after a connection's state or role changed; returns a function that stops it. */
  onStatusChange(listener: () => void): () => void;
  /** Drops every controller connection and dials again at once (`bridge/reconnect`). */
  reconnect(): void;
  /** Closes all connections and removes the sockets. */
  close(): Promise<void>;
}
