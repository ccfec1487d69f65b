// Commands of weft-vsctl about the switch as a whole: init, show, emer-reset.

import { type Datum, datumText, defaultDatum, isDefaultDatum } from '../../ovsdb/datum.ts';
import { text } from './bridge-commands.ts';
import type { CommandSpec, Context, Output } from './command.ts';
import type { Row, Transaction } from './transaction.ts';

interface ShownTable {
  /** The column that names the row; undefined: its uuid. */
  readonly name?: string;
  /** What `show` prints of a row below its name: references as rows of their own, others when they are set. */
  readonly columns: readonly string[];
}

const SHOWN: Readonly<Record<string, ShownTable>> = {
  Open_vSwitch: { columns: ['manager_options', 'bridges', 'ovs_version'] },
  Bridge: { name: 'name', columns: ['controller', 'fail_mode', 'datapath_type', 'ports'] },
  Port: { name: 'name', columns: ['tag', 'trunks', 'interfaces'] },
  Interface: { name: 'name', columns: ['type', 'options', 'error'] },
  Controller: { name: 'target', columns: ['is_connected'] },
  Manager: { name: 'target', columns: ['is_connected'] },
};

function showRow(transaction: Transaction, row: Row, depth: number): string[] {
  const shown = SHOWN[row.table.name]!;
  const indent = '    '.repeat(depth);
  const value = (name: string) => datumText(row.get(name), row.column(name).type);
  const title = shown.name === undefined ? row.uuid : `${row.table.name} ${value(shown.name)}`;
  const lines = [indent + title];
  for (const name of shown.columns) {
    const { type } = row.column(name);
    if (type.key.refTable !== undefined && SHOWN[type.key.refTable]) {
      for (const each of byName(transaction.referenced(row, name)))
        lines.push(...showRow(transaction, each, depth + 1));
    } else if (!isDefaultDatum(row.get(name), type)) {
      lines.push(`${indent}    ${name}: ${value(name)}`);
    }
  }
  return lines;
}

function byName(rows: readonly Row[]): Row[] {
  const name = (row: Row) => String(row.get(SHOWN[row.table.name]?.name ?? 'name').keys[0]);
  return [...rows].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

function show({ model, transaction }: Context): Output {
  return text(showRow(transaction, model.root(), 0));
}

/** What emer-reset clears: everything that makes a switch do more than forward between its ports. */
const RESET_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  Bridge: ['controller', 'fail_mode', 'mirrors', 'netflow', 'sflow', 'ipfix', 'flood_vlans', 'other_config'],
  Port: ['other_config'],
  Interface: ['ingress_policing_rate', 'ingress_policing_burst'],
};
/** The other_config of a bridge that stays: it says who the bridge is. */
const KEPT_CONFIG = 'hwaddr';

function emergencyReset({ model, transaction }: Context): undefined {
  model.replaceAll(model.root(), 'manager_options', 'Manager', []);
  model.replaceAll(model.root(), 'ssl', 'SSL', []);
  for (const [table, columns] of Object.entries(RESET_COLUMNS)) {
    for (const row of transaction.rows(table)) {
      for (const name of columns) {
        const kept = table === 'Bridge' && name === 'other_config' ? keptConfig(row.get(name)) : undefined;
        row.set(name, kept ?? defaultDatum(row.column(name).type));
      }
    }
  }
  for (const table of ['Mirror', 'NetFlow', 'sFlow', 'IPFIX', 'Controller']) {
    for (const row of transaction.rows(table)) transaction.delete(row);
  }
  return undefined;
}

function keptConfig(config: Datum): Datum | undefined {
  const at = config.keys.indexOf(KEPT_CONFIG);
  return at < 0 ? undefined : { keys: [KEPT_CONFIG], values: [config.values![at]!] };
}

const none = { usage: '', minArgs: 0, maxArgs: 0 } as const;

export const SWITCH_COMMANDS: readonly CommandSpec[] = [
  // Every command makes the Open_vSwitch row when it is missing.
  { name: 'init', ...none, changes: true, run: () => undefined },
  { name: 'show', ...none, changes: false, run: show },
  { name: 'emer-reset', ...none, changes: true, run: emergencyReset },
];
