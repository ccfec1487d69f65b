// Rings of Intel's 82574L (e1000e), legacy descriptors of 16 bytes (datasheet 7.1.4 and 7.2.10). The device writes a
// descriptor's second half when it is done with it; the tail register tells it how far descriptors are ready. One
// descriptor stays unused: a tail at the head is an empty ring. Descriptor i is buffer i, as in virtio-ring.ts.
//
//   receive   | buffer address u64 | length u16 | checksum u16 | status u8 | errors u8 | special u16 |
//   transmit  | buffer address u64 | length u16 | CSO u8 | CMD u8 | STA u8 | CSS u8 | special u16 |
//
// Of the ring's record (layout/vring.ts) lastUsed is the descriptor to look at next, availIdx the one to make ready next.

import {
  BROKEN_SPLIT_FRAME,
  BROKEN_USED_LENGTH,
  DROP_RX_ERROR,
  DROP_RX_RUNT,
  DROP_RX_TOO_LONG,
  DROP_TX_RING_FULL,
  DROP_TX_TOO_LONG,
} from '../layout/drop-reasons.ts';
import { PS_RX_ERRORS } from '../layout/flow.ts';
import { BURST_MAX, FRAME_MAX } from '../layout/memory-map.ts';
import { VRING_FLAG_TRANSMIT } from '../layout/vring.ts';
import { addStat, countDrop, dropReceived, portStats } from './counters.ts';
import { packetAt, RUNT, Whole } from './vhost-rx.ts';
import { frameLen, writePacket } from './vhost-tx.ts';
import { Packet, Thread, Vring } from './views.ts';
import { deviceAddress } from './device-address.ts';

const RXD_STAT_DD: u32 = 1;
const RXD_STAT_EOP: u32 = 2;
/** CE, SE, SEQ, CXE and RXE: bytes that are not what was sent. */
const RXD_ERR_FRAME: u32 = 0x97;
const TXD_CMD_EOP: u32 = 1;
const TXD_CMD_IFCS: u32 = 2;
const TXD_CMD_RS: u32 = 8;
const TXD_STAT_DD: u64 = 1;

/** Takes a burst of received frames, as takeUsed() of virtio-rx.ts does. Returns the packets. */
export function takeReceived(t: Thread, ring: Vring): u32 {
  const mask = ring.num - 1;
  const size = ring.bufferSize;
  const first = ring.lastUsed;
  let packets: u32 = 0;
  let taken: u32 = 0;
  for (; taken < <u32>BURST_MAX; taken++) {
    const i = (first + taken) & mask;
    // Length, status and errors are one store of the device's and one load here; acquire: the frame is read after it.
    const word = atomic.load<u64>(ring.desc + (i << 4) + 8);
    const status = <u32>(word >> 32) & 0xff;
    if (!(status & RXD_STAT_DD)) break;
    const len = <u32>word & 0xffff;
    if (len > size || !(status & RXD_STAT_EOP)) {
      ring.fail(len > size ? BROKEN_USED_LENGTH : BROKEN_SPLIT_FRAME);
      break;
    }
    if (<u32>(word >> 40) & RXD_ERR_FRAME) {
      countDrop(t, DROP_RX_ERROR, 1);
      addStat(portStats(t, ring.port), PS_RX_ERRORS, 1);
    } else if (len - RUNT <= <u32>FRAME_MAX - RUNT) {
      Whole.take(packetAt(t, packets), ring.buffers + i * size, len);
      packets++;
    } else dropReceived(t, ring.port, len < RUNT ? DROP_RX_RUNT : DROP_RX_TOO_LONG, 1);
  }
  ring.lastUsed = (first + taken) & mask;
  t.burstCount = taken;
  t.burstVring = changetype<u32>(ring);
  return packets;
}

/** Makes descriptors ready up to the one that is looked at next. */
export function giveReceived(ring: Vring): void {
  const mask = ring.num - 1;
  const end = ring.lastUsed;
  let i = ring.availIdx;
  for (; i != end; i = (i + 1) & mask) makeReady(ring, i);
  ring.availIdx = i;
  moveTail(ring, (i - 1) & mask);
}

/** As virtioSend(). */
export function sendFrames(t: Thread, ring: Vring, first: u32, n: u32): u32 {
  const mask = ring.num - 1;
  const size = ring.bufferSize;
  let next = ring.availIdx;
  let reason: u32 = 0;
  let bytes: u64 = 0;
  let sent: u32 = 0;
  let p = changetype<Packet>(first);
  for (; sent < n; sent++) {
    const len = frameLen(p);
    // The one behind is done: so is this one, which was sent before it, and one stays unused between tail and head.
    const behind = atomic.load<u64>(ring.desc + (((next + 1) & mask) << 4) + 8);
    const isFull = ((behind >> 32) & TXD_STAT_DD) == 0;
    if (isFull || len > size) {
      reason = isFull ? DROP_TX_RING_FULL : DROP_TX_TOO_LONG;
      break;
    }
    const buffer = ring.buffers + next * size;
    writePacket(p, 0, buffer, len);
    const at = ring.desc + (next << 4);
    store<u64>(at, deviceAddress(buffer));
    store<u64>(at, <u64>(len | ((TXD_CMD_EOP | TXD_CMD_IFCS | TXD_CMD_RS) << 24)), 8);
    bytes += <u64>len;
    next = (next + 1) & mask;
    p = changetype<Packet>(p.next);
  }
  t.sentBytes = bytes;
  if (sent > 0) {
    ring.availIdx = next;
    moveTail(ring, next);
  }
  return sent | (reason << 16);
}

/** The ring's first state: every receive descriptor is ready, every transmit descriptor done. */
export function resetDescriptors(ring: Vring): void {
  const transmits = (ring.flags & VRING_FLAG_TRANSMIT) != 0;
  for (let i: u32 = 0; i < ring.num; i++) {
    makeReady(ring, i);
    if (transmits) store<u64>(ring.desc + (i << 4), TXD_STAT_DD << 32, 8);
  }
  ring.lastUsed = 0;
  ring.availIdx = 0;
}

function makeReady(ring: Vring, i: u32): void {
  const at = ring.desc + (i << 4);
  store<u64>(at, deviceAddress(ring.buffers + i * ring.bufferSize));
  store<u64>(at, 0, 8);
}

function moveTail(ring: Vring, tail: u32): void {
  ring.calls++;
  // Release: descriptors and frames are written before the register is.
  atomic.store<u32>(changetype<usize>(ring) + offsetof<Vring>('doorbellValue'), tail);
  store<u32>(ring.doorbell, tail);
}
