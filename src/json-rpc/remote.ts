// Remotes as Open vSwitch writes them (ovsdb(7), "Connection Methods"): unix:PATH and tcp:HOST:PORT are dialled,
// punix:PATH and ptcp:[PORT][:HOST] are listened on.
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { UserError } from '../../lib/errors.ts';
import { type Channel, StreamChannel } from './channel.ts';
import type { FramerLimits } from './framer.ts';

export type Remote =
  | { readonly kind: 'unix' | 'punix'; readonly path: string }
  | { readonly kind: 'tcp' | 'ptcp'; readonly host: string; readonly port: number };

/** RFC 7047's registered port. */
export const OVSDB_PORT = 6640;

const EXPECTED = 'expected unix:PATH, tcp:HOST[:PORT], punix:PATH or ptcp:[PORT][:HOST]';

/** Reads a remote; `defaultPort` is used where none is given. Throws UserError. */
export function parseRemote(text: string, defaultPort = OVSDB_PORT): Remote {
  const [, kind, rest] = /^(unix|punix|tcp|ptcp):(.*)$/s.exec(text) ?? [];
  if (kind === undefined || rest === undefined) throw new UserError(`${text}: unknown remote; ${EXPECTED}`);
  if (kind === 'unix' || kind === 'punix') {
    if (rest === '') throw new UserError(`${text}: the path is missing; ${EXPECTED}`);
    return { kind, path: rest };
  }
  if (kind === 'ptcp') {
    const [, port, host] = /^(\d*)(?::(.+))?$/.exec(rest) ?? [];
    if (port === undefined) throw new UserError(`${text}: ${EXPECTED}`);
    return { kind, host: unbracket(host ?? '0.0.0.0'), port: parsePort(text, port, defaultPort) };
  }
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(rest) ?? [];
  if (host === undefined) throw new UserError(`${text}: ${EXPECTED}`);
  return { kind: 'tcp', host: unbracket(host), port: parsePort(text, port ?? '', defaultPort) };
}

function unbracket(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function parsePort(text: string, digits: string, defaultPort: number): number {
  const port = digits === '' ? defaultPort : Number(digits);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new UserError(`${text}: bad port number`);
  return port;
}

/** True for remotes that wait for clients. */
export function isPassive(remote: Remote): remote is Remote & { kind: 'punix' | 'ptcp' } {
  return remote.kind === 'punix' || remote.kind === 'ptcp';
}

/** Connects to an active remote; rejects with the system's error (`ENOENT`, `ECONNREFUSED`). */
export function dial(text: string, limits?: FramerLimits): Promise<Channel> {
  const remote = parseRemote(text);
  if (isPassive(remote)) return Promise.reject(new UserError(`${text}: cannot dial a passive remote`));
  return new Promise((resolve, reject) => {
    const socket = 'path' in remote ? connect(remote.path) : connect(remote.port, remote.host);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      tune(socket);
      resolve(new StreamChannel(socket, text, limits));
    });
  });
}

function tune(socket: Socket): void {
  socket.setNoDelay(true);
}

export interface Listener {
  readonly remote: string;
  /** The bound port of a ptcp listener (useful when 0 was asked for), else 0. */
  readonly port: number;
  /** Stops accepting and removes the socket's file; connections stay. */
  close(): Promise<void>;
}

let unixPeers = 0;

function peerName(socket: Socket): string {
  return socket.remoteAddress ? `tcp:${socket.remoteAddress}:${socket.remotePort}` : `unix#${unixPeers++}`;
}

/** Listens on a passive remote and hands each connection over. A socket file that nobody serves any more is replaced. */
export async function listen(
  text: string,
  accept: (channel: Channel) => void,
  limits?: FramerLimits,
): Promise<Listener> {
  const remote = parseRemote(text);
  if (!isPassive(remote)) throw new UserError(`${text}: cannot listen on an active remote`);
  if ('path' in remote) await removeStaleSocket(remote.path);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    tune(socket);
    accept(new StreamChannel(socket, peerName(socket), limits));
  });
  await bind(server, remote, text);
  const address = server.address();
  return {
    remote: text,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      // Not awaited: its callback waits for the last connection, but listening stops and the file goes at once.
      server.close();
    },
  };
}

function bind(server: Server, remote: Remote, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new UserError(`${text}: cannot listen: ${error.message}`)));
    const done = () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    };
    if ('path' in remote) server.listen({ path: remote.path }, done);
    else server.listen({ port: remote.port, host: remote.host }, done);
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => resolve(true));
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
    setTimeout(() => resolve(true), 1000).unref();
    probe.once('connect', () => probe.destroy());
  });
  if (alive) throw new UserError(`${path}: another process is listening on this socket`);
  unlinkSync(path);
}
