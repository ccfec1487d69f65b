// Statistics of queues, groups and meters, as far as a switch without any of them answers: features, and lists that are
// empty. Entries that another switch lists are skipped.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { type GroupFeatures, type MeterFeatures, OFP10_VERSION, OFP13_VERSION } from '../model/messages.ts';
import { type Codec, codec, emptyCodec, type WireIds } from './codec.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;

type EmptyList = 'group_stats_reply' | 'group_desc_reply' | 'meter_stats_reply' | 'meter_config_reply';

const emptyList = (of: EmptyList, ids: WireIds): Codec =>
  codec(
    of,
    ids,
    (r, { more }) => {
      r.rest();
      return { more };
    },
    () => {},
  );

/** `id u32 | pad 4`: 1.0's extension of group statistics has the same layout. */
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
    'group_stats_request',
    { [V10]: 'qn7', [V13]: 'q6' },
    (r) => ({ groupId: idAndPad(r) }),
    (w, body) => w.u32(body.groupId).zeros(4),
  ),
  emptyList('group_stats_reply', { [V10]: 'rn7', [V13]: 'r6' }),
  codec(
    'group_desc_request',
    { [V10]: 'qn8', [V13]: 'q7' },
    (r, { version }) => ({ groupId: version === V10 ? idAndPad(r) : 0xfffffffc }),
    (w, body, version) => {
      if (version === V10) w.u32(body.groupId).zeros(4);
    },
  ),
  emptyList('group_desc_reply', { [V10]: 'rn8', [V13]: 'r7' }),
  emptyCodec('group_features_request', { [V10]: 'qn9', [V13]: 'q8' }),
  codec(
    'group_features_reply',
    { [V10]: 'rn9', [V13]: 'r8' },
    (r, { more }) => ({ more, ...decodeGroupFeatures(r) }),
    encodeGroupFeatures,
  ),
  ...(['meter_stats', 'meter_config'] as const).flatMap((name, i) => [
    codec(
      `${name}_request`,
      { [V13]: `q${9 + i}` },
      (r) => ({ meterId: idAndPad(r) }),
      (w, body) => w.u32(body.meterId).zeros(4),
    ),
    emptyList(`${name}_reply`, { [V13]: `r${9 + i}` }),
  ]),
  emptyCodec('meter_features_request', { [V13]: 'q11' }),
  codec(
    'meter_features_reply',
    { [V13]: 'r11' },
    (r, { more }) => ({ more, ...decodeMeterFeatures(r) }),
    (w, body) =>
      w.u32(body.maxMeters).u32(body.bandTypes).u32(body.capabilities).u8(body.maxBands).u8(body.maxColor).zeros(2),
  ),
];
