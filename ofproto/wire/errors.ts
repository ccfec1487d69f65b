// OpenFlow error codes: their numbers in each version, and error messages. Codes that a version lacks travel as Open
// vSwitch's extension errors (vendor 0x2320, or ONF's).

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFP13_VERSION } from '../model/messages.ts';

const NX = 0x00002320;
const ONF = 0x4f4e4600;

type Numbers = readonly [vendor: number, type: number, code: number];

/** By name: OpenFlow 1.0, OpenFlow 1.3. */
const CODES: Readonly<Record<string, readonly [of10: Numbers | undefined, of13: Numbers | undefined]>> = {
  OFPHFC_INCOMPATIBLE: [
    [0, 0, 0],
    [0, 0, 0],
  ],
  OFPHFC_EPERM: [
    [0, 0, 1],
    [0, 0, 1],
  ],
  OFPBRC_BAD_VERSION: [
    [0, 1, 0],
    [0, 1, 0],
  ],
  OFPBRC_BAD_TYPE: [
    [0, 1, 1],
    [0, 1, 1],
  ],
  OFPBRC_BAD_STAT: [
    [0, 1, 2],
    [0, 1, 2],
  ],
  OFPBRC_BAD_VENDOR: [
    [0, 1, 3],
    [0, 1, 3],
  ],
  OFPBRC_BAD_SUBTYPE: [
    [0, 1, 4],
    [0, 1, 4],
  ],
  OFPBRC_EPERM: [
    [0, 1, 5],
    [0, 1, 5],
  ],
  OFPBRC_BAD_LEN: [
    [0, 1, 6],
    [0, 1, 6],
  ],
  OFPBRC_BUFFER_EMPTY: [
    [0, 1, 7],
    [0, 1, 7],
  ],
  OFPBRC_BUFFER_UNKNOWN: [
    [0, 1, 8],
    [0, 1, 8],
  ],
  OFPBRC_BAD_TABLE_ID: [
    [NX, 1, 512],
    [0, 1, 9],
  ],
  OFPBRC_BAD_PORT: [
    [NX, 1, 514],
    [0, 1, 11],
  ],
  OFPBRC_BAD_PACKET: [undefined, [0, 1, 12]],
  OFPBRC_MULTIPART_BUFFER_OVERFLOW: [undefined, [0, 1, 13]],
  NXBRC_NXM_INVALID: [
    [NX, 1, 256],
    [NX, 2, 0],
  ],
  NXBRC_NXM_BAD_TYPE: [
    [NX, 1, 257],
    [NX, 3, 0],
  ],
  NXBRC_MUST_BE_ZERO: [
    [NX, 1, 515],
    [NX, 4, 0],
  ],
  NXBRC_BAD_REASON: [
    [NX, 1, 516],
    [NX, 5, 0],
  ],
  NXBRC_FM_BAD_EVENT: [
    [NX, 1, 520],
    [NX, 9, 0],
  ],
  NXBRC_UNENCODABLE_ERROR: [
    [NX, 1, 521],
    [NX, 10, 0],
  ],
  OFPMOFC_MONITOR_EXISTS: [
    [NX, 1, 517],
    [NX, 6, 0],
  ],
  OFPMOFC_INVALID_MONITOR: [undefined, undefined],
  OFPMOFC_UNKNOWN_MONITOR: [
    [NX, 1, 519],
    [NX, 8, 0],
  ],
  OFPBAC_BAD_TYPE: [
    [0, 2, 0],
    [0, 2, 0],
  ],
  OFPBAC_BAD_LEN: [
    [0, 2, 1],
    [0, 2, 1],
  ],
  OFPBAC_BAD_VENDOR: [
    [0, 2, 2],
    [0, 2, 2],
  ],
  OFPBAC_BAD_VENDOR_TYPE: [
    [0, 2, 3],
    [0, 2, 3],
  ],
  OFPBAC_BAD_OUT_PORT: [
    [0, 2, 4],
    [0, 2, 4],
  ],
  OFPBAC_BAD_ARGUMENT: [
    [0, 2, 5],
    [0, 2, 5],
  ],
  OFPBAC_EPERM: [
    [0, 2, 6],
    [0, 2, 6],
  ],
  OFPBAC_TOO_MANY: [
    [0, 2, 7],
    [0, 2, 7],
  ],
  OFPBAC_BAD_QUEUE: [
    [0, 2, 8],
    [0, 2, 8],
  ],
  OFPBAC_BAD_OUT_GROUP: [
    [NX, 2, 9],
    [0, 2, 9],
  ],
  OFPBAC_MATCH_INCONSISTENT: [
    [NX, 1, 522],
    [0, 2, 10],
  ],
  OFPBAC_UNSUPPORTED_ORDER: [undefined, [0, 2, 11]],
  OFPBAC_BAD_TAG: [undefined, [0, 2, 12]],
  OFPBAC_BAD_SET_TYPE: [
    [NX, 1, 523],
    [0, 2, 13],
  ],
  OFPBAC_BAD_SET_LEN: [
    [NX, 1, 524],
    [0, 2, 14],
  ],
  OFPBAC_BAD_SET_ARGUMENT: [
    [NX, 1, 525],
    [0, 2, 15],
  ],
  OFPBAC_BAD_SET_MASK: [undefined, [ONF, 4250, 0]],
  NXBAC_MUST_BE_ZERO: [
    [NX, 2, 256],
    [NX, 11, 0],
  ],
  NXBAC_BAD_CONJUNCTION: [
    [NX, 2, 526],
    [NX, 15, 0],
  ],
  OFPBIC_UNKNOWN_INST: [undefined, [0, 3, 0]],
  OFPBIC_UNSUP_INST: [
    [NX, 2, 257],
    [0, 3, 1],
  ],
  OFPBIC_BAD_TABLE_ID: [undefined, [0, 3, 2]],
  OFPBIC_UNSUP_METADATA: [undefined, [0, 3, 3]],
  OFPBIC_UNSUP_METADATA_MASK: [undefined, [0, 3, 4]],
  OFPBIC_BAD_EXPERIMENTER: [undefined, [0, 3, 5]],
  OFPBIC_BAD_EXP_TYPE: [undefined, [0, 3, 6]],
  OFPBIC_BAD_LEN: [undefined, [0, 3, 7]],
  OFPBIC_EPERM: [undefined, [0, 3, 8]],
  OFPBIC_DUP_INST: [undefined, [ONF, 2600, 0]],
  OFPBMC_BAD_TYPE: [undefined, [0, 4, 0]],
  OFPBMC_BAD_LEN: [undefined, [0, 4, 1]],
  OFPBMC_BAD_TAG: [undefined, [0, 4, 2]],
  OFPBMC_BAD_DL_ADDR_MASK: [undefined, [0, 4, 3]],
  OFPBMC_BAD_NW_ADDR_MASK: [undefined, [0, 4, 4]],
  OFPBMC_BAD_WILDCARDS: [
    [NX, 1, 262],
    [0, 4, 5],
  ],
  OFPBMC_BAD_FIELD: [
    [NX, 0, 263],
    [0, 4, 6],
  ],
  OFPBMC_BAD_VALUE: [
    [NX, 1, 258],
    [0, 4, 7],
  ],
  OFPBMC_BAD_MASK: [
    [NX, 1, 259],
    [0, 4, 8],
  ],
  OFPBMC_BAD_PREREQ: [
    [NX, 1, 260],
    [0, 4, 9],
  ],
  OFPBMC_DUP_FIELD: [
    [NX, 1, 261],
    [0, 4, 10],
  ],
  OFPBMC_EPERM: [undefined, [0, 4, 11]],
  OFPFMFC_UNKNOWN: [undefined, [0, 5, 0]],
  OFPFMFC_TABLE_FULL: [
    [0, 3, 0],
    [0, 5, 1],
  ],
  OFPFMFC_BAD_TABLE_ID: [undefined, [0, 5, 2]],
  OFPFMFC_OVERLAP: [
    [0, 3, 1],
    [0, 5, 3],
  ],
  OFPFMFC_EPERM: [
    [0, 3, 2],
    [0, 5, 4],
  ],
  OFPFMFC_BAD_TIMEOUT: [undefined, [0, 5, 5]],
  OFPFMFC_BAD_EMERG_TIMEOUT: [[0, 3, 3], undefined],
  OFPFMFC_BAD_COMMAND: [
    [0, 3, 4],
    [0, 5, 6],
  ],
  OFPFMFC_BAD_FLAGS: [
    [NX, 3, 258],
    [0, 5, 7],
  ],
  OFPFMFC_UNSUPPORTED: [[0, 3, 5], undefined],
  OFPGMFC_GROUP_EXISTS: [
    [NX, 6, 0],
    [0, 6, 0],
  ],
  OFPGMFC_INVALID_GROUP: [
    [NX, 6, 1],
    [0, 6, 1],
  ],
  OFPGMFC_UNKNOWN_GROUP: [
    [NX, 6, 8],
    [0, 6, 8],
  ],
  OFPGMFC_BAD_TYPE: [
    [NX, 6, 10],
    [0, 6, 10],
  ],
  OFPPMFC_BAD_PORT: [
    [0, 4, 0],
    [0, 7, 0],
  ],
  OFPPMFC_BAD_HW_ADDR: [
    [0, 4, 1],
    [0, 7, 1],
  ],
  OFPPMFC_BAD_CONFIG: [undefined, [0, 7, 2]],
  OFPPMFC_BAD_ADVERTISE: [undefined, [0, 7, 3]],
  OFPPMFC_EPERM: [undefined, [0, 7, 4]],
  OFPTMFC_BAD_TABLE: [undefined, [0, 8, 0]],
  OFPTMFC_BAD_CONFIG: [undefined, [0, 8, 1]],
  OFPTMFC_EPERM: [undefined, [0, 8, 2]],
  OFPQOFC_BAD_PORT: [
    [0, 5, 0],
    [0, 9, 0],
  ],
  OFPQOFC_BAD_QUEUE: [
    [0, 5, 1],
    [0, 9, 1],
  ],
  OFPQOFC_EPERM: [
    [0, 5, 2],
    [0, 9, 2],
  ],
  OFPSCFC_BAD_FLAGS: [undefined, [0, 10, 0]],
  OFPSCFC_BAD_LEN: [undefined, [0, 10, 1]],
  OFPRRFC_STALE: [undefined, [0, 11, 0]],
  OFPRRFC_UNSUP: [undefined, [0, 11, 1]],
  OFPRRFC_BAD_ROLE: [
    [NX, 1, 513],
    [0, 11, 2],
  ],
  OFPMMFC_INVALID_METER: [undefined, [0, 12, 2]],
  OFPMMFC_UNKNOWN_METER: [undefined, [0, 12, 3]],
  OFPMMFC_OUT_OF_METERS: [undefined, [0, 12, 10]],
  OFPMMFC_BAD_COMMAND: [undefined, [0, 12, 4]],
  OFPTFFC_BAD_TABLE: [undefined, [0, 13, 0]],
  OFPTFFC_BAD_METADATA: [undefined, [0, 13, 1]],
  OFPTFFC_EPERM: [undefined, [0, 13, 5]],
  OFPBFC_TIMEOUT: [undefined, [ONF, 2314, 0]],
  OFPBRC_IS_SLAVE: [
    [0, 1, 5],
    [0, 1, 10],
  ],
};

/** What is sent for an error that a version cannot say: NXBRC_UNENCODABLE_ERROR. */
const UNENCODABLE = 'NXBRC_UNENCODABLE_ERROR';

/** 1.0's type and code that announce an extension error (NXET_VENDOR, NXVC_VENDOR_ERROR); 1.2+ has its own type. */
const NXET_VENDOR = 0xb0c2;
const OFPET_EXPERIMENTER = 0xffff;

const column = (version: number): 0 | 1 => (version >= OFP13_VERSION ? 1 : 0);

/** True for names that OfError may carry. */
export function isErrorCode(name: string): boolean {
  return Object.hasOwn(CODES, name);
}

export function encodeError(w: Writer, version: number, code: string, data: Uint8Array): void {
  const [vendor, type, number] = numbersOf(code, version);
  if (vendor === 0) {
    w.u16(type).u16(number);
  } else if (version >= OFP13_VERSION) {
    w.u16(OFPET_EXPERIMENTER).u16(type).u32(vendor);
  } else {
    w.u16(NXET_VENDOR).u16(0).u32(vendor).u16(type).u16(number);
  }
  w.put(data);
}

function numbersOf(code: string, version: number): Numbers {
  const known = Object.hasOwn(CODES, code) ? CODES[code]![column(version)] : undefined;
  if (known) return known;
  const given = /^(\d+)\/(\d+)$/.exec(code);
  return given ? [0, Number(given[1]), Number(given[2])] : CODES[UNENCODABLE]![column(version)]!;
}

export function decodeError(r: Reader, version: number): { code: string; data: Uint8Array } {
  const type = r.u16();
  const code = r.u16();
  let numbers: Numbers = [0, type, code];
  if (type === OFPET_EXPERIMENTER && version >= OFP13_VERSION) numbers = [r.u32(), code, 0];
  else if (type === NXET_VENDOR && code === 0 && version < OFP13_VERSION) numbers = [r.u32(), r.u16(), r.u16()];
  return { code: nameOf(numbers, version), data: r.rest().slice() };
}

function nameOf(wanted: Numbers, version: number): string {
  for (const [name, columns] of Object.entries(CODES)) {
    const numbers = columns[column(version)];
    if (numbers?.every((number, i) => number === wanted[i])) return name;
  }
  return `${wanted[1]}/${wanted[2]}`;
}
