// NORMAL: the packet is switched as by an ordinary learning switch with VLANs (ovs-actions(7), "normal"; Port columns
// tag, trunks, vlan_mode of ovs-vswitchd.conf.db(5)).

import { macNumber } from '../mac-learning.ts';
import * as F from '../model/flow.ts';
import type { PortVlan } from '../ofproto-api.ts';
import type { XlateContext } from './context.ts';
import { emitOutput } from './port-output.ts';
import { hasVlan, isArp } from './protocols.ts';
import type { XlatePort } from './snapshot.ts';
import { ETH_TYPE_VLAN, VLAN_PCP_MASK, VLAN_VID_MASK } from './vlan.ts';

const TRUNK_ALL: PortVlan = { mode: 'trunk', tag: 0 };
const ARP_REPLY = 2;
const ARP_REQUEST = 1;

export function xlateNormal(ctx: XlateContext): void {
  const { flow, wc, bridge, report } = ctx;
  wc.bytes.fill(0xff, F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  wc.bytes.fill(0xff, F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
  wc.setU16(F.KEY_VLAN0_TCI, wc.u16(F.KEY_VLAN0_TCI) | VLAN_VID_MASK | F.VLAN_CFI);

  const inPort = bridge.port(flow.u32(F.KEY_IN_PORT));
  if (!inPort) {
    report.add('error', () => `received packet on unknown port ${flow.u32(F.KEY_IN_PORT)}`);
    report.add('warn', () => 'no input bundle, dropping');
    return;
  }
  const vid = hasVlan(flow) ? flow.u16(F.KEY_VLAN0_TCI) & VLAN_VID_MASK : 0;
  const refusal = refuseVid(inPort, vid);
  if (refusal) {
    report.add('error', () => refusal);
    report.add('warn', () => 'disallowed VLAN VID for this input port, dropping');
    return;
  }
  const dst = flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  if (!bridge.forwardBpdu && isReserved(dst)) {
    report.add('detail', () => 'packet has reserved destination MAC, dropping');
    return;
  }
  const vlan = inputVlan(inPort, vid);
  learnSource(ctx, inPort, vlan);
  forward(ctx, inPort, vlan, dst);
}

function forward(ctx: XlateContext, inPort: XlatePort, vlan: number, dst: Uint8Array): void {
  const { bridge, report } = ctx;
  ctx.macsRead.push(macNumber(dst));
  const known = bridge.macPort(vlan, dst);
  const port = known === undefined ? undefined : bridge.port(known);
  if (!port) {
    report.add('detail', () => 'no learned MAC for destination, flooding');
    for (const other of bridge.ports) {
      if (other.ofPort !== inPort.ofPort && !other.config.noFlood && carries(other, vlan)) outputIn(ctx, other, vlan);
    }
  } else if (port.ofPort === inPort.ofPort) {
    report.add('detail', () => 'learned port is input port, dropping');
  } else {
    report.add('detail', () => 'forwarding to learned port');
    if (carries(port, vlan)) outputIn(ctx, port, vlan);
  }
}

/** Reads of the packet what telling a gratuitous ARP takes, as Open vSwitch does, so that megaflows are alike. */
function learnSource(ctx: XlateContext, inPort: XlatePort, vlan: number): void {
  const { flow, wc } = ctx;
  const mac = flow.bytes.slice(F.KEY_ETH_SRC, F.KEY_ETH_SRC + 6);
  const broadcast = flow.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_DST + 6).every((byte) => byte === 0xff);
  if (isArp(flow) && broadcast) {
    wc.setU8(F.KEY_NW_PROTO, 0xff);
    const opcode = flow.u8(F.KEY_NW_PROTO);
    if (opcode !== ARP_REPLY && opcode === ARP_REQUEST) {
      wc.setU32(F.KEY_NW_SRC, 0xffffffff);
      wc.setU32(F.KEY_NW_DST, 0xffffffff);
    }
  }
  if ((mac[0]! & 1) === 0) ctx.here.macs.push({ vlan, mac, ofPort: inPort.ofPort });
}

/** Addresses that bridges do not forward (IEEE 802.1Q table 8-1) and those of discovery protocols like them. */
const RESERVED: ReadonlySet<string> = new Set([
  '00e02b000000',
  '00e02b000004',
  '00e02b000006',
  '01000c000000',
  '01000ccccccc',
  '01000ccccccd',
]);

function isReserved(mac: Uint8Array): boolean {
  if (mac[0] !== 0x01 && !(mac[1] === 0xe0 && mac[2] === 0x2b)) return false;
  const text = Buffer.from(mac).toString('hex');
  return (
    text.startsWith('0180c200000') || RESERVED.has(text) || (text.startsWith('01000ccdcdc') && text >= '01000ccdcdcd')
  );
}

/** Why a packet with this VID may not come in here; undefined when it may. */
function refuseVid(port: XlatePort, vid: number): string | undefined {
  const { mode, tag, trunks } = port.vlan ?? TRUNK_ALL;
  if (mode === 'access') {
    if (vid === 0) return undefined;
    return `dropping VLAN ${vid} tagged packet received on port ${port.name} configured as VLAN ${tag} access port`;
  }
  if (mode !== 'trunk' && (vid === 0 || vid === tag)) return undefined;
  if (!trunks || trunks.length === 0 || trunks.includes(vid)) return undefined;
  return `dropping VLAN ${vid} packet received on port ${port.name} not configured for trunking VLAN ${vid}`;
}

function inputVlan(port: XlatePort, vid: number): number {
  const { mode, tag } = port.vlan ?? TRUNK_ALL;
  if (mode === 'access') return tag;
  return mode !== 'trunk' && vid === 0 ? tag : vid;
}

function carries(port: XlatePort, vlan: number): boolean {
  const { mode, tag, trunks } = port.vlan ?? TRUNK_ALL;
  if (mode === 'access') return vlan === tag;
  // A native VLAN takes the place of VLAN 0.
  if (mode !== 'trunk' && (vlan === tag || vlan === 0)) return vlan === tag;
  return !trunks || trunks.length === 0 || trunks.includes(vlan);
}

/** Outputs with the tag that `port` gives to packets of `vlan`; the flow keeps the tag it had. */
function outputIn(ctx: XlateContext, port: XlatePort, vlan: number): void {
  const { flow } = ctx;
  const { mode, tag } = port.vlan ?? TRUNK_ALL;
  const untagged = mode === 'access' || (mode === 'native-untagged' && vlan === tag);
  const before = flow.u32(F.KEY_VLAN0_TPID);
  if (untagged || vlan === 0) {
    flow.setU32(F.KEY_VLAN0_TPID, 0);
  } else {
    const tpid = before >>> 16 || ETH_TYPE_VLAN;
    const tci = (before & VLAN_PCP_MASK) | F.VLAN_CFI | vlan;
    flow.setU32(F.KEY_VLAN0_TPID, ((tpid << 16) | tci) >>> 0);
  }
  emitOutput(ctx, port.ofPort);
  flow.setU32(F.KEY_VLAN0_TPID, before);
}
