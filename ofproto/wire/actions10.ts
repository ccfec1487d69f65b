// OpenFlow 1.0's standard actions (OpenFlow 1.0, 5.2.4).

import type { Reader } from '../../lib/cursors.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { bigintOf, numberOf, portFrom16, portTo16 } from '../model/fields.ts';
import { VLAN_CFI } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import type { ActionEncoder } from './action-encoder.ts';
import * as OFPAT11 from './setters11.ts';
import { readSetter } from './setters11.ts';

type SetField = Extract<OfAction, { type: 'set_field' }>;

const OFPAT_OUTPUT = 0;
const OFPAT_SET_VLAN_VID = 1;
const OFPAT_SET_VLAN_PCP = 2;
const OFPAT_STRIP_VLAN = 3;
const OFPAT_SET_DL_SRC = 4;
const OFPAT_SET_DL_DST = 5;
const OFPAT_SET_NW_SRC = 6;
const OFPAT_SET_NW_DST = 7;
const OFPAT_SET_NW_TOS = 8;
const OFPAT_SET_TP_SRC = 9;
const OFPAT_SET_TP_DST = 10;
const OFPAT_ENQUEUE = 11;

/** Length of each action with its header, by type. */
const LENGTHS = [8, 8, 8, 8, 16, 16, 8, 8, 8, 8, 8, 16];

/** What 1.1 numbers the setters of 1.0. */
const SETTERS: Readonly<Record<number, number>> = {
  [OFPAT_SET_VLAN_VID]: OFPAT11.OFPAT_SET_VLAN_VID,
  [OFPAT_SET_VLAN_PCP]: OFPAT11.OFPAT_SET_VLAN_PCP,
  [OFPAT_SET_DL_SRC]: OFPAT11.OFPAT_SET_DL_SRC,
  [OFPAT_SET_DL_DST]: OFPAT11.OFPAT_SET_DL_DST,
  [OFPAT_SET_NW_SRC]: OFPAT11.OFPAT_SET_NW_SRC,
  [OFPAT_SET_NW_DST]: OFPAT11.OFPAT_SET_NW_DST,
  [OFPAT_SET_NW_TOS]: OFPAT11.OFPAT_SET_NW_TOS,
  [OFPAT_SET_TP_SRC]: OFPAT11.OFPAT_SET_TP_SRC,
  [OFPAT_SET_TP_DST]: OFPAT11.OFPAT_SET_TP_DST,
};

/** Bits of the standard actions that weft has, as the features reply of 1.0 lists them. */
export const OFPAT10_SUPPORTED = 0xfff;

/** Checks that a port may be output to: a port number, or one of the words. */
export function checkOutputPort(port: number): number {
  // Port 0 never exists, which is no reason to refuse it; reserved numbers below IN_PORT mean nothing.
  if (port < 0xff00 || (port >= OFPP.IN_PORT && port !== OFPP.ANY)) return port;
  throw new OfError('OFPBAC_BAD_OUT_PORT');
}

/** Decodes one action whose type is read already. Throws OfError OFPBAC_*. */
export function decodeAction10(type: number, r: Reader): OfAction {
  const length = LENGTHS[type];
  if (length === undefined) throw new OfError('OFPBAC_BAD_TYPE');
  if (r.length !== length) throw new OfError('OFPBAC_BAD_LEN');
  switch (type) {
    case OFPAT_OUTPUT: {
      const port = checkOutputPort(portFrom16(r.u16()));
      return { type: 'output', port, maxLen: r.u16() };
    }
    case OFPAT_STRIP_VLAN:
      return { type: 'pop_vlan', strip: true };
    case OFPAT_ENQUEUE: {
      const port = portFrom16(r.u16());
      r.skip(6);
      // A queue belongs to a port: only real ports, and the words that end up at one.
      if (port >= OFPP.MAX && port !== OFPP.IN_PORT && port !== OFPP.LOCAL) throw new OfError('OFPBAC_BAD_OUT_PORT');
      return { type: 'enqueue', port, queue: r.u32() };
    }
    default:
      return readSetter(SETTERS[type]!, r, true);
  }
}

/** Writes an action in 1.0's own form, or returns false: then it goes as a Nicira action. */
export function encodeAction10(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'output':
      return e.action(OFPAT_OUTPUT, (w) => w.u16(portTo16(a.port)).u16(a.maxLen));
    case 'set_vlan_vid':
      return vlanVid(e, a.vid);
    case 'set_vlan_pcp':
      return vlanPcp(e, a.pcp);
    case 'pop_vlan':
      return e.action(OFPAT_STRIP_VLAN, (w) => w.zeros(4));
    case 'push_vlan':
      // 1.0 pushes with the set_vlan_vid or set_vlan_pcp that follows.
      return true;
    case 'set_eth_src':
    case 'set_eth_dst':
      return ether(e, a.type === 'set_eth_src', a.mac);
    case 'set_ip_src':
    case 'set_ip_dst':
      return ipv4(e, a.type === 'set_ip_src', a.ip);
    case 'set_ip_dscp':
      return e.action(OFPAT_SET_NW_TOS, (w) => w.u8(a.dscp).zeros(3));
    case 'set_l4_src_port':
    case 'set_l4_dst_port':
      return port(e, a.type === 'set_l4_src_port', a.port);
    case 'enqueue':
      return e.action(OFPAT_ENQUEUE, (w) => w.u16(portTo16(a.port)).zeros(6).u32(a.queue));
    case 'set_field': {
      const setters = asSetters(a, true);
      return setters.length > 0 && setters.every((setter) => encodeAction10(e, setter));
    }
    // Instructions of 1.1+ without a counterpart are left out, as Open vSwitch does.
    case 'meter':
    case 'clear_actions':
    case 'write_actions':
      return true;
    default:
      return false;
  }
}

const vlanVid = (e: ActionEncoder, vid: number): true =>
  e.action(OFPAT_SET_VLAN_VID, (w) => w.u16(vid & 0xfff).zeros(2));
const vlanPcp = (e: ActionEncoder, pcp: number): true => e.action(OFPAT_SET_VLAN_PCP, (w) => w.u8(pcp).zeros(3));
const ether = (e: ActionEncoder, src: boolean, mac: Uint8Array): true =>
  e.action(src ? OFPAT_SET_DL_SRC : OFPAT_SET_DL_DST, (w) => w.put(mac).zeros(6));
const ipv4 = (e: ActionEncoder, src: boolean, ip: number): true =>
  e.action(src ? OFPAT_SET_NW_SRC : OFPAT_SET_NW_DST, (w) => w.u32(ip));
const port = (e: ActionEncoder, src: boolean, value: number): true =>
  e.action(src ? OFPAT_SET_TP_SRC : OFPAT_SET_TP_DST, (w) => w.u16(value).zeros(2));

/** The setters that stand for a set_field in OpenFlow 1.0 and 1.1; none where there are none. */
export function asSetters(a: SetField, pushVlan: boolean): OfAction[] {
  const setter = asSetter(a, pushVlan);
  if (setter || a.form !== 'set_field' || a.field.name !== 'vlan_tci') return setter ? [setter] : [];
  const tci = Number(bigintOf(a.value));
  if ((tci & VLAN_CFI) === 0) return [{ type: 'pop_vlan' }];
  return [
    { type: 'set_vlan_vid', vid: tci & 0xfff, pushIfNeeded: pushVlan },
    { type: 'set_vlan_pcp', pcp: tci >> 13, pushIfNeeded: pushVlan },
  ];
}

function asSetter(a: SetField, pushVlan: boolean): OfAction | undefined {
  // As Open vSwitch does, whatever the mask: these versions have no masked setters.
  if (a.form !== 'set_field') return undefined;
  const value = numberOf(a.value);
  switch (a.field.name) {
    case 'vlan_vid':
      return { type: 'set_vlan_vid', vid: value & 0xfff, pushIfNeeded: pushVlan };
    case 'vlan_pcp':
      return { type: 'set_vlan_pcp', pcp: value, pushIfNeeded: pushVlan };
    case 'eth_src':
      return { type: 'set_eth_src', mac: a.value };
    case 'eth_dst':
      return { type: 'set_eth_dst', mac: a.value };
    case 'ip_src':
      return { type: 'set_ip_src', ip: value };
    case 'ip_dst':
      return { type: 'set_ip_dst', ip: value };
    case 'nw_tos':
      return { type: 'set_ip_dscp', dscp: value & 0xfc };
    case 'ip_dscp':
      return { type: 'set_ip_dscp', dscp: (value << 2) & 0xfc };
    case 'nw_ecn':
      return { type: 'set_ip_ecn', ecn: value };
    case 'tcp_src':
    case 'udp_src':
      return { type: 'set_l4_src_port', port: value };
    case 'tcp_dst':
    case 'udp_dst':
      return { type: 'set_l4_dst_port', port: value };
    default:
      return undefined;
  }
}
