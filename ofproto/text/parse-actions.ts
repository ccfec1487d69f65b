// Actions from ovs-ofctl's syntax (ovs-actions(7)): `output:1,resubmit(,2),load:5->reg0[]`.

import { UserError } from '../../lib/errors.ts';
import { OFPP, type OfAction, type Subfield } from '../model/actions.ts';
import { bigintOf, bytesOf, fieldByName, isValidValue } from '../model/fields.ts';
import { allOnes } from '../model/full-mask.ts';
import { PACKET_IN_REASONS } from '../model/nicira.ts';
import { tunMetadataByName } from '../model/tun-metadata.ts';
import { parseEther, parseIpv4 } from './addresses.ts';
import { parseFieldValue } from './field-values.ts';
import { type KeyValue, keyValues, parseInteger, parseU32, parseU64, parseUint } from './lexer.ts';
import { parseCt } from './parse-ct.ts';
import { parseDecap, parseEncap } from './parse-encap.ts';
import { parseBundle, parseConjunction, parseMultipath } from './parse-hashed.ts';
import { parseLearn } from './parse-learn.ts';
import { type Names, parseTable, portFromText } from './ports.ts';
import { parseSubfield, splitArrow } from './subfields.ts';
import { verifyNested } from './verify-actions.ts';

type Parser = (item: KeyValue, names: Names) => OfAction;

/** Parses a list of actions and instructions, in the order given. Throws UserError. */
export function parseActions(text: string, names: Names = {}, outside: 'list' | 'ct' = 'list'): OfAction[] {
  const items = [...keyValues(text)];
  const actions = items.filter(({ key }) => key.toLowerCase() !== 'drop').map((item) => parseAction(item, names));
  if (outside === 'list' && actions.some(setsConnection))
    throw new UserError('cannot set CT fields outside of ct action');
  if (actions.length > 0 && actions.length < items.length) {
    throw new UserError('"drop" must not be accompanied by any other action or instruction');
  }
  return actions;
}

/** Writes to ct_mark and ct_label are for ct's exec. */
function setsConnection(action: OfAction): boolean {
  const f = action.type === 'set_field' ? action.field : action.type === 'reg_move' ? action.dst.field : undefined;
  return f?.name === 'ct_mark' || f?.name === 'ct_label';
}

function parseAction(item: KeyValue, names: Names): OfAction {
  const name = item.key.toLowerCase();
  const parser = Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined;
  if (parser) return parser(item, names);
  const port = portFromText(item.key, names);
  if (port === undefined) throw new UserError(`unknown action ${item.key}`);
  return output(port);
}

const output = (port: number, maxLen = port === OFPP.CONTROLLER ? 0xffff : 0): OfAction => ({
  type: 'output',
  port,
  maxLen,
});

function ether(text: string): Uint8Array {
  const mac = parseEther(text);
  if (!mac) throw new UserError(`invalid mac address ${text}`);
  return mac;
}

function ipv4(text: string): number {
  const ip = parseIpv4(text);
  if (!ip) throw new UserError(`${text}: could not convert to IP address`);
  return Number(bigintOf(ip));
}

/** A port that an action names; `what` completes "%s: ... to unknown port". */
function actionPort(text: string, names: Names, what: string): number {
  const port = portFromText(text, names);
  if (port === undefined) throw new UserError(`${text}: ${what} to unknown port`);
  return port;
}

function vlanVid(text: string): number {
  if (text === '') throw new UserError('invalid VLAN VID ""');
  const vid = parseU32(text);
  if (vid > 0xfff) throw new UserError(`${text}: not a valid VLAN VID`);
  return vid;
}

function vlanPcp(text: string): number {
  if (text === '') throw new UserError('invalid VLAN PCP ""');
  const pcp = parseU32(text);
  if (pcp > 7) throw new UserError(`${text}: not a valid VLAN PCP`);
  return pcp;
}

const PARSERS: Readonly<Record<string, Parser>> = {
  output: ({ value }, names) => parseOutput(value, names),
  controller: ({ value }) => parseController(value),
  enqueue: ({ value }, names) => {
    const [, port, queue] = /^([^:,]*)[:,](.*)$/.exec(value) ?? [];
    if (port === undefined || queue === undefined || queue === '') {
      throw new UserError('"enqueue" syntax is "enqueue:PORT:QUEUE" or "enqueue(PORT,QUEUE)"');
    }
    return { type: 'enqueue', port: actionPort(port, names, 'enqueue'), queue: parseU32(queue) };
  },
  set_queue: ({ value }) => ({ type: 'set_queue', queue: parseU32(value) }),
  pop_queue: () => ({ type: 'pop_queue' }),
  group: ({ value }) => ({ type: 'group', groupId: parseU32(value) }),
  push_vlan: ({ value }) => {
    const ethertype = parseUint(value, 16, 'ethertype');
    if (ethertype !== 0x8100 && ethertype !== 0x88a8) throw new UserError(`${value}: not a valid VLAN ethertype`);
    return { type: 'push_vlan', ethertype };
  },
  pop_vlan: () => ({ type: 'pop_vlan' }),
  strip_vlan: () => ({ type: 'pop_vlan', strip: true }),
  mod_vlan_vid: ({ value }) => ({ type: 'set_vlan_vid', vid: vlanVid(value), pushIfNeeded: true }),
  set_vlan_vid: ({ value }) => ({ type: 'set_vlan_vid', vid: vlanVid(value), pushIfNeeded: false }),
  mod_vlan_pcp: ({ value }) => ({ type: 'set_vlan_pcp', pcp: vlanPcp(value), pushIfNeeded: true }),
  set_vlan_pcp: ({ value }) => ({ type: 'set_vlan_pcp', pcp: vlanPcp(value), pushIfNeeded: false }),
  mod_dl_src: ({ value }) => ({ type: 'set_eth_src', mac: ether(value) }),
  mod_dl_dst: ({ value }) => ({ type: 'set_eth_dst', mac: ether(value) }),
  mod_nw_src: ({ value }) => ({ type: 'set_ip_src', ip: ipv4(value) }),
  mod_nw_dst: ({ value }) => ({ type: 'set_ip_dst', ip: ipv4(value) }),
  mod_nw_tos: ({ value }) => {
    const dscp = parseUint(value, 8, 'TOS');
    if (dscp & 3) throw new UserError(`${dscp}: not a valid TOS`);
    return { type: 'set_ip_dscp', dscp };
  },
  mod_nw_ecn: ({ value }) => {
    const ecn = parseUint(value, 8, 'ECN');
    if (ecn > 3) throw new UserError(`${ecn}: not a valid ECN`);
    return { type: 'set_ip_ecn', ecn };
  },
  mod_nw_ttl: ({ value }) => ({ type: 'set_ip_ttl', ttl: parseUint(value, 8, 'TTL') }),
  mod_tp_src: ({ value }) => ({ type: 'set_l4_src_port', port: parseUint(value, 16, 'source port') }),
  mod_tp_dst: ({ value }) => ({ type: 'set_l4_dst_port', port: parseUint(value, 16, 'destination port') }),
  set_field: ({ value }, names) => parseSetField(value, names),
  load: ({ value }) => parseLoad(value),
  move: ({ value }) => parseMove(value),
  push: ({ value }) => ({ type: 'stack_push', subfield: parseSubfield(value) }),
  pop: ({ value }) => ({ type: 'stack_pop', subfield: parseSubfield(value) }),
  dec_ttl: ({ value }) => {
    const ids = [...keyValues(value)].map(({ key }) => Number(parseInteger(key) ?? 0n) & 0xffff);
    return { type: 'dec_ttl', controllerIds: ids };
  },
  set_tunnel: ({ value }) => {
    const tunId = parseU64(value);
    return { type: 'set_tunnel', tunId, wide: tunId > 0xffffffffn };
  },
  set_tunnel64: ({ value }) => ({ type: 'set_tunnel', tunId: parseU64(value), wide: true }),
  resubmit: ({ value }, names) => parseResubmit(value, names),
  learn: ({ value }, names) => ({ type: 'learn', spec: parseLearn(value, names) }),
  conjunction: ({ value }) => parseConjunction(value),
  multipath: ({ value }) => parseMultipath(value),
  bundle: ({ value }, names) => parseBundle(value, names, false),
  bundle_load: ({ value }, names) => parseBundle(value, names, true),
  note: ({ value }) => ({ type: 'note', data: parseHex(value, 'note') }),
  exit: () => ({ type: 'exit' }),
  clone: ({ value }, names) => ({ type: 'clone', actions: parseNested(value, names, 'clone') }),
  fin_timeout: ({ value }) => parseFinTimeout(value),
  sample: ({ value }, names) => parseSample(value, names),
  push_mpls: ({ value }) => ({ type: 'push_mpls', ethertype: parseUint(value, 16, 'push_mpls') }),
  pop_mpls: ({ value }) => ({ type: 'pop_mpls', ethertype: parseUint(value, 16, 'pop_mpls') }),
  set_mpls_label: ({ value }) => {
    if (value === '') throw new UserError('set_mpls_label: expected label.');
    return { type: 'set_mpls_label', label: mplsNumber(value, 0xfffff, 'label') };
  },
  set_mpls_tc: ({ value }) => {
    if (value === '') throw new UserError('set_mpls_tc: expected tc.');
    return { type: 'set_mpls_tc', tc: mplsNumber(value, 7, 'TC') };
  },
  set_mpls_ttl: ({ value }) => {
    if (value === '') throw new UserError('set_mpls_ttl: expected ttl.');
    return { type: 'set_mpls_ttl', ttl: parseUint(value, 8, 'MPLS TTL') };
  },
  dec_mpls_ttl: () => ({ type: 'dec_mpls_ttl' }),
  dec_nsh_ttl: () => ({ type: 'dec_nsh_ttl' }),
  encap: ({ value }) => parseEncap(value),
  decap: ({ value }) => parseDecap(value),
  check_pkt_larger: ({ value }) => parseCheckPktLarger(value),
  delete_field: ({ value }) => {
    const f = fieldByName(value) ?? tunMetadataByName(value);
    if (!f) throw new UserError(`unknown field \`${value}'`);
    return { type: 'delete_field', field: f };
  },
  ct: ({ value }, names) => parseCt(value, names, (list, known) => parseActions(list, known, 'ct')),
  nat: () => {
    throw new UserError('Cannot have NAT action outside of "ct" action');
  },
  ct_clear: () => ({ type: 'ct_clear' }),
  debug_recirc: () => ({ type: 'debug_recirc' }),
  debug_slow: () => ({ type: 'debug_slow' }),
  meter: ({ value }) => ({ type: 'meter', meterId: parseU32(value) }),
  clear_actions: () => ({ type: 'clear_actions' }),
  write_actions: ({ value }, names) => ({ type: 'write_actions', actions: parseNested(value, names, 'write_actions') }),
  write_metadata: ({ value }) => {
    const [metadata, mask] = value.split('/');
    return {
      type: 'write_metadata',
      metadata: parseU64(metadata!),
      mask: mask === undefined ? 0xffffffffffffffffn : parseU64(mask),
    };
  },
  goto_table: ({ value }, names) => ({ type: 'goto_table', tableId: parseTable(value, names) }),
};

function parseNested(text: string, names: Names, outer: 'clone' | 'write_actions'): OfAction[] {
  const actions = parseActions(text, names);
  verifyNested(actions, outer);
  return actions;
}

function parseOutput(text: string, names: Names): OfAction {
  const options = new Map([...keyValues(text)].map(({ key, value }) => [key, value]));
  if (options.has('port') && options.has('max_len')) {
    const maxLen = parseU32(options.get('max_len')!);
    if (maxLen < 14) throw new UserError(`max_len ${maxLen} is less than the minimum value 14`);
    const port = portFromText(options.get('port')!, names);
    const other = [...options.keys()].find((key) => key !== 'port' && key !== 'max_len');
    if (other !== undefined) throw new UserError(`invalid key '${other}' in output_trunc argument`);
    if (port === undefined) throw new UserError(`output to unknown truncate port: ${options.get('port')}`);
    return { type: 'output_trunc', port, maxLen };
  }
  const port = portFromText(text, names);
  if (port !== undefined) return output(port);
  try {
    return { type: 'output_reg', src: parseSubfield(text), maxLen: 0xffff };
  } catch {
    throw new UserError(`${text}: output to unknown port`);
  }
}

function parseController(text: string): OfAction {
  if (text === '') return output(OFPP.CONTROLLER);
  if (parseInteger(text) !== undefined) return output(OFPP.CONTROLLER, parseUint(text, 16, 'max_len'));
  let [maxLen, controllerId, reason, meterId, pause] = [0xffff, 0, 1, 0, false];
  let userdata: Uint8Array | undefined;
  for (const { key, value } of keyValues(text)) {
    if (key === 'max_len') maxLen = parseUint(value, 16, 'max_len');
    else if (key === 'id') controllerId = parseUint(value, 16, 'id');
    else if (key === 'meter_id') meterId = parseU32(value);
    else if (key === 'pause') pause = true;
    else if (key === 'userdata') userdata = parseHex(value, "controller' action `userdata");
    else if (key === 'reason') {
      reason = (PACKET_IN_REASONS as readonly string[]).indexOf(value);
      if (reason < 0) throw new UserError(`unknown reason "${value}"`);
    } else throw new UserError(`unknown key "${key}" parsing controller action`);
  }
  if (reason === 1 && controllerId === 0 && !userdata && !pause && meterId === 0) {
    return output(OFPP.CONTROLLER, maxLen);
  }
  return {
    type: 'controller',
    maxLen,
    controllerId,
    reason,
    ...(userdata && { userdata }),
    ...(pause && { pause }),
    ...(meterId !== 0 && { meterId }),
  };
}

/** Hexadecimal digits, optionally with dots between bytes. */
function parseHex(text: string, what: string): Uint8Array {
  const bytes: number[] = [];
  for (let rest = text.replace(/^\./, ''); rest !== ''; rest = rest.slice(2).replace(/^\./, '')) {
    if (!/^[0-9a-f]{2}/i.test(rest))
      throw new UserError(`bad hex digit in \`${what}${what === 'note' ? "' argument" : "'"}`);
    bytes.push(Number.parseInt(rest.slice(0, 2), 16));
  }
  return Uint8Array.from(bytes);
}

function arrow(text: string): readonly [source: string, destination: string] {
  const parts = splitArrow(text);
  if (!parts) throw new UserError(`${text}: missing \`->'`);
  return parts;
}

function parseSetField(text: string, names: Names): OfAction {
  const [valueText, name] = arrow(text);
  const f = fieldByName(name);
  if (!f) throw new UserError(`${name} is not a valid OXM field name`);
  if (!f.writable) throw new UserError(`${name} is read-only`);
  const { value, mask: given } = parseFieldValue(f, valueText, names);
  // Flags by name are all of them, flags with signs are some.
  const mask = f.format === 'tnl_flags' && !/[+/-]/.test(valueText) ? allOnes(f) : given;
  if (!isValidValue(f, value)) throw new UserError(`${valueText} is not a valid value for field ${name}`);
  return { type: 'set_field', field: f, value: value.map((byte, i) => byte & mask[i]!), mask, form: 'set_field' };
}

function parseLoad(text: string): OfAction {
  const [valueText, destination] = arrow(text);
  const dst = parseSubfield(destination);
  const value = parseInteger(valueText);
  if (value === undefined) throw new UserError(`${text}: cannot parse integer value`);
  if (value >= 1n << BigInt(dst.bits)) {
    throw new UserError(`${text}: value 0x${value.toString(16)} does not fit into ${dst.bits} bits`);
  }
  return loadAction(dst, value);
}

/** load:VALUE->DST[..]. */
export function loadAction(dst: Subfield, value: bigint): OfAction {
  const mask = ((1n << BigInt(dst.bits)) - 1n) << BigInt(dst.ofs);
  return {
    type: 'set_field',
    field: dst.field,
    value: bytesOf(value << BigInt(dst.ofs), dst.field.size),
    mask: bytesOf(mask, dst.field.size),
    form: 'reg_load',
  };
}

function parseMove(text: string): OfAction {
  const parts = splitArrow(text);
  if (!parts) throw new UserError(`${text}: missing \`->' following source`);
  const [src, dst] = [parseSubfield(parts[0]), parseSubfield(parts[1])];
  if (src.bits !== dst.bits) {
    throw new UserError(`${text}: source field is ${src.bits} bits wide but destination is ${dst.bits} bits wide`);
  }
  return { type: 'reg_move', src, dst };
}

function parseResubmit(text: string, names: Names): OfAction {
  const [portText = '', tableText = '', option] = text.split(',');
  if (option !== undefined && option !== 'ct') throw new UserError(`${option}: unknown parameter`);
  let inPort: number = OFPP.IN_PORT;
  if (portText !== '') inPort = actionPort(portText, names, 'resubmit');
  let tableId = 255;
  if (tableText !== '') {
    try {
      tableId = parseTable(tableText, names);
    } catch {
      throw new UserError(`${tableText}: resubmit to unknown table`);
    }
  }
  if (portText === '' && tableText === '') {
    throw new UserError('at least one "in_port" or "table" must be specified on resubmit');
  }
  return { type: 'resubmit', inPort, tableId, withCtOrig: option === 'ct' };
}

function parseFinTimeout(text: string): OfAction {
  let [idleTimeout, hardTimeout] = [0, 0];
  for (const { key, value } of keyValues(text)) {
    if (key === 'idle_timeout') idleTimeout = parseUint(value, 16, key);
    else if (key === 'hard_timeout') hardTimeout = parseUint(value, 16, key);
    else throw new UserError(`invalid key '${key}' in 'fin_timeout' argument`);
  }
  return { type: 'fin_timeout', idleTimeout, hardTimeout };
}

function mplsNumber(text: string, max: number, what: string): number {
  const value = parseInteger(text) ?? 0n;
  if (value > BigInt(max)) throw new UserError(`${text}: not a valid MPLS ${what}`);
  return Number(value);
}

/** `check_pkt_larger(SIZE)->DST[BIT]`: the lexer leaves what follows the parentheses in the value. */
function parseCheckPktLarger(text: string): OfAction {
  const parts = splitArrow(text);
  if (!parts) throw new UserError(`${text}: missing \`->'`);
  const maxLen = parseUint(parts[0], 16, '(null)');
  const dst = parseSubfield(parts[1]);
  if (dst.bits !== 1) throw new UserError('Only 1-bit destination field is allowed');
  return { type: 'check_pkt_larger', maxLen, dst };
}

function parseSample(text: string, names: Names): OfAction {
  let [probability, collectorSetId, obsDomainId, obsPointId] = [0, 0, 0, 0];
  let samplingPort: number | undefined;
  let direction: 'ingress' | 'egress' | undefined;
  for (const { key, value } of keyValues(text)) {
    if (key === 'probability') {
      probability = parseUint(value, 16, 'probability');
      if (probability === 0) throw new UserError(`invalid probability value "${value}"`);
    } else if (key === 'collector_set_id') collectorSetId = parseU32(value);
    else if (key === 'obs_domain_id') obsDomainId = parseU32(value);
    else if (key === 'obs_point_id') obsPointId = parseU32(value);
    else if (key === 'sampling_port') samplingPort = samplePort(value, names);
    else if (key === 'ingress' || key === 'egress') direction = key;
    else throw new UserError(`invalid key "${key}" in "sample" argument`);
  }
  if (probability === 0) throw new UserError('non-zero "probability" must be specified on sample');
  return {
    type: 'sample',
    probability,
    collectorSetId,
    obsDomainId,
    obsPointId,
    ...(samplingPort !== undefined && { samplingPort }),
    ...(direction && { direction }),
  };
}

function samplePort(text: string, names: Names): number {
  const port = portFromText(text, names);
  if (port === undefined) throw new UserError(`${text}: unknown port`);
  return port;
}
