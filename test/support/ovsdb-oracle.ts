// The real ovsdb-server in a folder of its own, as the oracle for the embedded one.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { JsonRpcPeer } from '../../src/json-rpc/peer.ts';
import { dial } from '../../src/json-rpc/remote.ts';
import { TestClient } from './ovsdb-server.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

/** Why the oracle cannot run here; undefined when it can. */
export function oracleMissing(): string | undefined {
  return [SCHEMA, '/usr/sbin/ovsdb-server', '/usr/bin/ovsdb-tool'].find((path) => !existsSync(path));
}

export class Oracle {
  readonly socket: string;
  readonly #child: ChildProcess;
  #stopped = false;

  private constructor(child: ChildProcess, socket: string) {
    this.#child = child;
    this.socket = socket;
  }

  /** Serves `file`, which is made when it is not there, on a socket in `folder`. */
  static async start(folder: string, file: string): Promise<Oracle> {
    if (!existsSync(file)) execFileSync('ovsdb-tool', ['create', file, SCHEMA]);
    const socket = join(folder, 'oracle.sock');
    const args = [file, `--remote=punix:${socket}`, `--unixctl=${join(folder, 'oracle.ctl')}`, '-vconsole:off'];
    const child = spawn('/usr/sbin/ovsdb-server', args, {
      env: { ...process.env, OVS_RUNDIR: folder },
      stdio: 'ignore',
    });
    for (let i = 0; i < 200 && !existsSync(socket) && child.exitCode === null; i++) await sleep(25);
    if (child.exitCode !== null) throw new Error(`ovsdb-server exited with ${child.exitCode}`);
    return new Oracle(child, socket);
  }

  /** True when it died of a signal that nobody sent. */
  get crashed(): boolean {
    return this.#child.signalCode !== null && !this.#stopped;
  }

  client(): Promise<TestClient> {
    return socketClient(`unix:${this.socket}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#stopped = true;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A client of any server, over a socket. */
export async function socketClient(remote: string): Promise<TestClient> {
  const channel = await dial(remote);
  return new TestClient(
    (client) =>
      new JsonRpcPeer(channel, {
        notification: (method, params) => client.heard.push([method, ...params]),
        closed: (reason) => {
          client.closedFor = reason;
        },
      }),
  );
}
