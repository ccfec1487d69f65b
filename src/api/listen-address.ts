// other_config:api-listen: where the typed API listens beside its Unix socket.

import { isIP } from 'node:net';
import { UserError } from '../../lib/errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const EXPECTED = 'expected ADDRESS:PORT with an IP address, such as 127.0.0.1:50051 or [::1]:50051';

/** Throws UserError that says what was expected. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (isIP(host) !== (bracketed === undefined ? 4 : 6)) throw new UserError(`"${text}" is no address; ${EXPECTED}`);
  if (port < 1 || port > 65535) throw new UserError(`"${text}": the port is not in 1..65535; ${EXPECTED}`);
  return { host, port };
}

/** Whether only this machine can reach it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host.startsWith('127.') || host === '::1';
}
