// Which of a bridge's controllers, and of the switch's managers, are reached through the bridge itself
// (ovs-vswitchd.conf.db(5), connection_mode): those with an IPv4 address that are not out-of-band.

import { isIPv4 } from 'node:net';
import type { InBandRemote } from '../in-band.ts';
import { OFP_PORT } from './target.ts';

/** IANA's port for OVSDB. */
const OVSDB_PORT = 6640;

/** What the database says of in-band control apart from the controllers. */
export interface InBandConfig {
  /** other_config:disable-in-band */
  readonly isDisabled: boolean;
  /** other_config:in-band-queue */
  readonly queueId?: number | undefined;
  /** Targets of the switch's managers, out-of-band ones excepted. */
  readonly managers: readonly string[];
}

interface Reached {
  readonly target: string;
  readonly connectionMode?: 'in-band' | 'out-of-band';
}

export function inBandRemotes(controllers: readonly Reached[], { isDisabled, managers }: InBandConfig): InBandRemote[] {
  if (isDisabled) return [];
  const inBand = controllers.filter(({ connectionMode }) => connectionMode !== 'out-of-band');
  return [
    ...inBand.flatMap(({ target }) => remoteOf(target, OFP_PORT)),
    ...managers.flatMap((target) => remoteOf(target, OVSDB_PORT)),
  ];
}

/** None unless the target is dialled by an IPv4 address. */
function remoteOf(target: string, defaultPort: number): InBandRemote[] {
  const [, address, port] = /^(?:tcp|ssl):([\d.]+)(?::(\d{1,5}))?$/.exec(target) ?? [];
  return address !== undefined && isIPv4(address) ? [{ address, port: Number(port ?? defaultPort) }] : [];
}
