// Byte streams under OpenFlow connections: dialling and listening on TCP and Unix sockets.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { UserError } from '../../lib/errors.ts';
import type { ControllerTarget } from './target.ts';

// Half-open: a peer that has said all it wants still gets its answers.

/** Dials an active target; the socket reports `connect` or `error`. */
export function dial(target: ControllerTarget): Socket {
  if (target.kind === 'tcp')
    return connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true });
  if (target.kind === 'unix') return connect({ path: target.path, allowHalfOpen: true });
  throw new UserError(`${target.kind}: is for listening, not for connecting`);
}

/**
 * Listens on a passive target. A socket file that nobody answers on is replaced; one that a live process serves is a
 * UserError naming it.
 */
export async function listen(target: ControllerTarget, accepted: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, accepted);
  if (target.kind === 'ptcp') {
    await listening(server, () => server.listen({ host: target.host ?? '0.0.0.0', port: target.port }));
    return server;
  }
  if (target.kind !== 'punix') throw new UserError(`${target.kind}: is for connecting, not for listening`);
  await removeStale(target.path);
  await listening(server, () => server.listen({ path: target.path }));
  // Whoever may connect may reprogram the switch: the owner and its group, as ovs-vswitchd leaves it.
  chmodSync(target.path, 0o750);
  return server;
}

/** Stops listening; connections already accepted live on. Node removes the socket file of a Unix listener. */
export function closeServer(server: Server): Promise<void> {
  // The callback of close() would also wait for every connection's end; the address is free after this turn.
  server.close();
  return new Promise((resolve) => setImmediate(resolve));
}

/** strerror-like text for the socket errors people meet, else the error's own code or message. */
export function streamErrorText(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return (code && ERROR_TEXTS[code]) ?? code ?? error.message;
}

const ERROR_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ENOENT: 'No such file or directory',
  ENOTFOUND: 'Name or service not known',
  EPIPE: 'Broken pipe',
  ETIMEDOUT: 'Connection timed out',
};

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      // A failing accept (EMFILE) is the newcomer's loss, not the listener's.
      server.on('error', () => {});
      resolve();
    });
    start();
  });
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) throw new UserError(`${path}: exists and is not a socket`);
  if (await answers(path)) throw new UserError(`${path}: another process already listens on this socket`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
