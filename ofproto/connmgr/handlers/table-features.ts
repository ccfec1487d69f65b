// What each table can match and do (OpenFlow 1.3, 7.3.5.5). Of what a controller may say of it, only the name is its to
// choose: everything else must be as it is.

import { FIELDS } from '../../model/fields.ts';
import { OfError } from '../../model/flow-mod.ts';
import {
  OFP14_VERSION,
  OFP15_VERSION,
  type TableFeatureSet,
  type TableFeatures,
  type TableStatsEntry,
} from '../../model/messages.ts';
import { TUN_METADATA_FIELDS, tunMetadataField } from '../../model/tun-metadata.ts';
import { N_TABLES } from '../../tables/limits.ts';
import { OFPAT13_SUPPORTED, OFPIT_SUPPORTED } from '../../wire/index.ts';
import type { Session } from '../session.ts';

const ALL_BITS_64 = 0xffff_ffff_ffff_ffffn;

const OFPIT_GOTO_TABLE = 1;
/** An action from 1.5 on. */
const OFPIT_METER = 6;

/**
 * Takes the tables' names from `wanted`. As in Open vSwitch the first entry's command holds for all of them, and "replace",
 * the only one there is before 1.5, must say every table. Throws OfError; what is refused changes nothing.
 */
export function nameTables(session: Session, wanted: readonly TableFeatures[]): void {
  const { ofproto } = session.switch;
  const tables = new Set(wanted.map(({ tableId }) => tableId));
  if (tables.size < wanted.length) throw new OfError('NXTFFC_DUP_TABLE');
  const { command = 'replace' } = wanted[0]!;
  const isAllowed = command === 'modify' || (command === 'replace' && tables.size === N_TABLES);
  const limits = new Map(ofproto.tableStats().map(({ tableId, maxEntries }) => [tableId, maxEntries]));
  const isAsItIs = ({ tableId, maxEntries, config }: TableFeatures) =>
    tableId < N_TABLES && maxEntries === limits.get(tableId) && (session.version < OFP14_VERSION || config === 0);
  if (!isAllowed || !wanted.every(isAsItIs)) throw new OfError('OFPTFFC_EPERM');
  for (const { tableId, name } of wanted) ofproto.configureTable(tableId, { name });
}

const withCodePoint = FIELDS.filter((field) => field.oxm !== 0 || field.nxm !== 0);
/** Those that tunnels carry can be named whatever a bridge's TLV table maps. */
const tunMetadata = Array.from({ length: TUN_METADATA_FIELDS }, (_, index) => tunMetadataField(index).name);
const names = (fields: typeof FIELDS) => [...fields.map((field) => field.name), ...tunMetadata];
const matchable = names(withCodePoint);
const maskable = names(withCodePoint.filter((field) => field.mask === 'arbitrary'));
const settable = names(withCodePoint.filter((field) => field.writable));

export function tableFeatures({ tableId, name, maxEntries }: TableStatsEntry, version: number): TableFeatures {
  const nextTables = Array.from({ length: N_TABLES - 1 - tableId }, (_, index) => tableId + 1 + index);
  const actions = { actions: OFPAT13_SUPPORTED, setFields: settable };
  const set: TableFeatureSet = {
    nextTables,
    instructions: OFPIT_SUPPORTED.filter(
      (type) =>
        (type !== OFPIT_GOTO_TABLE || nextTables.length > 0) && (type !== OFPIT_METER || version < OFP15_VERSION),
    ),
    write: actions,
    apply: actions,
  };
  return {
    tableId,
    name,
    metadataMatch: ALL_BITS_64,
    metadataWrite: ALL_BITS_64,
    config: 0,
    maxEntries,
    miss: set,
    nonmiss: set,
    match: matchable,
    mask: maskable,
    wildcard: matchable,
  };
}
