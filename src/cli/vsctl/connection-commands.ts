// Commands of weft-vsctl about what the switch talks to: controllers, fail mode, managers, TLS files, Auto Attach.

import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { type Datum, EMPTY_SET, mapOf, scalar } from '../../ovsdb/datum.ts';
import { text } from './bridge-commands.ts';
import type { CommandSpec, Context, Output } from './command.ts';
import { subtract, union } from './transaction.ts';

const log = logger('vsctl');

const TARGET = /^(?:p?(?:tcp|ssl|unix)):/;

/** The rows of a set-controller or set-manager. */
function targetRows(targets: readonly string[], probe: string | undefined): Record<string, Datum>[] {
  for (const target of targets) if (!TARGET.test(target)) log.warn(`target type "${target}" is possibly erroneous`);
  const inactivity = probe === undefined ? {} : { inactivity_probe: scalar(Number.parseInt(probe, 10) || 0) };
  return [...new Set(targets)].map((target) => ({ target: scalar(target), ...inactivity }));
}

function targetsOf(
  { transaction }: Context,
  owner: Parameters<Context['transaction']['referenced']>[0],
  column: string,
) {
  return text(
    transaction
      .referenced(owner, column)
      .map((row) => String(row.get('target').keys[0]))
      .sort(),
  );
}

function setController({ model, options, args: [name = '', ...targets] }: Context): undefined {
  const bridge = model.realBridge(name);
  model.replaceAll(bridge.row, 'controller', 'Controller', targetRows(targets, options.get('--inactivity-probe')));
  return undefined;
}

function setManager({ model, options, args }: Context): undefined {
  model.replaceAll(model.root(), 'manager_options', 'Manager', targetRows(args, options.get('--inactivity-probe')));
  return undefined;
}

function setFailMode({ model, args: [name = '', mode = ''] }: Context): undefined {
  const bridge = model.realBridge(name);
  if (mode !== 'standalone' && mode !== 'secure') {
    throw new UserError('fail-mode must be "standalone" or "secure"');
  }
  bridge.row.set('fail_mode', scalar(mode));
  return undefined;
}

function getFailMode({ model, args: [name = ''] }: Context): Output {
  return text(model.bridge(name).row.get('fail_mode').keys.map(String));
}

function getSsl({ model, transaction }: Context): Output {
  return text(
    transaction
      .referenced(model.root(), 'ssl')
      .flatMap((row) => [
        `Private key: ${row.get('private_key').keys[0]}`,
        `Certificate: ${row.get('certificate').keys[0]}`,
        `CA Certificate: ${row.get('ca_cert').keys[0]}`,
        `Bootstrap: ${row.get('bootstrap_ca_cert').keys[0]}`,
      ]),
  );
}

function setSsl({ model, options, args: [key = '', certificate = '', ca = ''] }: Context): undefined {
  const columns = {
    private_key: scalar(key),
    certificate: scalar(certificate),
    ca_cert: scalar(ca),
    bootstrap_ca_cert: scalar(options.has('--bootstrap')),
  };
  model.replaceAll(model.root(), 'ssl', 'SSL', [columns]);
  return undefined;
}

function parseMapping(args: readonly string[]): [number, number] {
  const [isid = '', vlan = ''] = args;
  for (const word of [isid, vlan]) if (!/^\d+$/.test(word)) throw new UserError(`Invalid argument ${word}`);
  return [Number(isid), Number(vlan)];
}

function addMapping(context: Context): undefined {
  const { model, transaction, args } = context;
  const bridge = model.realBridge(args[0]!).row;
  const mapping = mapOf([parseMapping(args.slice(1))]);
  const [row] = transaction.referenced(bridge, 'auto_attach');
  if (row) row.set('mappings', union(row.verify('mappings'), mapping));
  else model.replaceAll(bridge, 'auto_attach', 'AutoAttach', [{ mappings: mapping }]);
  return undefined;
}

function deleteMapping({ model, transaction, args }: Context): undefined {
  const bridge = model.realBridge(args[0]!).row;
  const mapping = mapOf([parseMapping(args.slice(1))]);
  for (const row of transaction.referenced(bridge, 'auto_attach')) {
    row.set('mappings', subtract(row.verify('mappings'), mapping));
  }
  return undefined;
}

function getMappings({ model, transaction, args: [name = ''] }: Context): Output {
  const rows = transaction.referenced(model.realBridge(name).row, 'auto_attach');
  return text(
    rows.flatMap((row) => {
      const { keys, values } = row.get('mappings');
      return keys.map((isid, i) => `${isid} ${values?.[i]}`);
    }),
  );
}

const read = { changes: false } as const;
const write = { changes: true } as const;
const none = { minArgs: 0, maxArgs: 0 } as const;
const one = { minArgs: 1, maxArgs: 1 } as const;
const three = { minArgs: 3, maxArgs: 3 } as const;
const some = { minArgs: 1, maxArgs: Number.POSITIVE_INFINITY } as const;
const probe = { options: ['--inactivity-probe='] } as const;

export const CONNECTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'get-controller',
    usage: '!BRIDGE',
    ...one,
    ...read,
    run: (context) => targetsOf(context, context.model.bridge(context.args[0]!).row, 'controller'),
  },
  {
    name: 'del-controller',
    usage: '!BRIDGE',
    ...one,
    ...write,
    run: ({ model, args: [name = ''] }) => {
      model.replaceAll(model.realBridge(name).row, 'controller', 'Controller', []);
      return undefined;
    },
  },
  { name: 'set-controller', usage: '!BRIDGE +TARGET', ...some, ...probe, ...write, run: setController },
  { name: 'get-fail-mode', usage: '!BRIDGE', ...one, ...read, run: getFailMode },
  {
    name: 'del-fail-mode',
    usage: '!BRIDGE',
    ...one,
    ...write,
    run: ({ model, args: [name = ''] }) => {
      model.realBridge(name).row.set('fail_mode', EMPTY_SET);
      return undefined;
    },
  },
  { name: 'set-fail-mode', usage: '!BRIDGE !MODE', minArgs: 2, maxArgs: 2, ...write, run: setFailMode },
  {
    name: 'get-manager',
    usage: '',
    ...none,
    ...read,
    run: (context) => targetsOf(context, context.model.root(), 'manager_options'),
  },
  {
    name: 'del-manager',
    usage: '',
    ...none,
    ...write,
    run: ({ model }) => {
      model.replaceAll(model.root(), 'manager_options', 'Manager', []);
      return undefined;
    },
  },
  { name: 'set-manager', usage: '+TARGET', ...some, ...probe, ...write, run: setManager },
  { name: 'get-ssl', usage: '', ...none, ...read, run: getSsl },
  {
    name: 'del-ssl',
    usage: '',
    ...none,
    ...write,
    run: ({ model }) => {
      model.replaceAll(model.root(), 'ssl', 'SSL', []);
      return undefined;
    },
  },
  {
    name: 'set-ssl',
    usage: '!PRIVATE-KEY !CERTIFICATE !CA-CERT',
    ...three,
    options: ['--bootstrap'],
    ...write,
    run: setSsl,
  },
  { name: 'add-aa-mapping', usage: '!BRIDGE !ARG !ARG', ...three, ...write, run: addMapping },
  { name: 'del-aa-mapping', usage: '!BRIDGE !ARG !ARG', ...three, ...write, run: deleteMapping },
  { name: 'get-aa-mapping', usage: '!BRIDGE', ...one, ...read, run: getMappings },
];
