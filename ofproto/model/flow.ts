// The slow path's view of a packet: the datapath key (datapath/layout/flow-key.ts) followed by what only OpenFlow knows.
// A Flow is FLOW_SIZE bytes, big-endian throughout like the key; a mask has the same shape. in_port holds the OpenFlow
// port number here (the datapath's number in a datapath key): xlate converts at the border.
//
//   offset 0..255  datapath key
//          256     metadata u64
//          264     reg0..reg15 u32 each (xregN = two of them, xxregN = four, first register most significant)
//          328     conj_id u32
//          332     actset_output u32
//          336     tun_id u64
//          344     tun_src u32 | tun_dst u32
//          352     tun_ipv6_src 16
//          368     tun_ipv6_dst 16
//          384     tun_flags u16 | tun_tos u8 | tun_ttl u8 | tun_gbp_id u16 | tun_gbp_flags u8 | pad 1
//          392     tun_erspan_idx u32 | tun_erspan_ver u8, dir u8, hwid u8 | tun_gtpu_flags u8, msgtype u8 | pad 3
//          404     pad 4
//          408     u64: which of the options that follow there are (tun-metadata.ts)
//          416     options of tunnels 256

export * from '../../datapath/layout/flow-key.ts';

export const FLOW_SIZE = 672;
export const FLOW_METADATA = 256;
export const FLOW_REG0 = 264;
export const FLOW_CONJ_ID = 328;
export const FLOW_ACTSET_OUTPUT = 332;
export const FLOW_TUN_ID = 336;
export const FLOW_TUN_SRC = 344;
export const FLOW_TUN_DST = 348;
export const FLOW_TUN_IPV6_SRC = 352;
export const FLOW_TUN_IPV6_DST = 368;
export const FLOW_TUN_FLAGS = 384;
export const FLOW_TUN_TOS = 386;
export const FLOW_TUN_TTL = 387;
export const FLOW_TUN_GBP_ID = 388;
export const FLOW_TUN_GBP_FLAGS = 390;
export const FLOW_TUN_ERSPAN_IDX = 392;
export const FLOW_TUN_ERSPAN_VER = 396;
export const FLOW_TUN_ERSPAN_DIR = 397;
export const FLOW_TUN_ERSPAN_HWID = 398;
export const FLOW_TUN_GTPU_FLAGS = 399;
export const FLOW_TUN_GTPU_MSGTYPE = 400;
export const FLOW_TUN_METADATA_PRESENT = 408;
export const FLOW_TUN_METADATA = 416;

const FLOW_WORDS = FLOW_SIZE / 4;

/** FLOW_SIZE bytes with views on them: a packet's fields, a match's values, or a mask over either. */
export class Flow {
  readonly bytes: Uint8Array;
  #view: DataView | undefined;
  /** The same bytes as 32-bit words, in the machine's order: for hashing, comparing and masking only. */
  readonly words: Uint32Array;

  constructor(bytes: Uint8Array = new Uint8Array(FLOW_SIZE)) {
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, FLOW_WORDS);
  }

  /** Made when first asked for: short-lived flows are often only compared. */
  get view(): DataView {
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, FLOW_SIZE);
    return this.#view;
  }

  clone(): Flow {
    return new Flow(this.bytes.slice());
  }

  copyFrom(other: Flow): void {
    this.words.set(other.words);
  }

  equals(other: Flow): boolean {
    for (let i = 0; i < FLOW_WORDS; i++) if (this.words[i] !== other.words[i]) return false;
    return true;
  }

  /** Zeroes bytes `from` to `to`, both multiples of 4. A loop: fill() is a call out of compiled code. */
  clear(from = 0, to = FLOW_SIZE): void {
    for (let i = from / 4; i < to / 4; i++) this.words[i] = 0;
  }

  /** this &= mask */
  applyMask(mask: Flow): void {
    for (let i = 0; i < FLOW_WORDS; i++) this.words[i]! &= mask.words[i]!;
  }

  isZero(): boolean {
    return this.words.every((word) => word === 0);
  }

  u8(offset: number): number {
    return this.view.getUint8(offset);
  }
  u16(offset: number): number {
    return this.view.getUint16(offset);
  }
  u32(offset: number): number {
    return this.view.getUint32(offset);
  }
  u64(offset: number): bigint {
    return this.view.getBigUint64(offset);
  }
  setU8(offset: number, value: number): void {
    this.view.setUint8(offset, value);
  }
  setU16(offset: number, value: number): void {
    this.view.setUint16(offset, value);
  }
  setU32(offset: number, value: number): void {
    this.view.setUint32(offset, value);
  }
  setU64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, value);
  }
}

/** An option of a tunnel is there once something is written to it. */
export function markPresent({ bytes }: Flow, tlvSlot: number): void {
  bytes[FLOW_TUN_METADATA_PRESENT + (tlvSlot >> 3)]! |= 1 << (tlvSlot & 7);
}

/** A wildcarded flow: a packet p matches when (p & mask) = flow. `flow` has no bit outside `mask`. */
export interface Match {
  readonly flow: Flow;
  readonly mask: Flow;
}

/** Matches that share one buffer: a buffer of its own for each costs more than all the rest of decoding a flow-mod. */
const SLAB_FLOWS = 32;
let slab = new ArrayBuffer(0);
let slabUsed = 0;

function newFlow(): Flow {
  if (slabUsed === slab.byteLength) {
    slab = new ArrayBuffer(SLAB_FLOWS * FLOW_SIZE);
    slabUsed = 0;
  }
  const flow = new Flow(new Uint8Array(slab, slabUsed, FLOW_SIZE));
  slabUsed += FLOW_SIZE;
  return flow;
}

export function emptyMatch(): Match {
  return { flow: newFlow(), mask: newFlow() };
}
