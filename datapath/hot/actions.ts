// Actions: runs a megaflow's words (datapath/layout/flow.ts) on one packet. Outputs are staged; a packet that goes on
// after an output is copied first (its header: the rest is shared), the last output takes the packet itself.

import { DROP_ACTION, DROP_CLONE_LIMIT, DROP_METER, DROP_NO_HEADROOM } from '../layout/drop-reasons.ts';
import {
  ACT_CHECK_PKT_LEN,
  ACT_CLONE,
  ACT_HASH,
  ACT_METER,
  ACT_OUTPUT,
  ACT_POP_VLAN,
  ACT_PUSH_VLAN,
  ACT_RECIRC,
  ACT_SAMPLE,
  ACT_SET_ARP,
  ACT_SET_ETH,
  ACT_SET_ICMP,
  ACT_SET_IPV4,
  ACT_SET_IPV6,
  ACT_SET_MARK,
  ACT_SET_ND,
  ACT_SET_ND_EXT,
  ACT_SET_PORTS,
  ACT_SET_PRIORITY,
  ACT_TRUNC,
  ACT_USERSPACE,
} from '../layout/flow.ts';
import { VLAN_CFI } from '../layout/flow-key.ts';
import { countDrop } from './counters.ts';
import { packetHash } from './hash.ts';
import { meterPacket } from './meter.ts';
import { cut, moveCut } from './packet.ts';
import { changeHeaders } from './push-pop.ts';
import { recirculate } from './recirculate.ts';
import { setArp, setEth, setIcmp, setIpv4, setIpv6, setNd, setNdExt, setPorts } from './set-header.ts';
import { enterClone, leaveClone, stage, stageClone } from './tx.ts';
import { userspace } from './upcall.ts';
import { Packet, PKT_BUF, Thread } from './views.ts';

/** Lists of actions within lists; more than translation nests, and few beside the descriptors there are for copies. */
const DEPTH_MAX: u32 = 32;

/** Runs the action list at `list` (word count, then words). The packet belongs to the list afterwards. */
export function runActions(t: Thread, p: Packet, list: u32): void {
  const words = load<u32>(list);
  if (words == 0) {
    countDrop(t, DROP_ACTION, 1);
    return;
  }
  runWords(t, p, list + 4, list + 4 + (words << 2), 0);
}

function runWords(t: Thread, p: Packet, at: u32, end: u32, depth: u32): void {
  if (depth > DEPTH_MAX) {
    countDrop(t, DROP_CLONE_LIMIT, 1);
    return;
  }
  while (at < end) {
    const word = load<u32>(at);
    const op = word & 0xffff;
    const next = at + ((word >> 16) << 2);
    const args = at + 4;
    if (op == ACT_OUTPUT) {
      const port = load<u32>(args);
      if (next >= end) {
        stage(t, port, p);
        return;
      }
      stageClone(t, port, p);
      p.outLen = 0xffffffff;
    } else if (op == ACT_PUSH_VLAN) {
      if (!pushVlan(p, load<u32>(args))) {
        countDrop(t, DROP_NO_HEADROOM, 1);
        return;
      }
    } else if (op == ACT_POP_VLAN) popVlan(p);
    else if (op == ACT_SET_ETH) setEth(p, args);
    else if (op == ACT_SET_IPV4) setIpv4(p, args);
    else if (op == ACT_SET_IPV6) setIpv6(p, args);
    else if (op == ACT_SET_PORTS) setPorts(p, args);
    else if (op == ACT_SET_ICMP) setIcmp(p, args);
    else if (op == ACT_SET_ARP) setArp(p, args);
    else if (op == ACT_SET_ND) setNd(p, args);
    else if (op == ACT_SET_ND_EXT) setNdExt(p, args);
    else if (op == ACT_USERSPACE) userspace(t, p, load<u32>(args), load<u32>(args, 4));
    else if (op == ACT_TRUNC) cut(p, load<u32>(args));
    else if (op == ACT_METER) {
      if (!meterPacket(t, p, load<u32>(args))) {
        countDrop(t, DROP_METER, 1);
        return;
      }
    } else if (op == ACT_HASH) p.dpHash = packetHash(p, load<u32>(args), load<u32>(args, 4));
    else if (op == ACT_RECIRC) {
      const isLast = next >= end;
      runAgain(t, isLast ? p : enterClone(t, p), load<u32>(args));
      if (isLast) return;
      leaveClone(t);
    } else if (op == ACT_SET_PRIORITY) p.skbPriority = load<u32>(args);
    else if (op == ACT_SET_MARK) p.pktMark = (p.pktMark & ~load<u32>(args, 4)) | load<u32>(args);
    else if (op == ACT_CLONE) runCopy(t, p, args, next, depth);
    else if (op == ACT_SAMPLE) {
      if (nextRandom(t) <= load<u32>(args)) runCopy(t, p, args + 4, next, depth);
    } else if (op == ACT_CHECK_PKT_LEN) {
      const isLast = next >= end;
      runBranch(t, isLast ? p : enterClone(t, p), args, next, depth + 1);
      if (isLast) return;
      leaveClone(t);
    } else if (!changeHeaders(p, op, args)) {
      countDrop(t, DROP_NO_HEADROOM, 1);
      return;
    }
    at = next;
  }
}

function runCopy(t: Thread, p: Packet, at: u32, end: u32, depth: u32): void {
  runWords(t, enterClone(t, p), at, end, depth + 1);
  leaveClone(t);
}

/** Runs one of the two lists of check_pkt_len: size, words of the first list, that list, the second. */
function runBranch(t: Thread, p: Packet, args: u32, end: u32, depth: u32): void {
  const middle = args + 8 + (load<u32>(args, 4) << 2);
  const from = p.len > load<u32>(args) ? args + 8 : middle;
  const to = p.len > load<u32>(args) ? middle : end;
  if (from == to) countDrop(t, DROP_ACTION, 1);
  else runWords(t, p, from, to, depth);
}

/** Chance for samples (splitmix32): no secret, only spread evenly. */
function nextRandom(t: Thread): u32 {
  t.randomState += 0x9e3779b9;
  let x = t.randomState;
  x = (x ^ (x >> 16)) * 0x85ebca6b;
  x = (x ^ (x >> 13)) * 0xc2b2ae35;
  return x ^ (x >> 16);
}

/** The packet belongs to the flow that it matches now. */
function runAgain(t: Thread, p: Packet, id: u32): void {
  const list = recirculate(t, p, id);
  if (list != 0) runActions(t, p, list);
}

/** Inserts a tag after the addresses; `tag`: tpid in the low 16 bits, tci (CFI set: "present") in the high. */
function pushVlan(p: Packet, tag: u32): bool {
  const data = p.data - 4;
  if (data < changetype<u32>(p) + PKT_BUF) return false;
  const addresses = load<u64>(p.data);
  const rest = load<u32>(p.data, 8);
  store<u64>(data, addresses);
  store<u32>(data, rest, 8);
  store<u16>(data, bswap<u16>(<u16>tag), 12);
  store<u16>(data, bswap<u16>(<u16>((tag >> 16) & ~VLAN_CFI)), 14);
  shift(p, data, 4);
  return true;
}

function popVlan(p: Packet): void {
  const type = bswap<u16>(load<u16>(p.data, 12));
  if ((type != 0x8100 && type != 0x88a8) || p.hdrLen < 18) return;
  const addresses = load<u64>(p.data);
  const rest = load<u32>(p.data, 8);
  const data = p.data + 4;
  store<u64>(data, addresses);
  store<u32>(data, rest, 8);
  shift(p, data, -4);
}

function shift(p: Packet, data: u32, by: i32): void {
  p.data = data;
  p.len += by;
  p.hdrLen += by;
  moveCut(p, by);
  p.l3 = <u16>(<i32>p.l3 + by);
  if (p.l4 != 0) p.l4 = <u16>(<i32>p.l4 + by);
}
