// Port, bond and interface commands of weft-vsctl (ovs-vsctl(8), "Port Commands", "Interface Commands").

import { UserError } from '../../../lib/errors.ts';
import { type Datum, scalar } from '../../ovsdb/datum.ts';
import { text } from './bridge-commands.ts';
import type { CommandSpec, Context, Output } from './command.ts';
import { setColumn } from './database-commands.ts';
import type { Port } from './switch-model.ts';

interface NewPort {
  readonly bridgeName: string;
  readonly name: string;
  readonly interfaces: readonly string[];
  /** COLUMN[:KEY]=VALUE for the new Port row. */
  readonly settings: readonly string[];
  readonly isBond: boolean;
}

function addPort(context: Context, wanted: NewPort): undefined {
  const { model, options, addedInterfaces } = context;
  const { bridgeName, name, interfaces, isBond } = wanted;
  if (options.has('--may-exist') && isThere(context, wanted)) return undefined;
  const bridge = model.bridge(bridgeName);
  model.refuseTaken(name, `cannot create a port named ${name}`);
  if (isBond) for (const each of interfaces) model.refuseTaken(each, `cannot create an interface named ${each}`);
  const columns: Record<string, Datum> = {};
  if (options.has('--fake-iface')) columns['bond_fake_iface'] = scalar(true);
  if (bridge.parent) columns['tag'] = scalar(bridge.vlan);
  const row = model.addPort(bridge.row, name, interfaces, columns);
  for (const each of interfaces) addedInterfaces.add(each);
  for (const setting of wanted.settings) setColumn(context, row, setting);
  model.invalidate();
  return undefined;
}

/** Whether --may-exist finds what it would have made. Throws UserError when something else has the name. */
function isThere({ model, args }: Context, wanted: NewPort): boolean {
  const port = model.findPort(wanted.name);
  if (!port) return false;
  const call = `"--may-exist ${wanted.isBond ? 'add-bond' : 'add-port'} ${args.join(' ')}" but`;
  if (port.bridge !== model.bridge(wanted.bridgeName)) {
    throw new UserError(`${call} ${wanted.name} is actually attached to bridge ${port.bridge.name}`);
  }
  const has = model.interfacesOf(port).map((each) => each.name);
  if (has.join('\n') !== [...wanted.interfaces].sort().join('\n')) {
    throw new UserError(`${call} ${wanted.name} actually has interface(s) ${has.join(', ')}`);
  }
  return true;
}

function addPortCommand(context: Context): undefined {
  const [bridgeName = '', name = '', ...settings] = context.args;
  return addPort(context, { bridgeName, name, interfaces: [name], settings, isBond: false });
}

function addBondCommand(context: Context): undefined {
  const [bridgeName = '', name = '', ...rest] = context.args;
  const firstSetting = rest.findIndex((word) => word.includes('='));
  const split = firstSetting < 0 ? rest.length : firstSetting;
  const [interfaces, settings] = [rest.slice(0, split), rest.slice(split)];
  return addPort(context, { bridgeName, name, interfaces, settings, isBond: true });
}

function addBondInterface({ model, options, args: [bond = '', name = ''], addedInterfaces }: Context): undefined {
  const port = model.port(bond);
  const found = model.findInterface(name);
  if (options.has('--may-exist') && found) {
    if (found.port === port) return undefined;
    throw new UserError(
      `"--may-exist add-bond-iface ${bond} ${name}" but ${name} is actually attached to port ${found.port.name}`,
    );
  }
  model.refuseTaken(name, `cannot create an interface named ${name}`);
  model.insertInto(port.row, 'interfaces', 'Interface', { name: scalar(name) });
  addedInterfaces.add(name);
  return undefined;
}

function deleteBondInterface({ model, options, args }: Context): undefined {
  const name = args.at(-1)!;
  const found = model.findInterface(name);
  if (!found) {
    if (options.has('--if-exists')) return undefined;
    throw new UserError(`no interface named ${name}`);
  }
  const [bond] = args;
  if (args.length === 2 && found.port.name !== bond) {
    if (options.has('--if-exists')) return undefined;
    throw new UserError(`port ${bond} does not have an interface ${name}`);
  }
  if (model.interfacesOf(found.port).length < 2) {
    throw new UserError(
      `cannot delete interface ${name} because it is the only interface attached to port ${found.port.name}`,
    );
  }
  model.deleteInterface(found);
  return undefined;
}

function deletePort({ model, options, args }: Context): undefined {
  const mustExist = !options.has('--if-exists');
  const target = args.at(-1)!;
  const port = findPort(model, target, options.has('--with-iface'));
  if (!port) {
    if (mustExist) refuseMissing(model, target, options.has('--with-iface'));
    return undefined;
  }
  if (args.length === 2) {
    const bridge = model.bridge(args[0]!);
    if (port.bridge !== bridge) refuseOtherBridge(port, bridge.name, target);
  }
  model.deletePort(port.bridge.row, port.row);
  return undefined;
}

function findPort(model: Context['model'], target: string, withInterface: boolean): Port | undefined {
  return model.findPort(target) ?? (withInterface ? model.findInterface(target)?.port : undefined);
}

function refuseMissing(model: Context['model'], target: string, withInterface: boolean): never {
  if (model.findBridge(target)) {
    throw new UserError(
      `cannot delete port ${target} because it is the local port for bridge ${target} ` +
        '(deleting this port requires deleting the entire bridge)',
    );
  }
  throw new UserError(`no port${withInterface ? ' or interface' : ''} named ${target}`);
}

function refuseOtherBridge({ bridge }: Port, wanted: string, target: string): never {
  if (bridge.parent?.name === wanted) {
    throw new UserError(
      `bridge ${wanted} does not have a port ${target} (although its child bridge ${bridge.name} does)`,
    );
  }
  throw new UserError(`bridge ${wanted} does not have a port ${target} (although bridge ${bridge.name} does)`);
}

function listInterfaces({ model, args: [name = ''] }: Context): Output {
  const names = model.portsOf(model.bridge(name)).flatMap((port) => model.interfacesOf(port).map((each) => each.name));
  return text(names.sort());
}

const oneArg = { minArgs: 1, maxArgs: 1, changes: false } as const;
const many = Number.POSITIVE_INFINITY;

export const PORT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'list-ports',
    usage: '!BRIDGE',
    ...oneArg,
    run: ({ model, args: [name = ''] }) => text(model.portsOf(model.bridge(name)).map((port) => port.name)),
  },
  {
    name: 'add-port',
    usage: '!BRIDGE !NEW-PORT *COLUMN?:KEY=VALUE',
    minArgs: 2,
    maxArgs: many,
    options: ['--may-exist'],
    changes: true,
    run: addPortCommand,
  },
  {
    name: 'add-bond',
    usage: '!BRIDGE !BOND +IFACE *COLUMN?:KEY=VALUE',
    minArgs: 4,
    maxArgs: many,
    options: ['--may-exist', '--fake-iface'],
    changes: true,
    run: addBondCommand,
  },
  {
    name: 'add-bond-iface',
    usage: '!BOND !IFACE',
    minArgs: 2,
    maxArgs: 2,
    options: ['--may-exist'],
    changes: true,
    run: addBondInterface,
  },
  {
    name: 'del-bond-iface',
    usage: '?BOND !IFACE',
    minArgs: 1,
    maxArgs: 2,
    options: ['--if-exists'],
    changes: true,
    run: deleteBondInterface,
  },
  {
    name: 'del-port',
    usage: '?BRIDGE !PORT|IFACE',
    minArgs: 1,
    maxArgs: 2,
    options: ['--if-exists', '--with-iface'],
    changes: true,
    run: deletePort,
  },
  {
    name: 'port-to-br',
    usage: '!PORT',
    ...oneArg,
    run: ({ model, args: [name = ''] }) => text([model.port(name).bridge.name]),
  },
  { name: 'list-ifaces', usage: '!BRIDGE', ...oneArg, run: listInterfaces },
  {
    name: 'iface-to-br',
    usage: '!IFACE',
    ...oneArg,
    run: ({ model, args: [name = ''] }) => text([model.interface(name).port.bridge.name]),
  },
];
