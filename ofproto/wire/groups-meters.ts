// The messages about groups and meters; their bodies are in groups.ts and meters.ts.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPG } from '../model/groups.ts';
import {
  type GroupFeatures,
  type MeterFeatures,
  OFP10_VERSION,
  OFP11_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP15_VERSION,
} from '../model/messages.ts';
import { type Codec, codec, emptyCodec, listCodec, since } from './codec.ts';
import {
  decodeGroupDesc,
  decodeGroupMod,
  decodeGroupStats,
  encodeGroupDesc,
  encodeGroupMod,
  encodeGroupStats,
} from './groups.ts';
import {
  decodeMeterConfig,
  decodeMeterMod,
  decodeMeterStats,
  encodeMeterConfig,
  encodeMeterMod,
  encodeMeterStats,
} from './meters.ts';

const V10 = OFP10_VERSION;

/** Whether a request for descriptions says which group. */
const namesGroup = (version: number) => version === V10 || version >= OFP15_VERSION;

/** `id u32 | pad 4`. */
const idAndPad = (r: Reader): number => {
  const id = r.u32();
  if (r.remaining >= 4) r.skip(4);
  return id;
};

function decodeGroupFeatures(r: Reader): GroupFeatures {
  const four = () => [r.u32(), r.u32(), r.u32(), r.u32()];
  return { types: r.u32(), capabilities: r.u32(), maxGroups: four(), actions: four() };
}

function encodeGroupFeatures(w: Writer, body: GroupFeatures): void {
  w.u32(body.types).u32(body.capabilities);
  for (const list of [body.maxGroups, body.actions]) for (let i = 0; i < 4; i++) w.u32(list[i] ?? 0);
}

function decodeMeterFeatures(r: Reader): MeterFeatures {
  const numbers = { maxMeters: r.u32(), bandTypes: r.u32(), capabilities: r.u32() };
  const limits = { maxBands: r.u8(), maxColor: r.u8() };
  r.skip(2);
  return { ...numbers, ...limits };
}

export const GROUP_METER_CODECS: readonly Codec[] = [
  codec(
    'group_mod',
    { [V10]: 'n31', ...since(OFP11_VERSION, 'm15') },
    (r, { version }) => ({ mod: decodeGroupMod(r, version) }),
    (w, body, version) => encodeGroupMod(w, body.mod, version),
  ),
  codec(
    'group_stats_request',
    { [V10]: 'qn7', ...since(OFP11_VERSION, 'q6') },
    (r) => ({ groupId: idAndPad(r) }),
    (w, body) => w.u32(body.groupId).zeros(4),
  ),
  listCodec({
    of: 'group_stats_reply',
    ids: { [V10]: 'rn7', ...since(OFP11_VERSION, 'r6') },
    decodeItem: decodeGroupStats,
    encodeItem: encodeGroupStats,
    items: (body) => body.stats,
    body: (stats, more) => ({ stats, more }),
  }),
  codec(
    'group_desc_request',
    { [V10]: 'qn8', ...since(OFP11_VERSION, 'q7') },
    (r, { version }) => ({ groupId: namesGroup(version) ? idAndPad(r) : OFPG.ALL }),
    (w, body, version) => {
      if (namesGroup(version)) w.u32(body.groupId).zeros(4);
    },
  ),
  listCodec({
    of: 'group_desc_reply',
    ids: { [V10]: 'rn8', ...since(OFP11_VERSION, 'r7') },
    decodeItem: decodeGroupDesc,
    encodeItem: encodeGroupDesc,
    items: (body) => body.groups,
    body: (groups, more) => ({ groups, more }),
  }),
  emptyCodec('group_features_request', { [V10]: 'qn9', [OFP11_VERSION]: 'qn9', ...since(OFP12_VERSION, 'q8') }),
  codec(
    'group_features_reply',
    { [V10]: 'rn9', [OFP11_VERSION]: 'rn9', ...since(OFP12_VERSION, 'r8') },
    (r, { more }) => ({ more, ...decodeGroupFeatures(r) }),
    encodeGroupFeatures,
  ),
  codec(
    'meter_mod',
    since(OFP13_VERSION, 'm29'),
    (r) => ({ mod: decodeMeterMod(r) }),
    (w, body) => encodeMeterMod(w, body.mod),
  ),
  ...(['meter_stats_request', 'meter_config_request'] as const).map((name, i) =>
    codec(
      name,
      since(OFP13_VERSION, `q${9 + i}`),
      (r) => ({ meterId: idAndPad(r) }),
      (w, body) => w.u32(body.meterId).zeros(4),
    ),
  ),
  listCodec({
    of: 'meter_stats_reply',
    ids: since(OFP13_VERSION, 'r9'),
    decodeItem: decodeMeterStats,
    encodeItem: encodeMeterStats,
    items: (body) => body.stats,
    body: (stats, more) => ({ stats, more }),
  }),
  listCodec({
    of: 'meter_config_reply',
    ids: since(OFP13_VERSION, 'r10'),
    decodeItem: decodeMeterConfig,
    encodeItem: encodeMeterConfig,
    items: (body) => body.meters,
    body: (meters, more) => ({ meters, more }),
  }),
  emptyCodec('meter_features_request', since(OFP13_VERSION, 'q11')),
  codec(
    'meter_features_reply',
    since(OFP13_VERSION, 'r11'),
    (r, { more }) => ({ more, ...decodeMeterFeatures(r) }),
    (w, body) =>
      w.u32(body.maxMeters).u32(body.bandTypes).u32(body.capabilities).u8(body.maxBands).u8(body.maxColor).zeros(2),
  ),
];
