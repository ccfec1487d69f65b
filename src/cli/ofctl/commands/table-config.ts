// Commands that show and change the configuration of tables: mod-table, dump-table-desc.

import { UserError } from '../../../../lib/errors.ts';
import { OFP14_VERSION, OFP15_VERSION, type TableConfig, type TableMiss } from '../../../../ofproto/model/messages.ts';
import { parseInteger } from '../../../../ofproto/text/lexer.ts';
import type { OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { formatMessage } from '../print-message.ts';

const TABLE_ALL = 255;
/** Versions that know each word, by wire number. */
const MISS_VERSIONS = [2, 3];
const EVICTION_VERSIONS = [5, 6];
const NAME_VERSIONS = [4, 5, 6];

const MISSES: readonly string[] = ['controller', 'continue', 'drop'] satisfies TableMiss[];

interface Setting {
  readonly versions: readonly number[];
  readonly config: TableConfig;
  readonly newName?: string;
}

/** Reads a setting. Throws UserError in ovs-ofctl's words. */
function parseSetting(word: string): Setting {
  if (word.startsWith('name:')) return { versions: NAME_VERSIONS, config: {}, newName: word.slice('name:'.length) };
  if (MISSES.includes(word)) return { versions: MISS_VERSIONS, config: { miss: word as TableMiss } };
  const versions = EVICTION_VERSIONS;
  if (word === 'evict' || word === 'noevict') return { versions, config: { eviction: word === 'evict' } };
  if (word === 'novacancy') return { versions, config: { vacancyEvents: false } };
  if (!word.startsWith('vacancy:')) throw new UserError(`invalid table_mod setting ${word}`);
  return { versions, config: { vacancyEvents: true, vacancy: parseVacancy(word.slice('vacancy:'.length)) } };
}

function parseVacancy(text: string): { down: number; up: number; now: number } {
  const [downText = '', upText] = text.split(',');
  if (downText === '') throw new UserError('Vacancy down value missing');
  if (upText === undefined || upText === '') throw new UserError('Vacancy up value missing');
  const [down, up] = [percent(downText, 'down'), percent(upText, 'up')];
  if (down > up) {
    throw new UserError('Invalid vacancy range, vacancy up should be greater than vacancy down (OFPBPC_BAD_VALUE)');
  }
  return { down, up, now: 0 };
}

function percent(text: string, name: string): number {
  const value = Number(parseInteger(text) ?? -1n);
  if (value < 0 || value > 100) throw new UserError(`Invalid vacancy ${name} value "${text}"`);
  return value;
}

const isAll = (text: string): boolean => /^all$/i.test(text);

async function parseTableId(ctx: CommandContext, name: string, text: string): Promise<number> {
  if (isAll(text)) return TABLE_ALL;
  const number = parseInteger(text);
  if (number !== undefined && number >= 0n && number <= 255n) return Number(number);
  const names = await ctx.tables(name);
  const found = [...names].find(([, tableName]) => tableName === text)?.[0];
  if (found === undefined) throw new UserError(`unknown table "${text}"`);
  return found;
}

export async function modTable(ctx: CommandContext, [name, tableText, word]: readonly string[]): Promise<void> {
  const { versions, config, newName } = parseSetting(word!);
  if (newName !== undefined && isAll(tableText!)) throw new UserError(`invalid table_mod setting ${word}`);
  const usable = ctx.settings.versions.filter((version) => versions.includes(version));
  if (usable.length === 0) {
    const wanted = versions.map((version) => `OpenFlow1${version - 1}`).join(', ');
    throw new UserError(`table_mod '${word}' requires one of the OpenFlow versions ${wanted}`);
  }
  const limited = ctx.limitedTo(usable);
  const tableId = await parseTableId(limited, name!, tableText!);
  if (config.miss === 'continue' && tableId === 254) {
    throw new UserError("last table's flow miss handling can not be continue");
  }
  if (newName !== undefined) return limited.with(name!, (client) => renameTable(client, tableId, newName));
  await limited.with(name!, async (client) => {
    const before = config.miss || tableId === TABLE_ALL ? {} : await tableConfig(client, tableId);
    await client.commit({ type: 'table_mod', tableId, config: { ...before, ...config } });
  });
}

/** Up to 1.4 the features of all tables have to be said again with the new name. */
async function renameTable(client: OfClient, tableId: number, name: string): Promise<void> {
  const replies = await client.ask({ type: 'table_features_request', tables: [], more: false }, 'table_features_reply');
  const all = replies.flatMap(({ tables }) => tables);
  const named = all.map((table) =>
    table.tableId === tableId ? { ...table, name, command: 'modify' as const } : table,
  );
  const tables = client.version >= OFP15_VERSION ? named.filter((table) => table.tableId === tableId) : named;
  await client.transact({ type: 'table_features_request', tables, more: false });
}

/** What must be said again so that it stays: a table-mod sets both eviction and vacancy events. */
async function tableConfig(client: OfClient, tableId: number): Promise<TableConfig> {
  const parts = await client.ask({ type: 'table_desc_request' }, 'table_desc_reply');
  const found = parts.flatMap((part) => part.tables).find((table) => table.tableId === tableId);
  const { eviction = false, vacancyEvents = false, vacancy } = found?.config ?? {};
  return { eviction, vacancyEvents, ...(vacancyEvents && vacancy && { vacancy: { ...vacancy, now: 0 } }) };
}

export async function dumpTableDesc(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, async (client) => {
    if (client.version < OFP14_VERSION) {
      throw new UserError("dump-table-desc needs OpenFlow 1.4 or later ('-O OpenFlow14')");
    }
    const parts = await client.ask({ type: 'table_desc_request' }, 'table_desc_reply');
    ctx.print(formatMessage({ ...parts[0]!, tables: parts.flatMap((part) => part.tables) }, client.version));
  });
}
