// Port descriptions, port-status and port-mod messages, and port statistics.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import type { OfPortDesc, OfPortStats } from '../model/flow-mod.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP13_VERSION, type PortMod } from '../model/messages.ts';
import { type Codec, codec, emptyCodec, listCodec } from './codec.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;

type Config = OfPortDesc['config'];

const CONFIG_BITS: readonly (readonly [flag: keyof Config, of10: number, of13: number])[] = [
  ['portDown', 1 << 0, 1 << 0],
  ['noStp', 1 << 1, 0],
  ['noRecv', 1 << 2, 1 << 2],
  ['noRecvStp', 1 << 3, 0],
  ['noFlood', 1 << 4, 0],
  ['noFwd', 1 << 5, 1 << 5],
  ['noPacketIn', 1 << 6, 1 << 6],
];

function configOf(bits: number, version: number): Config {
  const has = (flag: keyof Config) => {
    const [, of10, of13] = CONFIG_BITS.find(([name]) => name === flag)!;
    return (bits & (version === V10 ? of10 : of13)) !== 0;
  };
  return {
    portDown: has('portDown'),
    noRecv: has('noRecv'),
    noFwd: has('noFwd'),
    noPacketIn: has('noPacketIn'),
    noFlood: has('noFlood'),
    noStp: has('noStp'),
    noRecvStp: has('noRecvStp'),
  };
}

function configBits(config: Config, version: number): number {
  return CONFIG_BITS.reduce((bits, [flag, of10, of13]) => {
    return config[flag] ? bits | (version === V10 ? of10 : of13) : bits;
  }, 0);
}

/** 1.0 has two bits of spanning tree state where 1.1+ has "blocked"; 1.1+ adds "live". */
const OFPPS_LINK_DOWN = 1 << 0;
const OFPPS10_STP_MASK = 3 << 8;
const OFPPS10_STP_BLOCK = 3 << 8;
const OFPPS13_BLOCKED = 1 << 1;
const OFPPS13_LIVE = 1 << 2;

function stateOf(bits: number, version: number): OfPortDesc['state'] {
  const linkDown = (bits & OFPPS_LINK_DOWN) !== 0;
  if (version === V10) return { linkDown, blocked: (bits & OFPPS10_STP_MASK) === OFPPS10_STP_BLOCK, live: false };
  return { linkDown, blocked: (bits & OFPPS13_BLOCKED) !== 0, live: (bits & OFPPS13_LIVE) !== 0 };
}

function stateBits({ linkDown, blocked, live }: OfPortDesc['state'], version: number): number {
  const down = linkDown ? OFPPS_LINK_DOWN : 0;
  if (version === V10) return down | (blocked ? OFPPS10_STP_BLOCK : 0);
  return down | (blocked ? OFPPS13_BLOCKED : 0) | (live ? OFPPS13_LIVE : 0);
}

/** 1.0 has no 40G, 100G, 1T and "other": its copper..pause-asym bits lie four lower. */
const featuresOf = (bits: number, version: number) =>
  version === V10 ? (bits & 0x7f) | ((bits & 0xf80) << 4) : bits & 0xffff;
const featureBits = (features: number, version: number) =>
  version === V10 ? (features & 0x7f) | ((features >> 4) & 0xf80) : features;

/** Reads one port, 48 bytes in 1.0 and 64 in 1.3. */
export function decodePort(r: Reader, version: number): OfPortDesc {
  const of10 = version === V10;
  const ofPort = of10 ? portFrom16(r.u16()) : r.u32();
  if (!of10) r.skip(4);
  const hwAddr = r.copy(6);
  if (!of10) r.skip(2);
  const name = r.text(16);
  const config = configOf(r.u32(), version);
  const state = stateOf(r.u32(), version);
  const bits = () => featuresOf(r.u32(), version);
  const features = { current: bits(), advertised: bits(), supported: bits(), peer: bits() };
  const speeds = of10
    ? { currSpeed: speedOf(features.current), maxSpeed: speedOf(features.supported) }
    : { currSpeed: r.u32(), maxSpeed: r.u32() };
  return { ofPort, name, hwAddr, config, state, features, ...speeds };
}

export function encodePort(w: Writer, port: OfPortDesc, version: number): void {
  const of10 = version === V10;
  if (of10) w.u16(portTo16(port.ofPort)).put(port.hwAddr);
  else w.u32(port.ofPort).zeros(4).put(port.hwAddr).zeros(2);
  w.text(port.name, 16).u32(configBits(port.config, version)).u32(stateBits(port.state, version));
  const { current = 0, advertised = 0, supported = 0, peer = 0 } = port.features ?? {};
  for (const features of [current, advertised, supported, peer]) w.u32(featureBits(features, version));
  if (!of10) w.u32(port.currSpeed).u32(port.maxSpeed);
}

/** OFPPF_* bit pairs from the slowest to the fastest, in kbps. */
const SPEEDS: readonly (readonly [bits: number, kbps: number])[] = [
  [1 << 9, 1_000_000_000],
  [1 << 8, 100_000_000],
  [1 << 7, 40_000_000],
  [1 << 6, 10_000_000],
  [3 << 4, 1_000_000],
  [3 << 2, 100_000],
  [3 << 0, 10_000],
];

/** The highest speed that a set of features allows, in kbps; 0 when none says. */
function speedOf(features: number): number {
  return SPEEDS.find(([bits]) => features & bits)?.[1] ?? 0;
}

const REASONS = ['add', 'delete', 'modify'] as const;

function decodePortMod(r: Reader, version: number): PortMod {
  const of10 = version === V10;
  const ofPort = of10 ? portFrom16(r.u16()) : r.u32();
  if (!of10) r.skip(4);
  const hwAddr = r.copy(6);
  if (!of10) r.skip(2);
  const bits = r.u32();
  const mask = r.u32();
  const known = CONFIG_BITS.reduce((sum, [, a, b]) => sum | (of10 ? a : b), 0);
  if (mask & ~known) throw new OfError('OFPPMFC_BAD_CONFIG');
  const advertise = featuresOf(r.u32(), version);
  r.skip(4);
  return { ofPort, hwAddr, config: configOf(bits & mask, version), mask: configOf(mask, version), advertise };
}

function encodePortMod(w: Writer, body: PortMod, version: number): void {
  if (version === V10) w.u16(portTo16(body.ofPort)).put(body.hwAddr);
  else w.u32(body.ofPort).zeros(4).put(body.hwAddr).zeros(2);
  w.u32(configBits(body.config, version)).u32(configBits(body.mask, version));
  w.u32(featureBits(body.advertise, version)).zeros(4);
}

function decodePortRequest(r: Reader, version: number): { ofPort: number } {
  if (version === V10) {
    const ofPort = portFrom16(r.u16());
    r.skip(6);
    return { ofPort };
  }
  const ofPort = r.u32();
  r.skip(4);
  return { ofPort };
}

/** A port number and padding to 8 bytes. */
function encodePortRequest(w: Writer, { ofPort }: { readonly ofPort: number }, version: number): void {
  if (version === V10) w.u16(portTo16(ofPort)).zeros(6);
  else w.u32(ofPort).zeros(4);
}

/** Counters in wire order; all ones is "unknown". */
const COUNTERS = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxDropped',
  'txDropped',
  'rxErrors',
  'txErrors',
  'rxFrameErr',
  'rxOverErr',
  'rxCrcErr',
  'collisions',
] as const;

function decodePortStats(r: Reader, version: number): OfPortStats {
  const { ofPort } = decodePortRequest(r, version);
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, BigInt.asIntN(64, r.u64())]));
  const durationMs = version === V10 ? -1 : r.u32() * 1000 + r.u32() / 1e6;
  return { ofPort, ...(counters as Record<(typeof COUNTERS)[number], bigint>), durationMs };
}

function encodePortStats(w: Writer, stats: OfPortStats, version: number): void {
  encodePortRequest(w, stats, version);
  for (const name of COUNTERS) w.u64(BigInt.asUintN(64, stats[name]));
  if (version === V10) return;
  const ms = Math.max(0, stats.durationMs);
  w.u32(Math.floor(ms / 1000)).u32(Math.round((ms % 1000) * 1e6));
}

export const PORT_CODECS: readonly Codec[] = [
  codec(
    'port_status',
    { [V10]: 'm12', [V13]: 'm12' },
    (r, { version }) => {
      const reason = REASONS[r.u8()];
      if (!reason) throw new OfError('NXBRC_BAD_REASON');
      r.skip(7);
      return { reason, port: decodePort(r, version) };
    },
    (w, body, version) => {
      w.u8(REASONS.indexOf(body.reason)).zeros(7);
      encodePort(w, body.port, version);
    },
  ),
  codec('port_mod', { [V10]: 'm15', [V13]: 'm16' }, (r, { version }) => decodePortMod(r, version), encodePortMod),
  codec(
    'port_stats_request',
    { [V10]: 'q4', [V13]: 'q4' },
    (r, { version }) => decodePortRequest(r, version),
    encodePortRequest,
  ),
  listCodec({
    of: 'port_stats_reply',
    ids: { [V10]: 'r4', [V13]: 'r4' },
    decodeItem: decodePortStats,
    encodeItem: encodePortStats,
    items: (body) => body.ports,
    body: (ports, more) => ({ ports, more }),
  }),
  // Which port is wanted can be said from 1.5 on only.
  { ...emptyCodec('port_desc_request', { [V10]: 'q13', [V13]: 'q13' }), decode: () => ({ ofPort: OFPP.ANY }) },
  listCodec({
    of: 'port_desc_reply',
    ids: { [V10]: 'r13', [V13]: 'r13' },
    decodeItem: decodePort,
    encodeItem: encodePort,
    items: (body) => body.ports,
    body: (ports, more) => ({ ports, more }),
  }),
  codec(
    'queue_config_request',
    { [V10]: 'm20', [V13]: 'm22' },
    (r, { version }) => queueConfigPort(r, version, 2),
    (w, { ofPort }, version) => (version === V10 ? w.u16(portTo16(ofPort)).zeros(2) : w.u32(ofPort).zeros(4)),
  ),
  codec(
    'queue_config_reply',
    { [V10]: 'm21', [V13]: 'm23' },
    (r, { version }) => queueConfigPort(r, version, 6),
    (w, { ofPort }, version) => (version === V10 ? w.u16(portTo16(ofPort)).zeros(6) : w.u32(ofPort).zeros(4)),
  ),
];

/** The port of a queue-get-config message; `padding` follows it in 1.0. Queues that a reply lists are skipped. */
function queueConfigPort(r: Reader, version: number, padding: number): { ofPort: number } {
  const ofPort = version === V10 ? portFrom16(r.u16()) : r.u32();
  r.skip(version === V10 ? padding : 4);
  r.rest();
  return { ofPort };
}
