// What weft-ofctl's options say, in one record that commands read.

import { UserError } from '../../../lib/errors.ts';
import type { OptionSpec, ParsedOption } from '../../../lib/getopt.ts';
import { OFP13_VERSION, OFP14_VERSION, type PacketInFormat } from '../../../ofproto/model/messages.ts';
import { VERSIONS } from '../../../ofproto/wire/index.ts';
import { resolvePaths } from '../../daemon/process/paths.ts';
import { parseTimeout } from '../cli-log.ts';

export interface SortCriterion {
  /** A field's name, or `priority`. */
  readonly field: string;
  readonly descending: boolean;
}

export interface Settings {
  readonly rundir: string;
  readonly strict: boolean;
  readonly readd: boolean;
  /** Changes are made all at once, or none. */
  readonly bundle: boolean;
  /** Commands that change something are refused. */
  readonly readOnly: boolean;
  /** mod-group adds a group that is not there. */
  readonly mayCreate: boolean;
  readonly timestamp: boolean;
  readonly stats: boolean;
  readonly names: boolean;
  /** False with --no-names: port and table names are not understood either. */
  readonly acceptNames: boolean;
  readonly sort: readonly SortCriterion[];
  /** Versions that -O allows, lowest first. */
  readonly versions: readonly number[];
  /** -F: flow formats to choose from; undefined for any. */
  readonly flowFormats: readonly string[] | undefined;
  readonly packetInFormat: PacketInFormat | undefined;
}

export const OPTION_SPECS: readonly OptionSpec[] = [
  { name: 'timeout', short: 't', argument: 'required' },
  { name: 'strict' },
  { name: 'readd' },
  { name: 'bundle' },
  { name: 'may-create' },
  { name: 'read-only' },
  { name: 'flow-format', short: 'F', argument: 'required' },
  { name: 'packet-in-format', short: 'P', argument: 'required' },
  { name: 'more', short: 'm' },
  { name: 'timestamp' },
  { name: 'sort', argument: 'optional' },
  { name: 'rsort', argument: 'optional' },
  { name: 'names' },
  { name: 'no-names' },
  { name: 'stats' },
  { name: 'no-stats' },
  { name: 'color', argument: 'optional' },
  { name: 'protocols', short: 'O', argument: 'required' },
  { name: 'rundir', argument: 'required' },
  { name: 'help', short: 'h' },
  { name: 'version', short: 'V' },
  { name: 'verbose', short: 'v', argument: 'optional' },
  { name: 'log-file', argument: 'optional' },
  { name: 'syslog-method', argument: 'required' },
  { name: 'syslog-target', argument: 'required' },
];

const VERSION_NAMES: Readonly<Record<string, number>> = {
  OpenFlow10: 1,
  OpenFlow11: 2,
  OpenFlow12: 3,
  OpenFlow13: 4,
  OpenFlow14: 5,
  OpenFlow15: 6,
};

/** Names of flow formats that -F takes, and what each allows. */
const FLOW_FORMATS: Readonly<Record<string, readonly string[]>> = {
  any: ['OpenFlow10', 'OpenFlow10+table_id', 'NXM', 'NXM+table_id', 'OXM'],
  openflow10: ['OpenFlow10'],
  'openflow10+table_id': ['OpenFlow10+table_id'],
  nxm: ['NXM', 'NXM+table_id'],
  'nxm-table_id': ['NXM'],
  'nxm+table_id': ['NXM+table_id'],
  oxm: ['OXM'],
  'oxm-openflow13': ['OXM'],
};

/** Reads the options. Throws UserError in ovs-ofctl's words. */
export function readSettings(options: readonly ParsedOption[]): Settings {
  const has = (name: string) => options.some((option) => option.name === name);
  const last = (name: string) => options.findLast((option) => option.name === name)?.value;
  const names = options.findLast(({ name }) => name === 'names' || name === 'no-names')?.name;
  const stats = options.findLast(({ name }) => name === 'stats' || name === 'no-stats')?.name;
  const formats = last('flow-format');
  return {
    rundir: resolvePaths(process.env, last('rundir')).rundir,
    strict: has('strict'),
    readd: has('readd'),
    bundle: has('bundle'),
    mayCreate: has('may-create'),
    timestamp: has('timestamp'),
    stats: stats !== 'no-stats',
    names: names === undefined ? process.stdout.isTTY === true : names === 'names',
    acceptNames: names !== 'no-names',
    sort: options.filter(({ name }) => name === 'sort' || name === 'rsort').map(criterion),
    versions: has('bundle') ? bundleVersions(last('protocols')) : parseVersions(last('protocols')),
    readOnly: has('read-only'),
    flowFormats: formats === undefined ? undefined : parseFormats(formats),
    packetInFormat: parsePacketInFormat(last('packet-in-format')),
  };
}

/** Seconds after which the program gives up, when it was said. */
export function readTimeout(options: readonly ParsedOption[]): number | undefined {
  const text = options.findLast(({ name }) => name === 'timeout')?.value;
  return text === undefined ? undefined : parseTimeout(text, '-t or --timeout');
}

function criterion({ name, value }: ParsedOption): SortCriterion {
  return { field: value ?? 'priority', descending: name === 'rsort' };
}

function parseVersions(text: string | undefined): readonly number[] {
  // Open vSwitch's clients speak 1.0 with extensions unless they are told otherwise.
  if (text === undefined) return [1];
  const wanted = text.split(/[\s,]+/).map((name) => {
    const version = VERSION_NAMES[name];
    if (version === undefined) throw new UserError(`Unknown OpenFlow version: "${name}"`);
    return version;
  });
  const known = VERSIONS.filter((version) => wanted.includes(version));
  if (known.length === 0) throw new UserError(`${text}: no supported OpenFlow version`);
  return known;
}

/** Bundles are 1.4's, and an extension of 1.3. */
function bundleVersions(text: string | undefined): readonly number[] {
  const wanted = text === undefined ? [OFP14_VERSION] : parseVersions(text);
  const able = wanted.filter((version) => version >= OFP13_VERSION);
  return able.length > 0 ? able : [OFP14_VERSION];
}

function parseFormats(text: string): readonly string[] {
  return text.split(',').flatMap((name) => {
    const formats = FLOW_FORMATS[name.toLowerCase()];
    if (!formats) throw new UserError(`${name}: unknown flow protocol`);
    return formats;
  });
}

function parsePacketInFormat(name: string | undefined): PacketInFormat | undefined {
  if (name === undefined) return undefined;
  if (name === 'standard' || name === 'openflow10') return 'standard';
  if (name === 'nxt_packet_in' || name === 'nxm') return 'nxt_packet_in';
  if (name === 'nxt_packet_in2') return name;
  throw new UserError(`unknown packet-in format "${name}"`);
}
