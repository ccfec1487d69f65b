// Messages about the connection and the switch as a whole: hello, errors, echo, features, configuration, roles, which
// asynchronous messages to send, and Nicira's settings of a connection.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError, type OfPortDesc } from '../model/flow-mod.ts';
import {
  type Capability,
  type FeaturesReply,
  type FragHandling,
  OFP10_VERSION,
  OFP11_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  type PacketInFormat,
  type Role,
  type RoleBody,
  type SwitchConfig,
} from '../model/messages.ts';
import { always, type Codec, codec, type DecodeContext, emptyCodec, since } from './codec.ts';
import { decodeError, encodeError } from './errors.ts';
import { decodePort, encodePort } from './ports.ts';
import { decodeProperties } from './properties.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V12 = OFP12_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;
const OFPHET_VERSIONBITMAP = 1;

function decodeHello(r: Reader, version: number): { versions: number[] } {
  const upTo = Array.from({ length: version }, (_, i) => i + 1);
  for (const { type, value } of decodeProperties(r, 'OFPBRC_BAD_LEN')) {
    if (type !== OFPHET_VERSIONBITMAP || value.remaining < 4) continue;
    const bits = value.u32();
    r.rest();
    return { versions: Array.from({ length: 31 }, (_, i) => i + 1).filter((v) => (bits & (1 << v)) !== 0) };
  }
  return { versions: upTo };
}

/** A bitmap only where the header's version, meaning "all up to this", would say too much. */
function encodeHello(w: Writer, { versions }: { readonly versions: readonly number[] }): void {
  const highest = Math.max(...versions);
  if (versions.length === highest) return;
  w.u16(OFPHET_VERSIONBITMAP).u16(8);
  w.u32(versions.reduce((bits, version) => bits | (1 << version), 0) >>> 0);
}

/** Bit of each capability, and the versions that have it. */
const CAPABILITIES: readonly (readonly [name: Capability, bit: number, first: number, last: number])[] = [
  ['flow_stats', 0, V10, Infinity],
  ['table_stats', 1, V10, Infinity],
  ['port_stats', 2, V10, Infinity],
  ['stp', 3, V10, V10],
  ['group_stats', 3, V11, Infinity],
  ['ip_reasm', 5, V10, Infinity],
  ['queue_stats', 6, V10, Infinity],
  ['arp_match_ip', 7, V10, V11],
  ['port_blocked', 8, V12, Infinity],
  ['bundles', 9, V14, Infinity],
  ['flow_monitoring', 10, V14, Infinity],
];

const capabilitiesOf = (version: number) =>
  CAPABILITIES.filter(([, , first, last]) => version >= first && version <= last);

/** 1.3 and later ask for ports with OFPMP_PORT_DESC. */
const hasPorts = (version: number): boolean => version < V13;

function decodeFeatures(r: Reader, version: number): FeaturesReply {
  const head = { datapathId: r.u64(), nBuffers: r.u32(), nTables: r.u8(), auxiliaryId: r.u8() };
  r.skip(2);
  const bits = r.u32();
  const capabilities = capabilitiesOf(version)
    .filter(([, bit]) => bits & (1 << bit))
    .map(([name]) => name);
  const actions = r.u32();
  const ports: OfPortDesc[] = [];
  if (hasPorts(version)) while (r.remaining > 0) ports.push(decodePort(r, version));
  return { ...head, capabilities, actions: version === V10 ? actions : 0, ports };
}

function encodeFeatures(w: Writer, body: FeaturesReply, version: number): void {
  w.u64(body.datapathId).u32(body.nBuffers).u8(body.nTables);
  w.u8(version < V13 ? 0 : body.auxiliaryId).zeros(2);
  const sayable = capabilitiesOf(version).filter(([name]) => body.capabilities.includes(name));
  w.u32(sayable.reduce((bits, [, bit]) => bits | (1 << bit), 0)).u32(version === V10 ? body.actions : 0);
  if (hasPorts(version)) for (const port of body.ports) encodePort(w, port, version);
}

const FRAGMENTS: readonly FragHandling[] = ['normal', 'drop', 'reassemble', 'nx-match'];
const OFPC_FRAG_MASK = 3;
const OFPC_INVALID_TTL_TO_CONTROLLER = 1 << 2;

function decodeConfig(r: Reader, { version }: DecodeContext): SwitchConfig {
  const flags = r.u16();
  // 1.3 has the masks of set-async in place of the second flag.
  const known = OFPC_FRAG_MASK | (version < V13 ? OFPC_INVALID_TTL_TO_CONTROLLER : 0);
  if (flags & ~known) throw new OfError('OFPSCFC_BAD_FLAGS');
  return {
    frag: FRAGMENTS[flags & 3]!,
    invalidTtlToController: (flags & OFPC_INVALID_TTL_TO_CONTROLLER) !== 0,
    missSendLen: r.u16(),
  };
}

function encodeConfig(w: Writer, body: SwitchConfig): void {
  w.u16(FRAGMENTS.indexOf(body.frag) | (body.invalidTtlToController ? OFPC_INVALID_TTL_TO_CONTROLLER : 0));
  w.u16(body.missSendLen);
}

const ROLES: readonly Role[] = ['nochange', 'equal', 'master', 'slave'];
const NO_GENERATION = 0xffffffffffffffffn;

function decodeRole(r: Reader): RoleBody {
  const role = ROLES[r.u32()];
  if (!role) throw new OfError('OFPRRFC_BAD_ROLE');
  r.skip(4);
  return { role, generationId: r.u64(), nicira: false };
}

/** NXT_ROLE_* counts other (equal) 0, master 1, slave 2. */
function decodeNxRole(r: Reader): RoleBody {
  const role = ROLES[r.u32() + 1];
  if (!role) throw new OfError('OFPRRFC_BAD_ROLE');
  return { role, generationId: NO_GENERATION, nicira: true };
}

const encodeRole = (w: Writer, { role, generationId }: RoleBody) =>
  w.u32(ROLES.indexOf(role)).zeros(4).u64(generationId);
const encodeNxRole = (w: Writer, { role }: RoleBody) => w.u32(Math.max(0, ROLES.indexOf(role) - 1));
const isNicira = (body: { nicira: boolean }) => body.nicira;
const isStandard = (body: { nicira: boolean }) => !body.nicira;

const FORMATS: readonly PacketInFormat[] = ['standard', 'nxt_packet_in', 'nxt_packet_in2'];

function decodePacketInFormat(r: Reader): { format: PacketInFormat } {
  const format = FORMATS[r.u32()];
  if (!format) throw new OfError('OFPBRC_EPERM');
  return { format };
}

/** NXFF_OPENFLOW10 and NXFF_NXM. */
const NXFF_OPENFLOW10 = 0;
const NXFF_NXM = 2;

function decodeFlowFormat(r: Reader): { format: 'standard' | 'nxm' } {
  const number = r.u32();
  if (number !== NXFF_OPENFLOW10 && number !== NXFF_NXM) throw new OfError('OFPBRC_EPERM');
  return { format: number === NXFF_NXM ? 'nxm' : 'standard' };
}

const data = (r: Reader) => ({ data: r.rest().slice() });
const putData = (w: Writer, body: { readonly data: Uint8Array }) => w.put(body.data);

export const SESSION_CODECS: readonly Codec[] = [
  codec('hello', always('m0'), (r, { version }) => decodeHello(r, version), encodeHello),
  codec(
    'error',
    always('m1'),
    (r, { version }) => decodeError(r, version),
    (w, body, version) => encodeError(w, version, body.code, body.data),
  ),
  codec('echo_request', always('m2'), data, putData),
  codec('echo_reply', always('m3'), data, putData),
  emptyCodec('features_request', always('m5')),
  codec('features_reply', always('m6'), (r, { version }) => decodeFeatures(r, version), encodeFeatures),
  emptyCodec('get_config_request', always('m7')),
  codec('get_config_reply', always('m8'), decodeConfig, encodeConfig),
  codec('set_config', always('m9'), decodeConfig, encodeConfig),
  emptyCodec('barrier_request', { ...since(V11, 'm20'), [V10]: 'm18' }),
  emptyCodec('barrier_reply', { ...since(V11, 'm21'), [V10]: 'm19' }),
  codec('role_request', since(V12, 'm24'), decodeRole, encodeRole, isStandard),
  codec('role_reply', since(V12, 'm25'), decodeRole, encodeRole, isStandard),
  codec('role_request', always('n10'), decodeNxRole, encodeNxRole, isNicira),
  codec('role_reply', always('n11'), decodeNxRole, encodeNxRole, isNicira),
  codec('set_flow_format', { [V10]: 'n12' }, decodeFlowFormat, (w, body) =>
    w.u32(body.format === 'nxm' ? NXFF_NXM : NXFF_OPENFLOW10),
  ),
  codec(
    'flow_mod_table_id',
    always('n15'),
    (r) => {
      const enabled = r.u8() !== 0;
      r.skip(7);
      return { enabled };
    },
    (w, body) => w.u8(body.enabled ? 1 : 0).zeros(7),
  ),
  codec('set_packet_in_format', always('n16'), decodePacketInFormat, (w, body) => w.u32(FORMATS.indexOf(body.format))),
  emptyCodec('flow_age', always('n18')),
  codec(
    'set_controller_id',
    always('n20'),
    (r) => {
      r.skip(6);
      return { controllerId: r.u16() };
    },
    (w, body) => w.zeros(6).u16(body.controllerId),
  ),
];
