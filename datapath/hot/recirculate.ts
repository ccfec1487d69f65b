// Recirculation: a packet is parsed again, as its actions have left it, and looked up with the recirc_id and dp_hash that
// they gave it. Recirculated packets have a classifier of their own for each port, so that what their masks read costs
// received packets nothing. A miss asks the control thread like any other; the slot keeps the metadata.
//
// Order. A packet that waits for an answer is overtaken by none with the same key, as in upcall.ts: who finds a flow while
// answers are out first looks whether its key still waits.

import { DROP_HEADER_TOO_LONG, DROP_RECIRC_DEPTH } from '../layout/drop-reasons.ts';
import { CLS_DEPTH, DEPTH_WIDE } from '../layout/flow.ts';
import { PORT_MAX, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { TC_MISSES, TC_RECIRCULATIONS } from '../layout/thread-block.ts';
import { count, countDrop, credit } from './counters.ts';
import { lookupSingle } from './lookup.ts';
import { parse, parseCommon, setMetadata } from './parse.ts';
import { joinIfPending, miss } from './upcall.ts';
import { Flow, Packet, PKT_KEY, PKT_NO_ETHERNET, Port, Thread } from './views.ts';

/** Recirculations of one packet at most, as in Open vSwitch. */
const DEPTH_MAX: u8 = 6;

/** Returns the action list of the flow that the packet matches; 0 when it was dropped or asks the control thread. */
export function recirculate(t: Thread, p: Packet, id: u32): u32 {
  if ((p.flags & ~PKT_NO_ETHERNET) >= DEPTH_MAX) {
    countDrop(t, DROP_RECIRC_DEPTH, 1);
    return 0;
  }
  p.flags++;
  p.recircId = bswap<u32>(id);
  count(t, TC_RECIRCULATIONS, 1);
  const classifier = classifierOf(p.inPort);
  const depth: u32 = classifier == 0 ? 0 : load<u32>(classifier, CLS_DEPTH);
  const inPortWord = <u64>bswap<u32>(p.inPort) | ((<u64>p.recircId) << 32);
  const common = !(p.flags & PKT_NO_ETHERNET) && parseCommon(p, inPortWord, depth);
  if (!common && !parse(p, inPortWord, depth)) {
    countDrop(t, DROP_HEADER_TOO_LONG, 1);
    return 0;
  }
  const key = changetype<u32>(p) + PKT_KEY;
  if (depth & DEPTH_WIDE) setMetadata(p, key);
  const flow: u32 = classifier == 0 ? 0 : lookupSingle(t, classifier, key);
  if (flow == 0) {
    if (classifier == 0) count(t, TC_MISSES, 1);
    miss(t, p);
    return 0;
  }
  if (t.pendingCount > 0 && joinIfPending(t, p)) return 0;
  credit(t, flow, 1, p.len, p.tcpFlags);
  return changetype<Flow>(flow).actions;
}

/** None for a packet-out that comes from no port: the control thread finds its flow. */
function classifierOf(port: u32): u32 {
  return port >= <u32>PORT_MAX ? 0 : changetype<Port>(PORT_TABLE + port * PORT_SIZE).recircClassifier;
}
