// Bridge commands of weft-vsctl (ovs-vsctl(8), "Bridge Commands").

import { UserError } from '../../../lib/errors.ts';
import { mapOf, scalar } from '../../ovsdb/datum.ts';
import { type CommandSpec, type Context, ExitStatus, type Output } from './command.ts';
import type { Bridge } from './switch-model.ts';
import { subtract, union } from './transaction.ts';

export function text(lines: readonly string[]): Output {
  return { kind: 'text', text: lines.map((line) => `${line}\n`).join('') };
}

function addBridge({ model, options, args, addedInterfaces }: Context): undefined {
  const [name = '', parentName, vlanText] = args;
  if (args.length === 2) throw new UserError("'add-br' command takes exactly 1 or 3 arguments");
  if (name === '') throw new UserError('bridge name must not be empty string');
  const vlan = vlanText === undefined ? 0 : parseVlan(vlanText);
  if (options.has('--may-exist') && isThere(model.findBridge(name), name, parentName, vlan)) return undefined;
  model.refuseTaken(name, `cannot create a bridge named ${name}`);
  addedInterfaces.add(name);
  if (parentName === undefined) {
    const bridge = model.insertInto(model.root(), 'bridges', 'Bridge', { name: scalar(name) });
    addLocal(model, bridge, name, {});
    return undefined;
  }
  const parent = model.findBridge(parentName);
  if (!parent || parent.parent) throw new UserError(`parent bridge ${parentName} does not exist`);
  const taken = model.childOn(parent, vlan);
  if (taken) {
    throw new UserError(`bridge ${parentName} already has a child VLAN bridge ${taken.name} on VLAN ${vlan}`);
  }
  addLocal(model, parent.row, name, { fake_bridge: scalar(true), tag: scalar(vlan) });
  return undefined;
}

/** The port of the bridge's own name, with an interface that the host sees. */
function addLocal(
  model: Context['model'],
  bridge: Bridge['row'],
  name: string,
  columns: Parameters<Context['model']['addPort']>[3],
): void {
  const port = model.addPort(bridge, name, [], columns);
  model.insertInto(port, 'interfaces', 'Interface', { name: scalar(name), type: scalar('internal') });
}

function parseVlan(typed: string): number {
  // As the C library's atoi() reads it: what is no number is 0.
  const vlan = Number.parseInt(typed, 10) || 0;
  if (vlan < 0 || vlan > 4095) throw new UserError('add-br: vlan must be between 0 and 4095');
  return vlan;
}

function isThere(bridge: Bridge | undefined, name: string, parent: string | undefined, vlan: number): boolean {
  if (!bridge) return false;
  if (parent === undefined) {
    if (!bridge.parent) return true;
    throw new UserError(`"--may-exist add-br ${name}" but ${name} is a VLAN bridge for VLAN ${bridge.vlan}`);
  }
  const call = `"--may-exist add-br ${name} ${parent} ${vlan}" but ${name}`;
  if (!bridge.parent) throw new UserError(`${call} is not a VLAN bridge`);
  if (bridge.parent.name !== parent) throw new UserError(`${call} has the wrong parent ${bridge.parent.name}`);
  if (bridge.vlan !== vlan) throw new UserError(`${call} is a VLAN bridge for the wrong VLAN ${bridge.vlan}`);
  return true;
}

function deleteBridge({ model, options, args }: Context): undefined {
  const [name = ''] = args;
  const bridge = options.has('--if-exists') ? model.findBridge(name) : model.bridge(name);
  if (bridge) model.deleteBridge(bridge);
  return undefined;
}

function listBridges({ model, options }: Context): Output {
  const wantReal = options.has('--real');
  const wantFake = options.has('--fake');
  const shown = model.bridges().filter(({ parent }) => wantReal === wantFake || wantFake === (parent !== undefined));
  return text(shown.map((bridge) => bridge.name));
}

function bridgeExists({ model, args: [name = ''] }: Context): undefined {
  if (!model.findBridge(name)) throw new ExitStatus(2);
  return undefined;
}

const FAKE_PREFIX = 'fake-bridge-';

/** Where a bridge keeps its external ids: a fake one's are among its port's, under a prefix. */
function externalIds(bridge: Bridge) {
  return bridge.fakePort ? { row: bridge.fakePort, prefix: FAKE_PREFIX } : { row: bridge.row, prefix: '' };
}

function setExternalId({ model, args: [name = '', key = '', value] }: Context): undefined {
  const { row, prefix } = externalIds(model.bridge(name));
  const old = row.verify('external_ids');
  const fullKey = prefix + key;
  const without = subtract(old, { keys: [fullKey] });
  row.set('external_ids', value === undefined ? without : union(without, mapOf([[fullKey, value]])));
  return undefined;
}

function getExternalId({ model, args: [name = '', key] }: Context): Output {
  const { row, prefix } = externalIds(model.bridge(name));
  const { keys, values } = row.get('external_ids');
  const pairs = keys
    .map((each, i) => [String(each), String(values?.[i])] as const)
    .filter(([each]) => each.startsWith(prefix))
    .map(([each, value]) => [each.slice(prefix.length), value] as const);
  if (key === undefined) return text(pairs.map(([each, value]) => `${each}=${value}`));
  return text(pairs.filter(([each]) => each === key).map(([, value]) => value));
}

const bridgeArg = { minArgs: 1, maxArgs: 1, changes: false } as const;

export const BRIDGE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'add-br',
    usage: '!NEW-BRIDGE ?PARENT ?NEW-VLAN',
    minArgs: 1,
    maxArgs: 3,
    options: ['--may-exist'],
    changes: true,
    run: addBridge,
  },
  {
    name: 'del-br',
    usage: '!BRIDGE',
    minArgs: 1,
    maxArgs: 1,
    options: ['--if-exists'],
    changes: true,
    run: deleteBridge,
  },
  {
    name: 'list-br',
    usage: '',
    minArgs: 0,
    maxArgs: 0,
    options: ['--real', '--fake'],
    changes: false,
    run: listBridges,
  },
  { name: 'br-exists', usage: '!BRIDGE', ...bridgeArg, run: bridgeExists },
  {
    name: 'br-to-vlan',
    usage: '!BRIDGE',
    ...bridgeArg,
    run: ({ model, args: [name = ''] }) => text([String(model.bridge(name).vlan)]),
  },
  {
    name: 'br-to-parent',
    usage: '!BRIDGE',
    ...bridgeArg,
    run: ({ model, args: [name = ''] }) => {
      const bridge = model.bridge(name);
      return text([(bridge.parent ?? bridge).name]);
    },
  },
  {
    name: 'br-set-external-id',
    usage: '!BRIDGE !KEY ?VALUE',
    minArgs: 2,
    maxArgs: 3,
    changes: true,
    run: setExternalId,
  },
  {
    name: 'br-get-external-id',
    usage: '!BRIDGE ?KEY',
    minArgs: 1,
    maxArgs: 2,
    changes: false,
    run: getExternalId,
  },
];
