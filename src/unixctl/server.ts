// The control socket: JSON-RPC 1.0 on a UNIX socket, each request a command with string arguments, each reply text.
// Every connection's commands run one after the other, so replies come in the order of the requests.

import { chmodSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { coverage } from '../../lib/coverage.ts';
import { UserError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { rateLimited } from '../../lib/log-rate-limit.ts';
import type { Channel } from '../json-rpc/channel.ts';
import type { Json } from '../json-rpc/json.ts';
import { JsonRpcPeer } from '../json-rpc/peer.ts';
import { listen } from '../json-rpc/remote.ts';
import type { CommandRegistry } from './command.ts';

const log = logger('unixctl');
const peerLog = rateLimited(log);
const received = coverage('unixctl_received');
const replied = coverage('unixctl_replied');

/** A command line is short; a flow given to ofproto/trace or a file of flows is the most. */
const LIMITS = { depthMax: 16, sizeMax: 16 * 1024 * 1024 };
const SOCKET_MODE = 0o750;

export class UnixctlServer {
  readonly #commands: CommandRegistry;
  readonly #peers = new Set<JsonRpcPeer>();
  #stop: () => Promise<void> = async () => {};

  private constructor(commands: CommandRegistry) {
    this.#commands = commands;
  }

  /** Listens on `path`. Rejects with UserError when that cannot be done. */
  static async listen(path: string, commands: CommandRegistry): Promise<UnixctlServer> {
    // Asked first because the listen call says only 'permission denied'.
    if (!existsSync(dirname(path))) throw new UserError(cannot(path, 'No such file or directory'));
    const server = new UnixctlServer(commands);
    const listener = await listen(`punix:${path}`, (channel) => server.#accept(channel), LIMITS);
    chmodSync(path, SOCKET_MODE);
    server.#stop = () => listener.close();
    return server;
  }

  /** Stops listening and ends every connection after its last reply was written. */
  async close(): Promise<void> {
    await this.#stop();
    for (const peer of this.#peers) peer.close();
  }

  #accept(channel: Channel): void {
    let last: Promise<void> = Promise.resolve();
    const peer = new JsonRpcPeer(channel, {
      request: (id, method, params) => {
        received.inc();
        last = last.then(() => this.#answer(peer, id, method, params));
      },
      notification: () => peer.close('received unexpected notification message'),
      closed: (reason) => {
        this.#peers.delete(peer);
        if (reason !== '') peerLog.warn(`${channel.name}: ${reason}`);
      },
    });
    this.#peers.add(peer);
  }

  async #answer(peer: JsonRpcPeer, id: Json, method: string, params: readonly Json[]): Promise<void> {
    try {
      const args = params.map((param) => {
        if (typeof param === 'string') return param;
        throw new UserError(`"${method}" command has non-string argument`);
      });
      log.dbg(`received request ${method}[${args.map((arg) => JSON.stringify(arg)).join(', ')}]`);
      peer.reply(id, line(await this.#commands.run(method, args)));
    } catch (error) {
      // A command that fails for a reason that its user cannot mend is a bug, but only that command's.
      if (!(error instanceof UserError)) log.err(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
      peer.replyError(id, line(error instanceof Error ? error.message : String(error)));
    }
    replied.inc();
  }
}

function cannot(path: string, why: string): string {
  return `${path}: could not initialize control socket (${why})`;
}

function line(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
