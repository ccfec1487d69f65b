// Runs a chain of commands: against a fresh copy of the database, as one transaction, again when somebody else
// changed what was decided upon, then waiting for the daemon to have done it.

import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import { canonicalText, isArray, isObject, type Json, type JsonObject } from '../../json-rpc/json.ts';
import { ConnectionLost } from '../../json-rpc/peer.ts';
import { dial } from '../../json-rpc/remote.ts';
import { OvsdbError } from '../../ovsdb/errors.ts';
import { byUuid, comment as commentOperation } from '../../ovsdb/ops.ts';
import { OvsdbReplica } from '../../ovsdb/replica.ts';
import { TableFormatter } from '../table-format.ts';
import { ExitStatus, type Invocation, NotYet, type Output } from './command.ts';
import type { VsctlOptions } from './options.ts';
import { SwitchModel } from './switch-model.ts';
import { SymbolTable } from './symbols.ts';
import { Transaction } from './transaction.ts';

const idlLog = logger('ovsdb_idl');

/** What one pass over the chain came to. */
interface Pass {
  readonly transaction: Transaction;
  readonly outputs: readonly (Output | undefined)[];
  readonly addedInterfaces: ReadonlySet<string>;
  readonly root: string;
  readonly exitStatus: number;
}

interface Committed {
  /** The daemon has done this change when its cur_cfg has come here; undefined when nothing changed. */
  readonly nextCfg: number | undefined;
  /** Real uuids of the rows made, by temporary one. */
  readonly uuids: ReadonlyMap<string, string>;
}

export interface RunEnvironment {
  /** What the transaction's record in the database's log says. */
  readonly comment: string;
  /** Takes what goes to standard output. */
  write(text: string): void;
  /** Takes a line for standard error. */
  complain(text: string): void;
}

/** Runs the chain; resolves to the exit status. Rejects with UserError. */
export async function runChain(
  chain: readonly Invocation[],
  options: VsctlOptions,
  { comment, write, complain }: RunEnvironment,
): Promise<number> {
  const { replica, lost } = connect(options);
  let changes = 0;
  replica.listen({ change: () => changes++ });
  try {
    await Promise.race([replica.synced(), lost]);
    for (;;) {
      const decidedOn = changes;
      const pass = runPass(chain, replica);
      const committed = pass && (await Promise.race([commit(pass, replica, options, comment), lost]));
      if (!pass || !committed) {
        await Promise.race([replica.until(() => changes !== decidedOn), lost]);
        continue;
      }
      write(outputText(pass, committed, options));
      if (options.wait && committed.nextCfg !== undefined) {
        await Promise.race([applied(replica, committed.nextCfg), lost]);
        reportInterfaces(pass, replica, options.logdir, complain);
      }
      return pass.exitStatus;
    }
  } finally {
    replica.stop();
  }
}

/** A replica, and a promise that rejects when its connection fails for good. */
function connect({ db, retry }: VsctlOptions): { replica: OvsdbReplica; lost: Promise<never> } {
  let fail: (error: UserError) => void = () => {};
  const lost = new Promise<never>((_, reject) => (fail = reject));
  // Whoever races it hears of it; nobody may be racing yet.
  lost.catch(() => {});
  const failed = (reason: string) => {
    if (!retry) fail(new UserError(`${db}: database connection failed (${reason})`));
  };
  const remote = async () => {
    try {
      return await dial(db);
    } catch (error) {
      failed(error instanceof UserError ? 'Address family not supported by protocol' : systemErrorText(error));
      throw error;
    }
  };
  const replica = new OvsdbReplica({ remote, probeIntervalMs: 0 });
  replica.listen({ synced: (synced) => synced || failed('End of file') });
  replica.start();
  return { replica, lost };
}

/** Runs every command on the replica's rows as they are now; undefined when one of them has to wait. */
function runPass(chain: readonly Invocation[], replica: OvsdbReplica): Pass | undefined {
  const transaction = new Transaction(replica);
  const model = new SwitchModel(transaction);
  const symbols = new SymbolTable();
  const addedInterfaces = new Set<string>();
  const outputs: (Output | undefined)[] = [];
  const root = model.root().uuid;
  let exitStatus = 0;
  for (const { command, options, args } of chain) {
    try {
      outputs.push(command.run({ transaction, model, symbols, options, args, addedInterfaces }));
    } catch (error) {
      if (error instanceof NotYet) return undefined;
      if (!(error instanceof ExitStatus)) throw error;
      exitStatus = error.status;
      break;
    }
  }
  if (exitStatus === 0) symbols.check();
  return { transaction, outputs, addedInterfaces, root, exitStatus };
}

/** Sends the pass's changes. Resolves to undefined when the rows that it decided upon are no longer so. */
async function commit(
  pass: Pass,
  replica: OvsdbReplica,
  options: VsctlOptions,
  commentText: string,
): Promise<Committed | undefined> {
  const changes = pass.exitStatus === 0 ? pass.transaction.operations() : [];
  if (changes.length === 0 || options.dryRun) return { nextCfg: undefined, uuids: new Map() };
  const operations = [...changes, commentOperation(commentText)];
  if (options.wait) operations.push(...incrementNextCfg(pass.root, changes));
  try {
    const results = await replica.transact(operations);
    return { nextCfg: nextCfg(results.at(-1)), uuids: insertedUuids(operations, results) };
  } catch (error) {
    if (error instanceof ConnectionLost) throw new UserError(`${options.db}: database connection failed (End of file)`);
    if (!(error instanceof OvsdbError)) throw error;
    if (error.code === 'timed out') return undefined;
    const text = `transaction error: ${canonicalText(error.toJson())}`;
    idlLog.warn(text);
    throw new UserError(text);
  }
}

function incrementNextCfg(root: string, changes: readonly JsonObject[]): JsonObject[] {
  const name = `row${root.replaceAll('-', '_')}`;
  const where: Json = changes.some((change) => change['uuid-name'] === name)
    ? [['_uuid', '==', ['named-uuid', name]]]
    : byUuid(root);
  return [
    { op: 'mutate', table: 'Open_vSwitch', where, mutations: [['next_cfg', '+=', 1]] },
    { op: 'select', table: 'Open_vSwitch', where, columns: ['next_cfg'] },
  ];
}

function nextCfg(result: Json | undefined): number | undefined {
  const rows = isObject(result) ? result['rows'] : undefined;
  const row = isArray(rows) ? rows[0] : undefined;
  const value = isObject(row) ? row['next_cfg'] : undefined;
  return typeof value === 'number' ? value : undefined;
}

function insertedUuids(operations: readonly JsonObject[], results: readonly Json[]): Map<string, string> {
  const uuids = new Map<string, string>();
  operations.forEach(({ 'uuid-name': name }, i) => {
    const result = results[i];
    const uuid = isObject(result) ? result['uuid'] : undefined;
    if (typeof name === 'string' && isArray(uuid)) {
      uuids.set(name.slice('row'.length).replaceAll('_', '-'), String(uuid[1]));
    }
  });
  return uuids;
}

function outputText({ outputs }: Pass, { uuids }: Committed, { style, oneline }: VsctlOptions): string {
  const tables = new TableFormatter(style);
  return outputs
    .map((output) => {
      if (output?.kind === 'table') return tables.format(output.table);
      const text = output?.kind === 'inserted' ? `${uuids.get(output.uuid) ?? output.uuid}\n` : (output?.text ?? '');
      return oneline ? onOneLine(text) : text;
    })
    .join('');
}

/** --oneline: line feeds and backslashes inside are escaped. */
function onOneLine(text: string): string {
  return `${text.replace(/\n$/, '').replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}

/** Resolves when the daemon has applied the configuration with this number. */
function applied(replica: OvsdbReplica, nextCfg: number): Promise<void> {
  return replica.until(() => (replica.only('Open_vSwitch')?.number('cur_cfg') ?? 0) >= nextCfg);
}

/** Says which of the interfaces that this run added did not come up. */
function reportInterfaces(pass: Pass, replica: OvsdbReplica, logdir: string, complain: (text: string) => void): void {
  let wasWrong = false;
  for (const row of replica.table('Interface').values()) {
    if (!pass.addedInterfaces.has(row.string('name'))) continue;
    if ((row.optNumber('ofport') ?? -1) >= 0) continue;
    const error = row.optString('error');
    const why = error === undefined ? '' : `: ${error}`;
    complain(`Error detected while setting up '${row.string('name')}'${why}.  See ovs-vswitchd log for details.`);
    wasWrong = true;
  }
  if (wasWrong) complain(`The default log directory is "${logdir}".`);
}
