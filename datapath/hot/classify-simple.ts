// Classification when a port's only mask reads nothing behind key word 2: in_port, Ethernet type, fragment bits and
// protocol, VLAN tags. That is all that plain forwarding by port matches, so parse and lookup are one pass: the two key
// words are built in registers from the header copy and compared with the last flow's, and a key is only written when
// the flow changes. Everything unusual (tags, 802.3, IPv6, options, malformed) takes the ordinary parser first.

import { CLS_SUBTABLES, FLOW_WORDS, SUB_MASKS, SUB_OFFSETS, SUB_WORD_COUNT } from '../layout/flow.ts';
import { KEY_IN_PORT, KEY_PACKET_TYPE, KEY_VLAN0_TPID } from '../layout/flow-key.ts';
import { TB_RUNS, TC_MEGAFLOW_HITS, TC_MISSES, TC_SUBTABLE_LOOKUPS } from '../layout/thread-block.ts';
import { count } from './counters.ts';
import { lookupSubtable, Runs } from './lookup.ts';
import { parse } from './parse.ts';
import { packetAt } from './vhost-rx.ts';
import { Flow, PKT_KEY, Run, Thread } from './views.ts';

/** The mask's bits in key word `at`, 0 when it has none. */
export function maskOf(subtable: u32, at: u32): u64 {
  const words = load<u32>(subtable, SUB_WORD_COUNT);
  for (let i: u32 = 0; i < words; i++) {
    if (load<u32>(subtable + (i << 2), SUB_OFFSETS) == at) return load<u64>(subtable + (i << 3), SUB_MASKS);
  }
  return 0;
}

/** The flow's bits in key word `at`: the masks here are narrow, so a flow has its first words where the key has them. */
function wordOf(flow: Flow, at: u32): u64 {
  return load<u64>(changetype<u32>(flow) + at, FLOW_WORDS);
}

/** Ethernet and IPv4 headers without options: what must be there to be ordinary. */
export const ORDINARY_MIN: u32 = 34;

/** What one look at a frame's first 32 bytes yields. */
export class Ordinary {
  /**
   * Key word 1 of an ordinary IPv4 packet, in memory order: Ethernet type 0x0800, version 4, a header of 20 bytes, no
   * fragment, a total length that the frame has. 0 when the frame needs the parser.
   */
  @inline static word1(first: v128, second: v128, frame: u32): u64 {
    const ip = <u64>i64x2.extract_lane(second, 0);
    const total = <u32>bswap<u16>(<u16>ip);
    if (((<u64>i64x2.extract_lane(first, 1) >> 32) & 0xffffff) != 0x450008) return 0;
    if (total < 20 || total > frame - 14 || ((ip >> 32) & 0xff3f) != 0) return 0;
    return ((<u64>0x0008) << 32) | ((ip >> 56) << 56);
  }
}

/** Sorts the burst into runs like lookupBurst(). Returns the misses. */
export function classifySimple(t: Thread, classifier: u32, inPortWord: u64, n: u32): u32 {
  const subtable = load<u32>(classifier, CLS_SUBTABLES);
  const mask1 = maskOf(subtable, KEY_PACKET_TYPE);
  const mask2 = maskOf(subtable, KEY_VLAN0_TPID);
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  let last: u32 = 0;
  let last1: u64 = 0;
  let last2: u64 = 0;
  let tried: u32 = 0;
  let missed: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const p = packetAt(t, i);
    const key = changetype<u32>(p) + PKT_KEY;
    let word1: u64 = 0;
    if (p.hdrLen >= ORDINARY_MIN) word1 = Ordinary.word1(v128.load(p.data), v128.load(p.data, 16), p.len);
    let word2: u64 = 0;
    p.tcpFlags = 0;
    p.headerTooLong = 0;
    p.ethType = 0;
    if (word1 == 0) {
      // Depth 0 reads at most the fixed part of a header and IPv6's chain.
      p.headerTooLong = parse(p, inPortWord, 0) ? 0 : 1;
      word1 = load<u64>(key, KEY_PACKET_TYPE);
      word2 = load<u64>(key, KEY_VLAN0_TPID);
    }
    let flow = last;
    if (last == 0 || (word1 & mask1) != last1 || (word2 & mask2) != last2) {
      store<u64>(key, inPortWord, KEY_IN_PORT);
      store<u64>(key, word1, KEY_PACKET_TYPE);
      store<u64>(key, word2, KEY_VLAN0_TPID);
      tried++;
      flow = lookupSubtable(subtable, key);
      if (flow == 0) missed++;
      else {
        last1 = wordOf(changetype<Flow>(flow), KEY_PACKET_TYPE);
        last2 = wordOf(changetype<Flow>(flow), KEY_VLAN0_TPID);
      }
      last = flow;
    }
    run = Runs.add(t, run, i, p, flow);
  }
  if (n > missed) count(t, TC_MEGAFLOW_HITS, n - missed);
  if (tried) count(t, TC_SUBTABLE_LOOKUPS, tried);
  if (missed) count(t, TC_MISSES, missed);
  return missed;
}
