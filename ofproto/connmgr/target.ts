// Where an OpenFlow connection goes or comes from: the connection methods of ovs-vswitchd.conf.db(5), Controller.target.

import { isIP } from 'node:net';
import { UserError } from '../../lib/errors.ts';

/** IANA's port for OpenFlow. */
export const OFP_PORT = 6653;

export type ControllerTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `host` undefined listens on every IPv4 address. */
  | { readonly kind: 'ptcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix' | 'punix'; readonly path: string };

const EXPECTED = 'expected tcp:HOST[:PORT], unix:PATH, ptcp:[PORT][:HOST] or punix:PATH';

/** Parses a connection method. Throws UserError that says what was expected. */
export function parseTarget(text: string): ControllerTarget {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  switch (kind) {
    case 'tcp':
      return parseTcp(text, rest);
    case 'ptcp':
      return parsePtcp(text, rest);
    case 'unix':
    case 'punix':
      if (rest === '') throw new UserError(`${text}: a path is missing; ${EXPECTED}`);
      return { kind, path: rest };
    case 'ssl':
    case 'pssl':
      throw new UserError(`${text}: TLS connections are not supported; ${EXPECTED}`);
    default:
      throw new UserError(`${text}: unknown connection method "${kind}"; ${EXPECTED}`);
  }
}

/** Passive targets wait for controllers to come. */
export function isPassive(target: ControllerTarget): boolean {
  return target.kind === 'ptcp' || target.kind === 'punix';
}

function parseTcp(text: string, rest: string): ControllerTarget {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(rest);
  if (!parts) throw new UserError(`${text}: bad address; ${EXPECTED}`);
  return { kind: 'tcp', host: hostOf(text, parts[1], parts[2])!, port: portOf(text, parts[3]) };
}

function parsePtcp(text: string, rest: string): ControllerTarget {
  const parts = /^(\d*)(?::(?:\[([^\]]+)\]|([^:[\]]+)))?$/.exec(rest);
  if (!parts) throw new UserError(`${text}: bad address; ${EXPECTED}`);
  return { kind: 'ptcp', host: hostOf(text, parts[2], parts[3]), port: portOf(text, parts[1]) };
}

function hostOf(text: string, bracketed: string | undefined, plain: string | undefined): string | undefined {
  if (bracketed === undefined) return plain;
  // A zone (fe80::1%eth0) is part of the address for Node too.
  if (isIP(bracketed) !== 6) throw new UserError(`${text}: "${bracketed}" is not an IPv6 address`);
  return bracketed;
}

function portOf(text: string, digits: string | undefined): number {
  if (digits === undefined || digits === '') return OFP_PORT;
  const port = Number(digits);
  if (port > 65535) throw new UserError(`${text}: port ${digits} is not in 0..65535`);
  return port;
}
