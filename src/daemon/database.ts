// Which database the switch follows: the one it is told, else a server that already answers on <rundir>/db.sock, else
// its own, served there.

import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { logger } from '../../lib/log.ts';
import { OvsdbReplica } from '../ovsdb/replica.ts';
import { type OvsdbServer, startOvsdbServer } from '../ovsdb/server/server.ts';
import { MONITORED_COLUMNS } from './bridge/columns.ts';

const log = logger('ovsdb_idl');

export interface DatabaseOptions {
  readonly remote: string | undefined;
  readonly rundir: string;
  /** Where `conf.db` is, or is made. */
  readonly dbdir: string;
}

export interface FollowedDatabase {
  readonly replica: OvsdbReplica;
  /** The server of this process; undefined when another one is followed. */
  readonly server: OvsdbServer | undefined;
  close(): Promise<void>;
}

/** Opens the database and begins to follow it. Throws UserError when its own cannot be opened or served. */
export async function openDatabase({ remote, rundir, dbdir }: DatabaseOptions): Promise<FollowedDatabase> {
  const socket = join(rundir, 'db.sock');
  const external = remote ?? ((await answers(socket)) ? `unix:${socket}` : undefined);
  const server = external === undefined ? await serve(socket, dbdir) : undefined;
  const replica = new OvsdbReplica({ remote: external ?? server!.connect, tables: MONITORED_COLUMNS });
  log.info(external === undefined ? `serving ${join(dbdir, 'conf.db')} on ${socket}` : `following ${external}`);
  replica.start();
  const close = async () => {
    replica.stop();
    await server?.close();
  };
  return { replica, server, close };
}

function serve(socket: string, dbdir: string): Promise<OvsdbServer> {
  mkdirSync(dbdir, { recursive: true });
  return startOvsdbServer({ file: join(dbdir, 'conf.db'), listen: [`punix:${socket}`], managerOptions: true });
}

/** True when somebody accepts connections on a UNIX socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
