// Opening a database file: lock, read, repair, upgrade; then the live database with its log.
import { copyFileSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import { UserError } from '../../../lib/errors.ts';
import { type Logger, logger } from '../../../lib/log.ts';
import { jsonEqual } from '../../json-rpc/json.ts';
import { type Datum, datumFromJson, datumToJson } from '../datum.ts';
import { prepare } from '../engine/commit.ts';
import { Database } from '../engine/table.ts';
import { Transaction } from '../engine/transaction.ts';
import { OvsdbError } from '../errors.ts';
import { type DatabaseSchema, schemaFromJson, schemaToJson, type TableSchema } from '../schema.ts';
import { lockDatabase } from './file-lock.ts';
import { keepTail, LogFile, replaceFile } from './log-file.ts';
import { BadRecord, decodeRecord, type LogRecord } from './record.ts';
import { applyRecord, type RowImage, snapshotToJson } from './replay.ts';

export interface Storage {
  readonly database: Database;
  readonly log: LogFile;
  /** Makes everything durable, then lets go of the file and its lock. */
  close(): Promise<void>;
}

const log: Logger = logger('ovsdb_file');

/**
 * Opens the database at `path`, or creates it, with `schema`. A file with another schema of the same name is converted
 * (a copy of the old one is kept); a tail that is not a whole record is cut off and kept in a file of its own.
 * Throws UserError when the file is not such a database, cannot be read, or is in use.
 */
export function openStorage(path: string, schema: DatabaseSchema, nowMs: () => number = Date.now): Storage {
  const real = existsSync(path) ? realpathSync(path) : path;
  const unlock = lockDatabase(real);
  try {
    return openLocked(real, schema, nowMs, unlock);
  } catch (error) {
    unlock();
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: cannot open database: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function openLocked(path: string, schema: DatabaseSchema, nowMs: () => number, unlock: () => void): Storage {
  if (!existsSync(path)) replaceFile(path, [schemaToJson(schema)]);
  const file = readLog(path);
  if (file.schema.name !== schema.name) {
    throw new UserError(`${path}: holds database "${file.schema.name}", expected "${schema.name}"`);
  }
  if (file.damage !== undefined) {
    const kept = keepTail(path, file.end, nowMs());
    log.warn(`${path}: ${file.damage} at offset ${file.end}; cut off there, the rest is kept in ${kept}`);
  }
  const same = jsonEqual(schemaToJson(file.schema), schemaToJson(schema));
  const database = same ? load(file.image, schema) : convert(path, file, schema, nowMs());
  const size = same ? file.end : readFileSync(path).length;
  const logFile = new LogFile(path, size);
  return {
    database,
    log: logFile,
    close: async () => {
      await logFile.close();
      unlock();
    },
  };
}

interface LogContents {
  readonly schema: DatabaseSchema;
  readonly image: RowImage;
  /** Where the whole records end. */
  readonly end: number;
  /** What is wrong after that. */
  readonly damage: string | undefined;
}

function readLog(path: string): LogContents {
  const bytes = readFileSync(path);
  const first = firstRecord(path, bytes);
  const schema = schemaFromJson(first.json);
  const image: RowImage = new Map();
  let end = first.end;
  while (end < bytes.length) {
    let record: LogRecord;
    try {
      record = decodeRecord(bytes, end);
    } catch (error) {
      if (error instanceof BadRecord) return { schema, image, end, damage: error.message };
      throw error;
    }
    apply(path, image, schema, record, end);
    end = record.end;
  }
  return { schema, image, end, damage: undefined };
}

function firstRecord(path: string, bytes: Buffer): LogRecord {
  try {
    return decodeRecord(bytes, 0);
  } catch (error) {
    if (!(error instanceof BadRecord)) throw error;
    throw new UserError(`${path}: not an OVSDB database, left as it is: ${error.message}`);
  }
}

/** A record that is whole but does not fit is no torn write: nothing is cut off, a person must look. */
function apply(path: string, image: RowImage, schema: DatabaseSchema, record: LogRecord, offset: number): void {
  try {
    applyRecord(image, schema, record.json);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    throw new UserError(`${path}: the record at offset ${offset} does not fit the database: ${error.message}`);
  }
}

/** Puts the rows into a database, as one transaction: reference counts and indexes come out of its checks. */
function load(image: RowImage, schema: DatabaseSchema): Database {
  const database = new Database(schema);
  const transaction = new Transaction(database);
  for (const [name, rows] of image) {
    for (const [uuid, columns] of rows) transaction.insert(database.table(name), uuid, columns);
  }
  prepare(transaction).apply();
  return database;
}

function convert(path: string, { schema: from, image }: LogContents, to: DatabaseSchema, nowMs: number): Database {
  const backup = `${path}.backup${from.version}-${from.cksum.replaceAll(/[^0-9]+/g, '-')}`;
  copyFileSync(path, backup);
  log.info(
    `${path}: converting from schema version ${from.version} to ${to.version}; the old file is kept as ${backup}`,
  );
  const converted: RowImage = new Map();
  for (const [name, rows] of image) {
    const [fromTable, toTable] = [from.tables.get(name), to.tables.get(name)];
    if (!fromTable || !toTable) continue;
    converted.set(name, new Map([...rows].map(([uuid, row]) => [uuid, convertRow(fromTable, toTable, row)])));
  }
  const database = load(converted, to);
  const comment = `converted from version ${from.version}`;
  replaceFile(path, [schemaToJson(to), snapshotToJson(database, comment, nowMs)]);
  return database;
}

/** Columns that both schemas have, where the new one takes the value; the rest get their defaults. */
function convertRow(from: TableSchema, to: TableSchema, row: ReadonlyMap<string, Datum>): Map<string, Datum> {
  const columns = new Map<string, Datum>();
  for (const [name, datum] of row) {
    const [before, after] = [from.columns.get(name), to.columns.get(name)];
    if (!before || !after) continue;
    try {
      columns.set(name, datumFromJson(datumToJson(datum, before.type), after.type));
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.warn(`${to.name}.${name}: a value does not fit the new schema and gets its default: ${error.message}`);
    }
  }
  return columns;
}
