// How an operator writes a NIC model: one line in other_config:nic-NAME, and options of the interfaces on its functions.
//
//   nic-model0="vfs=8,mode=switchdev,table-size=65536,wire=tap:wire0,vf-spoofchk=true,vf3-end=dummy"
//   options:nic=model0 options:vf=3 options:vf-mac=02:00:00:00:00:03 options:vf-rate-mbps=1000
//
// `vf-` is for all functions of the line, `vfN-` for one, and an interface's `vf-` comes last.

import { createHash } from 'node:crypto';
import { UserError } from '../../../lib/errors.ts';
import type { PortType } from '../../dpif.ts';
import { FLOW_MAX } from '../../layout/memory-map.ts';
import {
  type CardSettings,
  type EndSettings,
  type EswitchMode,
  type FunctionSettings,
  type LinkState,
  VF_MAX,
} from './settings.ts';

type Options = Readonly<Record<string, string>>;

/** What an end is called here, to the port type that it is. */
const END_TYPES: Readonly<Record<string, PortType>> = {
  vhost: 'dpdkvhostuser',
  'vhost-client': 'dpdkvhostuserclient',
  dummy: 'dummy',
  tap: 'tap',
  system: 'system',
  none: 'device',
};
const WATCHDOG_S = 10;
const CARD_OPTIONS = [
  'vfs',
  'mode',
  'table-size',
  'outputs',
  'insert-latency-us',
  'insert-rate',
  'core',
  'watchdog-s',
  'wire',
];
const FUNCTION_OPTIONS = ['mac', 'vlan', 'trust', 'promisc', 'spoofchk', 'link', 'rate-mbps', 'end', 'path'];
const VLAN_MAX = 4094;
const RATE_MBPS_MAX = 400_000;
const DEFAULT_TABLE_SIZE = 65_536;
/** Room that the card's own flows take of the datapath's: one or two for each vport. */
const OWN_FLOWS = 1024;

/** Reads other_config:nic-NAME. Throws UserError. */
export function parseCard(name: string, text: string): CardSettings {
  if (!/^[\w.-]{1,32}$/.test(name)) throw new UserError(`nic-${name}: a name has letters, digits, '_', '.' and '-'`);
  const options = parseLine(name, text);
  const vfs = integer(options, 'vfs', 1, VF_MAX, 1);
  for (const key of Object.keys(options)) checkKey(name, key, vfs);
  const common = withPrefix(options, 'vf-');
  return {
    mode: choice<EswitchMode>(options, 'mode', ['switchdev', 'legacy']),
    vfs,
    tableSize: integer(options, 'table-size', 0, FLOW_MAX - OWN_FLOWS, DEFAULT_TABLE_SIZE),
    outputMax: integer(options, 'outputs', 1, 64, 16),
    insertLatencyUs: integer(options, 'insert-latency-us', 0, 10_000_000, 0),
    insertRate: integer(options, 'insert-rate', 0, 10_000_000, 0),
    watchdogS: integer(options, 'watchdog-s', 0, 3600, WATCHDOG_S),
    core: options['core'] === undefined ? undefined : integer(options, 'core', 0, 1023, 0),
    wire: parseEnd(options['wire'] ?? 'none', `${name}-wire`, `${name}/wire`, withPrefix(options, 'wire-')),
    functions: Array.from({ length: vfs }, (_, vf) =>
      functionSettings(name, vf, { ...common, ...withPrefix(options, `vf${vf}-`) }),
    ),
  };
}

/** The settings of a function whose interface has these options. Throws UserError. */
export function withInterfaceOptions(name: string, text: string, vf: number, options: Options): FunctionSettings {
  const line = parseLine(name, text);
  const own = withPrefix(options, 'vf-');
  for (const key of Object.keys(own)) checkFunctionKey(`vf-${key}`, key);
  return functionSettings(name, vf, { ...withPrefix(line, 'vf-'), ...withPrefix(line, `vf${vf}-`), ...own });
}

function functionSettings(name: string, vf: number, options: Options): FunctionSettings {
  const path: Record<string, string> = options['path'] === undefined ? {} : { 'vhost-server-path': options['path'] };
  const endOptions = { ...path, ...withPrefix(options, 'end-') };
  return {
    mac: parseMac(options['mac']) ?? defaultMac(name, vf),
    vlan: integer(options, 'vlan', 0, VLAN_MAX, 0),
    trust: flag(options, 'trust'),
    promisc: flag(options, 'promisc'),
    spoofchk: flag(options, 'spoofchk'),
    link: choice<LinkState>(options, 'link', ['auto', 'enable', 'disable']),
    rateMbps: integer(options, 'rate-mbps', 0, RATE_MBPS_MAX, 0),
    end: parseEnd(
      options['end'] ?? (options['path'] === undefined ? 'vhost' : 'vhost-client'),
      `${name}-vf${vf}`,
      `${name}/vf${vf}`,
      endOptions,
    ),
  };
}

/** `TYPE[:NAME]`. */
function parseEnd(text: string, fileName: string, dummyName: string, options: Options): EndSettings {
  const [word, ...rest] = text.split(':');
  const type = END_TYPES[word!];
  if (!type) throw new UserError(`"${word}": expected one of ${Object.keys(END_TYPES).join(', ')}`);
  const own = type === 'dummy' || type === 'device' ? dummyName : fileName;
  return { type, name: rest.length > 0 ? rest.join(':') : own, options };
}

function parseLine(name: string, text: string): Options {
  const options: Record<string, string> = {};
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at < 1) throw new UserError(`nic-${name}: "${part}" is not key=value`);
    options[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return options;
}

function checkKey(name: string, key: string, vfs: number): void {
  if (CARD_OPTIONS.includes(key) || key.startsWith('wire-')) return;
  const [, vf, own] = /^vf(\d*)-(.+)$/.exec(key) ?? [];
  if (own === undefined) throw new UserError(`nic-${name}: there is no option "${key}"`);
  if (vf !== '' && Number(vf) >= vfs) throw new UserError(`nic-${name}: "${key}": there are ${vfs} VFs, from 0 on`);
  checkFunctionKey(`nic-${name}: "${key}"`, own);
}

function checkFunctionKey(where: string, key: string): void {
  if (FUNCTION_OPTIONS.includes(key) || key.startsWith('end-')) return;
  throw new UserError(`${where}: a function has ${FUNCTION_OPTIONS.join(', ')} and end-...`);
}

function withPrefix(options: Options, prefix: string): Record<string, string> {
  const found = Object.entries(options).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), value]));
}

function integer(options: Options, key: string, least: number, most: number, standard: number): number {
  const text = options[key];
  if (text === undefined) return standard;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UserError(`${key}="${text}": expected a number from ${least} to ${most}`);
}

/** The first choice is the default. */
function choice<T extends string>(options: Options, key: string, choices: readonly T[]): T {
  const text = options[key] ?? choices[0]!;
  const chosen = choices.find((word) => word === text);
  if (chosen === undefined) throw new UserError(`${key}="${text}": expected ${choices.join(' or ')}`);
  return chosen;
}

function flag(options: Options, key: string): boolean {
  const text = options[key] ?? 'false';
  if (/^(true|on)$/.test(text)) return true;
  if (/^(false|off)$/.test(text)) return false;
  throw new UserError(`${key}="${text}": expected true or false`);
}

function parseMac(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const mac = text.toLowerCase();
  const isUnicast = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
  if (isUnicast && mac !== '00:00:00:00:00:00') return mac;
  throw new UserError(`mac="${text}": expected the Ethernet address of a function`);
}

/** Locally administered, the same after every start. */
function defaultMac(name: string, vf: number): string {
  const hash = createHash('sha256').update(`${name} ${vf}`).digest().subarray(0, 5);
  return ['02', ...[...hash].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
