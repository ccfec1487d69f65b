// What every command gets: settings, output, connections to switches, and the names of their ports and tables.

import { UserError } from '../../../lib/errors.ts';
import type { OfPortDesc } from '../../../ofproto/model/flow-mod.ts';
import { OFP13_VERSION } from '../../../ofproto/model/messages.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { portFromText } from '../../../ofproto/text/ports.ts';
import { OfClient } from './client.ts';
import type { Settings } from './settings.ts';
import { findSwitch } from './target.ts';

export class CommandContext {
  readonly settings: Settings;
  readonly #portNames = new Map<string, ReadonlyMap<number, string>>();
  readonly #tableNames = new Map<string, ReadonlyMap<number, string>>();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** The same, for some of the versions that were allowed. */
  limitedTo(versions: readonly number[]): CommandContext {
    return new CommandContext({ ...this.settings, versions });
  }

  /** Writes to standard output. */
  print(text: string): void {
    process.stdout.write(text);
  }

  /** Opens a connection to the switch called `name`. Throws UserError. */
  async connect(name: string, suffix: 'mgmt' | 'snoop' = 'mgmt'): Promise<OfClient> {
    const target = findSwitch(name, this.settings.rundir, suffix);
    const client = await OfClient.connect(target, name, this.settings.versions);
    client.atomically = this.settings.bundle;
    client.address = 'path' in target ? `${target.kind}:${target.path}` : name;
    return client;
  }

  /** Runs `body` on a connection of its own. */
  async with<T>(name: string, body: (client: OfClient) => Promise<T>): Promise<T> {
    const client = await this.connect(name);
    try {
      return await body(client);
    } finally {
      client.close();
    }
  }

  /** Names to understand in what the user typed. */
  async namesToAccept(name: string): Promise<Names> {
    return this.settings.acceptNames ? { ports: await this.ports(name), tables: await this.tables(name) } : {};
  }

  /** Names to print; none unless --names. */
  async namesToShow(name: string): Promise<Names> {
    return this.settings.names ? { ports: await this.ports(name), tables: await this.tables(name) } : {};
  }

  async ports(name: string): Promise<ReadonlyMap<number, string>> {
    const known = this.#portNames.get(name);
    if (known) return known;
    const descs = await this.with(name, portDescs);
    const names = new Map(descs.map((desc) => [desc.ofPort, desc.name]));
    this.#portNames.set(name, names);
    return names;
  }

  async tables(name: string): Promise<ReadonlyMap<number, string>> {
    const known = this.#tableNames.get(name);
    if (known) return known;
    const names = await this.with(name, tableNames);
    this.#tableNames.set(name, names);
    return names;
  }

  /** The number of a port that the user named. Throws UserError. */
  async portNumber(name: string, text: string): Promise<number> {
    const direct = portFromText(text);
    if (direct !== undefined) return direct;
    const port = portFromText(text, { ports: await this.ports(name) });
    if (port === undefined) throw new UserError(`${name}: unknown port \`${text}'`);
    return port;
  }
}

/** Every port: in the features reply up to 1.2, asked for later. */
export async function portDescs(client: OfClient): Promise<OfPortDesc[]> {
  if (client.version < OFP13_VERSION) {
    const [features] = await client.ask({ type: 'features_request' }, 'features_reply');
    return [...(features?.ports ?? [])];
  }
  const parts = await client.ask({ type: 'port_desc_request', ofPort: 0xffffffff }, 'port_desc_reply');
  return parts.flatMap((part) => part.ports);
}

async function tableNames(client: OfClient): Promise<ReadonlyMap<number, string>> {
  const tables =
    client.version < OFP13_VERSION
      ? (await client.ask({ type: 'table_stats_request' }, 'table_stats_reply')).flatMap((part) => part.tables)
      : (await client.ask({ type: 'table_features_request', tables: [], more: false }, 'table_features_reply')).flatMap(
          (part) => part.tables,
        );
  return new Map(tables.filter((table) => table.name !== '').map((table) => [table.tableId, table.name]));
}
