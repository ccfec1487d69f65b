// The switch as ovs-vsctl's bridge and port commands see it: bridges, "fake" bridges that are a VLAN of another
// bridge, their ports (a bond is one port), and the ports' interfaces.
//
// A fake bridge is a port of its parent that has `fake_bridge` set; the parent's ports with its tag belong to it. The
// port that has its bridge's own name is the bridge's local port and never listed.

import { UserError } from '../../../lib/errors.ts';
import { type Datum, EMPTY_SET, scalar, setOf } from '../../ovsdb/datum.ts';
import { type Row, subtract, type Transaction, union } from './transaction.ts';

export interface Bridge {
  readonly name: string;
  /** The Bridge row, also for a fake bridge: its parent's. */
  readonly row: Row;
  readonly parent?: Bridge;
  /** The fake bridge's own Port row. */
  readonly fakePort?: Row;
  /** 0 for a real bridge. */
  readonly vlan: number;
}

export interface Port {
  readonly name: string;
  readonly row: Row;
  readonly bridge: Bridge;
}

export interface Interface {
  readonly name: string;
  readonly row: Row;
  readonly port: Port;
}

function nameOf(row: Row): string {
  return String(row.get('name').keys[0] ?? '');
}

/** The VLAN of a Port row that is a fake bridge. */
function fakeVlan(row: Row): number | undefined {
  const tag = row.get('tag').keys[0];
  return row.get('fake_bridge').keys[0] === true && typeof tag === 'number' ? tag : undefined;
}

export class SwitchModel {
  readonly #transaction: Transaction;
  #bridges = new Map<string, Bridge>();
  #ports = new Map<string, Port>();
  #interfaces = new Map<string, Interface>();
  #isCurrent = false;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** Reads everything again before the next question: some command changed rows. */
  invalidate(): void {
    this.#isCurrent = false;
  }

  #refresh(): void {
    if (this.#isCurrent) return;
    this.#isCurrent = true;
    this.#bridges = new Map();
    this.#ports = new Map();
    this.#interfaces = new Map();
    const root = this.root();
    for (const row of this.#transaction.referenced(root, 'bridges')) this.#addBridge(row);
  }

  #addBridge(row: Row): void {
    const bridge: Bridge = { name: nameOf(row), row, vlan: 0 };
    this.#bridges.set(bridge.name, bridge);
    const ports = this.#transaction.referenced(row, 'ports');
    const children = new Map<number, Bridge>();
    for (const port of ports) {
      const vlan = fakeVlan(port);
      if (vlan === undefined || children.has(vlan)) continue;
      const child: Bridge = { name: nameOf(port), row, parent: bridge, fakePort: port, vlan };
      children.set(vlan, child);
      this.#bridges.set(child.name, child);
    }
    for (const port of ports) {
      const name = nameOf(port);
      if (name === bridge.name || fakeVlan(port) !== undefined) continue;
      const tag = port.get('tag').keys[0];
      this.#addPort({ name, row: port, bridge: children.get(Number(tag ?? -1)) ?? bridge });
    }
  }

  #addPort(port: Port): void {
    this.#ports.set(port.name, port);
    for (const row of this.#transaction.referenced(port.row, 'interfaces')) {
      this.#interfaces.set(nameOf(row), { name: nameOf(row), row, port });
    }
  }

  /** The Open_vSwitch row, made when the database is empty. */
  root(): Row {
    return this.#transaction.rows('Open_vSwitch')[0] ?? this.#transaction.insert('Open_vSwitch');
  }

  /** Every bridge, sorted by name. */
  bridges(): Bridge[] {
    this.#refresh();
    return sorted(this.#bridges.values());
  }

  findBridge(name: string): Bridge | undefined {
    this.#refresh();
    return this.#bridges.get(name);
  }

  bridge(name: string): Bridge {
    const bridge = this.findBridge(name);
    if (!bridge) throw new UserError(`no bridge named ${name}`);
    return bridge;
  }

  realBridge(name: string): Bridge {
    const bridge = this.bridge(name);
    if (bridge.parent) throw new UserError(`${name} is a fake bridge`);
    return bridge;
  }

  findPort(name: string): Port | undefined {
    this.#refresh();
    return this.#ports.get(name);
  }

  port(name: string): Port {
    const port = this.findPort(name);
    if (!port) throw new UserError(`no port named ${name}`);
    return port;
  }

  findInterface(name: string): Interface | undefined {
    this.#refresh();
    return this.#interfaces.get(name);
  }

  interface(name: string): Interface {
    const found = this.findInterface(name);
    if (!found) throw new UserError(`no interface named ${name}`);
    return found;
  }

  portsOf(bridge: Bridge): Port[] {
    this.#refresh();
    return sorted([...this.#ports.values()].filter((port) => port.bridge === bridge));
  }

  interfacesOf(port: Port): Interface[] {
    this.#refresh();
    return sorted([...this.#interfaces.values()].filter((each) => each.port === port));
  }

  childOn(bridge: Bridge, vlan: number): Bridge | undefined {
    return this.bridges().find((each) => each.parent === bridge && each.vlan === vlan);
  }

  /** Throws UserError, beginning with `what`, when a bridge, port or interface of that name exists. */
  refuseTaken(name: string, what: string): void {
    if (this.findBridge(name)) throw new UserError(`${what} because a bridge named ${name} already exists`);
    const port = this.findPort(name);
    if (port) {
      throw new UserError(`${what} because a port named ${name} already exists on bridge ${port.bridge.name}`);
    }
    const found = this.findInterface(name);
    if (found) {
      throw new UserError(
        `${what} because an interface named ${name} already exists on bridge ${found.port.bridge.name}`,
      );
    }
  }

  /** Makes a row of `table` with `columns`, and adds it to the rows that `owner` refers to. */
  insertInto(owner: Row, column: string, table: string, columns: Readonly<Record<string, Datum>>): Row {
    const row = this.#transaction.insert(table);
    for (const [name, value] of Object.entries(columns)) row.set(name, value);
    // A new row's column that must not be empty reads as the zero uuid, which is no reference.
    const isFresh = !owner.base && !owner.values.has(column);
    owner.set(column, isFresh ? scalar(row.uuid) : union(owner.verify(column), scalar(row.uuid)));
    this.invalidate();
    return row;
  }

  /** Adds a port with its interfaces. */
  addPort(bridge: Row, name: string, interfaces: readonly string[], columns: Readonly<Record<string, Datum>>): Row {
    const port = this.insertInto(bridge, 'ports', 'Port', { ...columns, name: scalar(name) });
    for (const each of interfaces) this.insertInto(port, 'interfaces', 'Interface', { name: scalar(each) });
    return port;
  }

  deletePort(bridge: Row, port: Row): void {
    for (const row of this.#transaction.referenced(port, 'interfaces')) this.#transaction.delete(row);
    this.#transaction.delete(port);
    bridge.set('ports', subtract(bridge.verify('ports'), scalar(port.uuid)));
    this.invalidate();
  }

  deleteBridge(bridge: Bridge): void {
    if (bridge.fakePort) {
      for (const port of this.portsOf(bridge)) this.deletePort(bridge.row, port.row);
      this.deletePort(bridge.row, bridge.fakePort);
      return;
    }
    for (const port of this.#transaction.referenced(bridge.row, 'ports')) this.deletePort(bridge.row, port);
    this.#transaction.delete(bridge.row);
    const root = this.root();
    root.set('bridges', subtract(root.verify('bridges'), scalar(bridge.row.uuid)));
    this.invalidate();
  }

  deleteInterface(found: Interface): void {
    const { row } = found.port;
    this.#transaction.delete(found.row);
    row.set('interfaces', subtract(row.verify('interfaces'), scalar(found.row.uuid)));
    this.invalidate();
  }

  /** Replaces the rows that `owner` refers to by new ones, one for each of `values`. */
  replaceAll(owner: Row, column: string, table: string, values: readonly Readonly<Record<string, Datum>>[]): void {
    for (const row of this.#transaction.referenced(owner, column)) this.#transaction.delete(row);
    owner.verify(column);
    owner.set(column, EMPTY_SET);
    const rows = values.map((columns) => {
      const row = this.#transaction.insert(table);
      for (const [name, value] of Object.entries(columns)) row.set(name, value);
      return row.uuid;
    });
    owner.set(column, setOf(rows));
    this.invalidate();
  }
}

function sorted<T extends { readonly name: string }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
}
