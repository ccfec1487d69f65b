// An embedded OVSDB server in a folder of its own, and clients of it inside the process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../../src/json-rpc/json.ts';
import { JsonRpcPeer } from '../../src/json-rpc/peer.ts';
import { type OvsdbServer, type OvsdbServerOptions, startOvsdbServer } from '../../src/ovsdb/server/server.ts';

/** A client that remembers the notifications that it got. */
export class TestClient {
  readonly peer: JsonRpcPeer;
  readonly heard: Json[][] = [];
  closedFor: string | undefined;

  constructor(peer: (client: TestClient) => JsonRpcPeer) {
    this.peer = peer(this);
  }

  /** Results of a transaction on Open_vSwitch. */
  async transact(...operations: Json[]): Promise<Record<string, Json>[]> {
    return (await this.peer.request('transact', ['Open_vSwitch', ...operations])) as Record<string, Json>[];
  }

  /** The "error" string of the first failed operation. */
  async refusal(...operations: Json[]): Promise<Json | undefined> {
    const results = await this.transact(...operations);
    return results.find((result) => result?.['error'] !== undefined)?.['error'];
  }

  /** Waits for what the server has under way, then gives and forgets the notifications so far. */
  async settle(): Promise<Json[][]> {
    await this.peer.request('echo', []);
    return this.heard.splice(0);
  }
}

export interface TestServer {
  readonly server: OvsdbServer;
  readonly folder: string;
  readonly file: string;
  client(): Promise<TestClient>;
  /** Closes the server and opens it again on the same file. */
  restart(options?: Partial<OvsdbServerOptions>): Promise<TestServer>;
  close(): Promise<void>;
}

export async function testServer(options: Partial<OvsdbServerOptions> = {}, folder?: string): Promise<TestServer> {
  const home = folder ?? mkdtempSync(join(tmpdir(), 'weft-ovsdb-'));
  const file = join(home, 'conf.db');
  const server = await startOvsdbServer({ file, ...options });
  return {
    server,
    folder: home,
    file,
    client: () => connect(server),
    restart: async (more = {}) => {
      await server.close();
      return testServer({ ...options, ...more }, home);
    },
    close: async () => {
      await server.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function connect(server: OvsdbServer): Promise<TestClient> {
  const channel = await server.connect();
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
