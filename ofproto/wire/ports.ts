// Port descriptions, and port-status and port-mod messages.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { OfError, type OfPortDesc } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP11_VERSION, OFP14_VERSION, OFP15_VERSION, type PortMod } from '../model/messages.ts';
import { always, type Codec, codec, during, emptyCodec, listCodec, since } from './codec.ts';
import { checkPort, decodePortNumber, encodePortNumber } from './port-numbers.ts';
import { decodeProperties, encodeProperty, refuseProperty } from './properties.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V14 = OFP14_VERSION;
const V15 = OFP15_VERSION;

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
const OFPPS10_STP_SHIFT = 8;
const OFPPS10_STP_MASK = 3;
const OFPPS10_STP = [undefined, 'learn', 'forward', 'block'] as const;
const OFPPS13_BLOCKED = 1 << 1;
const OFPPS13_LIVE = 1 << 2;

function stateOf(bits: number, version: number): OfPortDesc['state'] {
  const linkDown = (bits & OFPPS_LINK_DOWN) !== 0;
  const stp = OFPPS10_STP[(bits >> OFPPS10_STP_SHIFT) & OFPPS10_STP_MASK];
  if (version === V10) return { linkDown, blocked: false, live: false, ...(stp ? { stp } : {}) };
  return { linkDown, blocked: (bits & OFPPS13_BLOCKED) !== 0, live: (bits & OFPPS13_LIVE) !== 0 };
}

function stateBits({ linkDown, blocked, live, stp }: OfPortDesc['state'], version: number): number {
  const down = linkDown ? OFPPS_LINK_DOWN : 0;
  if (version === V10) return down | (OFPPS10_STP.indexOf(stp) << OFPPS10_STP_SHIFT);
  return down | (blocked ? OFPPS13_BLOCKED : 0) | (live ? OFPPS13_LIVE : 0);
}

/** 1.0 has no 40G, 100G, 1T and "other": its copper..pause-asym bits lie four lower. */
const featuresOf = (bits: number, version: number) =>
  version === V10 ? (bits & 0x7f) | ((bits & 0xf80) << 4) : bits & 0xffff;
const featureBits = (features: number, version: number) =>
  version === V10 ? (features & 0x7f) | ((features >> 4) & 0xf80) : features;

/** A port's Ethernet features are a property from 1.4 on. */
const OFPPDPT_ETHERNET = 0;

function speedsOf(features: { current: number; supported: number }) {
  return { currSpeed: speedOf(features.current), maxSpeed: speedOf(features.supported) };
}

/** Reads one port: 48 bytes in 1.0, 64 up to 1.3, then with its length and properties. */
export function decodePort(list: Reader, version: number): OfPortDesc {
  const r = version >= V14 ? sizedPort(list) : list;
  const ofPort = decodePortNumber(r, version);
  if (version !== V10) r.skip(4);
  const hwAddr = r.copy(6);
  if (version !== V10) r.skip(2);
  const name = r.text(16);
  const head = { ofPort, name, hwAddr, config: configOf(r.u32(), version), state: stateOf(r.u32(), version) };
  if (version < V14) return { ...head, ...decodeEthernet(r, version) };
  let ethernet = NO_ETHERNET;
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type !== OFPPDPT_ETHERNET) continue;
    value.skip(4);
    ethernet = decodeEthernet(value, version);
  }
  return { ...head, ...ethernet };
}

/** port_no u32 | length u16 | ... */
function sizedPort(list: Reader): Reader {
  const length = list.peek16(4);
  if (length < 40 || length > list.remaining) throw new OfError('OFPBRC_BAD_LEN');
  return list.sub(length);
}

const NO_ETHERNET = { features: { current: 0, advertised: 0, supported: 0, peer: 0 }, currSpeed: 0, maxSpeed: 0 };

function decodeEthernet(r: Reader, version: number): typeof NO_ETHERNET {
  const bits = () => featuresOf(r.u32(), version);
  const features = { current: bits(), advertised: bits(), supported: bits(), peer: bits() };
  return { features, ...(version === V10 ? speedsOf(features) : { currSpeed: r.u32(), maxSpeed: r.u32() }) };
}

function encodeEthernet(w: Writer, port: OfPortDesc, version: number): void {
  const { current = 0, advertised = 0, supported = 0, peer = 0 } = port.features ?? {};
  for (const features of [current, advertised, supported, peer]) w.u32(featureBits(features, version));
  if (version !== V10) w.u32(port.currSpeed).u32(port.maxSpeed);
}

export function encodePort(w: Writer, port: OfPortDesc, version: number): void {
  const start = w.size;
  encodePortNumber(w, port.ofPort, version);
  if (version === V10) w.put(port.hwAddr);
  else w.zeros(4).put(port.hwAddr).zeros(2);
  w.text(port.name, 16).u32(configBits(port.config, version)).u32(stateBits(port.state, version));
  if (version < V14) {
    encodeEthernet(w, port, version);
    return;
  }
  encodeProperty(w, OFPPDPT_ETHERNET, (p) => encodeEthernet(p.zeros(4), port, version));
  w.patch16(start + 4, w.size - start);
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

/** OFPPMPT_ETHERNET of 1.4+: what to advertise. */
const OFPPMPT_ETHERNET = 0;

function decodePortMod(r: Reader, version: number): PortMod {
  const ofPort = decodePortNumber(r, version);
  if (version !== V10) r.skip(4);
  const hwAddr = r.copy(6);
  if (version !== V10) r.skip(2);
  const bits = r.u32();
  const mask = r.u32();
  if (version !== V10) checkPort(ofPort, 'OFPBAC_BAD_OUT_PORT');
  const head = { ofPort, hwAddr, config: configOf(bits & mask, version), mask: configOf(mask, version) };
  if (version >= V14) return { ...head, advertise: decodeAdvertise(r, version) };
  const advertise = featuresOf(r.u32(), version);
  r.skip(4);
  return { ...head, advertise };
}

function decodeAdvertise(r: Reader, version: number): number {
  let advertise = 0;
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type !== OFPPMPT_ETHERNET) refuseProperty(type, value);
    if (value.remaining !== 4) throw new OfError('OFPBRC_BAD_LEN');
    advertise = featuresOf(value.u32(), version);
  }
  return advertise;
}

function encodePortMod(w: Writer, body: PortMod, version: number): void {
  encodePortNumber(w, body.ofPort, version);
  if (version === V10) w.put(body.hwAddr);
  else w.zeros(4).put(body.hwAddr).zeros(2);
  w.u32(configBits(body.config, version)).u32(configBits(body.mask, version));
  const advertise = featureBits(body.advertise, version);
  if (version < V14) w.u32(advertise).zeros(4);
  else if (advertise !== 0) encodeProperty(w, OFPPMPT_ETHERNET, (p) => p.u32(advertise));
}

export const PORT_CODECS: readonly Codec[] = [
  codec(
    'port_status',
    always('m12'),
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
  codec(
    'port_mod',
    { ...since(V11, 'm16'), [V10]: 'm15' },
    (r, { version }) => decodePortMod(r, version),
    encodePortMod,
  ),
  // Which port is wanted can be said from 1.5 on only.
  { ...emptyCodec('port_desc_request', during(V10, V14, 'q13')), decode: () => ({ ofPort: OFPP.ANY }) },
  codec(
    'port_desc_request',
    { [V15]: 'q13' },
    (r) => {
      const ofPort = checkPort(r.u32(), 'OFPBAC_BAD_OUT_PORT');
      r.skip(4);
      return { ofPort };
    },
    (w, body) => w.u32(body.ofPort).zeros(4),
  ),
  listCodec({
    of: 'port_desc_reply',
    ids: always('r13'),
    decodeItem: decodePort,
    encodeItem: encodePort,
    items: (body) => body.ports,
    body: (ports, more) => ({ ports, more }),
  }),
];
