// Bridge protocol data units (IEEE 802.1D-2004, 9.3) and the LLC frames that they travel in. Times are milliseconds here and
// 1/256 s on the wire.
//
//  | 01:80:c2:00:00:00 | source | length | 42 42 03 | protocol id 0 | version | type | flags | root | cost | bridge |
//  | port | message age | max age | hello time | forward delay | version 1 length 0 (RST only) |

import { Reader, Writer } from '../../lib/cursors.ts';
import type { BridgeId, PortId } from './bridge-id.ts';

export const BPDU_TYPE_CONFIG = 0x00;
export const BPDU_TYPE_RST = 0x02;
export const BPDU_TYPE_TCN = 0x80;

/** 9.3.3: the flags of a Configuration BPDU are the first and the last of these. */
export const FLAG_TC = 0x01;
export const FLAG_PROPOSAL = 0x02;
export const FLAG_ROLE_SHIFT = 2;
export const FLAG_ROLE_MASK = 0x0c;
export const FLAG_LEARNING = 0x10;
export const FLAG_FORWARDING = 0x20;
export const FLAG_AGREEMENT = 0x40;
export const FLAG_TC_ACK = 0x80;

/** What Configuration and RST BPDUs say. */
export interface ConfigBpdu {
  readonly flags: number;
  readonly rootId: BridgeId;
  readonly rootPathCost: number;
  readonly bridgeId: BridgeId;
  readonly portId: PortId;
  readonly messageAgeMs: number;
  readonly maxAgeMs: number;
  readonly helloTimeMs: number;
  readonly forwardDelayMs: number;
}

export type Bpdu =
  | { readonly type: 'tcn' }
  | { readonly type: 'config'; readonly config: ConfigBpdu }
  | { readonly type: 'rst'; readonly config: ConfigBpdu };

const ADDRESS = Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0);
const LLC_SIZE = 3;
const LLC = Uint8Array.of(0x42, 0x42, 0x03);
const ETH_HEADER_SIZE = 14;
const TCN_SIZE = 4;
const CONFIG_SIZE = 35;
const RST_SIZE = 36;

const toMs = (units: number): number => (units * 1000) / 256;
const toUnits = (ms: number): number => Math.max(0, Math.min(0xffff, Math.round((ms * 256) / 1000)));

/** The BPDU in a frame; undefined when its length or its LLC header is not that of one. */
export function bpduOfFrame(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length < ETH_HEADER_SIZE + LLC_SIZE) return undefined;
  const length = (frame[12]! << 8) | frame[13]!;
  if (length < LLC_SIZE || length > frame.length - ETH_HEADER_SIZE) return undefined;
  if (LLC.some((byte, i) => frame[ETH_HEADER_SIZE + i] !== byte)) return undefined;
  return frame.subarray(ETH_HEADER_SIZE + LLC_SIZE, ETH_HEADER_SIZE + length);
}

export function frameOfBpdu(bpdu: Uint8Array, source: Uint8Array): Uint8Array {
  const w = new Writer();
  w.put(ADDRESS)
    .put(source)
    .u16(LLC_SIZE + bpdu.length)
    .put(LLC)
    .put(bpdu);
  return w.finish();
}

/** Throws BpduError (9.3.4). Bytes behind what the type has are ignored, as the standard asks. */
export function decodeBpdu(bytes: Uint8Array): Bpdu {
  if (bytes.length < TCN_SIZE) throw new BpduError(`runt ${bytes.length}-byte BPDU`);
  const r = new Reader(bytes);
  const protocolId = r.u16();
  if (protocolId !== 0) throw new BpduError(`BPDU with unexpected protocol ID ${protocolId}`);
  const version = r.u8();
  const type = r.u8();
  if (type === BPDU_TYPE_TCN) return { type: 'tcn' };
  if (type === BPDU_TYPE_CONFIG) {
    if (bytes.length < CONFIG_SIZE) throw new BpduError(`config BPDU with invalid size ${bytes.length}`);
    return { type: 'config', config: decodeConfig(r) };
  }
  if (type !== BPDU_TYPE_RST || version < 2) throw new BpduError(`BPDU of unexpected type ${type}`);
  if (bytes.length < RST_SIZE) throw new BpduError(`RST BPDU with invalid size ${bytes.length}`);
  return { type: 'rst', config: decodeConfig(r) };
}

/** Why a received BPDU is not one. */
export class BpduError extends Error {}

/** Decodes what a port received, and counts it; undefined, with a warning, when it is none of the types `known`. */
export function readBpdu(
  bytes: Uint8Array,
  counts: { rx: number; error: number },
  warn: (text: string) => void,
  known: readonly Bpdu['type'][],
): Bpdu | undefined {
  try {
    const bpdu = decodeBpdu(bytes);
    if (!known.includes(bpdu.type)) throw new BpduError(`BPDU of unexpected type ${BPDU_TYPE_RST}`);
    counts.rx++;
    return bpdu;
  } catch (error) {
    if (!(error instanceof BpduError)) throw error;
    counts.error++;
    warn(`received ${error.message}`);
    return undefined;
  }
}

function decodeConfig(r: Reader): ConfigBpdu {
  return {
    flags: r.u8(),
    rootId: r.u64(),
    rootPathCost: r.u32(),
    bridgeId: r.u64(),
    portId: r.u16(),
    messageAgeMs: toMs(r.u16()),
    maxAgeMs: toMs(r.u16()),
    helloTimeMs: toMs(r.u16()),
    forwardDelayMs: toMs(r.u16()),
  };
}

export function encodeBpdu(bpdu: Bpdu): Uint8Array {
  const w = new Writer();
  w.u16(0);
  if (bpdu.type === 'tcn') return w.u8(0).u8(BPDU_TYPE_TCN).finish();
  if (bpdu.type === 'config') w.u8(0).u8(BPDU_TYPE_CONFIG);
  else w.u8(2).u8(BPDU_TYPE_RST);
  const { config } = bpdu;
  w.u8(config.flags).u64(config.rootId).u32(config.rootPathCost).u64(config.bridgeId).u16(config.portId);
  for (const ms of [config.messageAgeMs, config.maxAgeMs, config.helloTimeMs, config.forwardDelayMs])
    w.u16(toUnits(ms));
  if (bpdu.type === 'rst') w.u8(0);
  return w.finish();
}
