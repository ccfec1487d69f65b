// Enqueue: writes a list of packets into the buffers that a guest offered. The header comes from the private copy, the
// rest straight from its source: one copy, guest to guest. Used entries become visible with one store of the used
// index at the end (virtio 1.2, 2.7.8), so a trap in the middle leaves the ring as it was.

import {
  BROKEN_HEAD_RANGE,
  BROKEN_ZERO_LENGTH,
  DROP_CHUNK_UNMAPPED,
  DROP_TX_RING_BROKEN,
  DROP_TX_RING_FULL,
  DROP_TX_TOO_LONG,
} from '../layout/drop-reasons.ts';
import { DEVICE_REGIONS, VRING_FLAG_MRG_RXBUF, VRING_STATE_BROKEN } from '../layout/vring.ts';
import { copyBytes, Wide } from './copy.ts';
import { Chain, CHAIN_END, CHAIN_PIECE, CHAIN_STALLED, DESC_F_WRITE, unreachableAddress } from './descriptor-chain.ts';
import { NOT_MAPPED_YET, translate } from './guest-memory.ts';
import { publishUsed } from './notify.ts';
import { Packet, segLen, segOffset, Thread, Vring, Region } from './views.ts';

/** Buffers merged into one packet at most: a 9728-byte frame over buffers of 128 bytes and some. */
const MERGE_MAX: u32 = 80;

/**
 * Where one packet's bytes come from: the virtio-net header (12 or 10 zero bytes, patched later), the private header
 * copy, then the source pieces. write() hands them out in order.
 */
export function writePacket(p: Packet, skip: u32, to: u32, n: u32): void {
  let done: u32 = 0;
  const hdrLen = p.hdrLen;
  if (skip < hdrLen) {
    const k = min<u32>(hdrLen - skip, n);
    copyBytes(to, p.data + skip, k);
    done = k;
  }
  let base = hdrLen;
  for (let i: u32 = 0; done < n; i++) {
    const len = segLen(p, i);
    const want = skip + done;
    if (want < base + len) {
      const inside = want - base;
      const k = min<u32>(len - inside, n - done);
      copyBytes(to + done, segOffset(p, i) + inside, k);
      done += k;
    }
    base += len;
  }
}

/** Bytes of the frame that go out: all, or what a trunc action left. */
export function frameLen(p: Packet): u32 {
  return min<u32>(p.len, p.outLen);
}

/**
 * Enqueues `n` packets, linked from `first`. Returns how many it wrote in the low 16 bits and, above them, the drop
 * reason of the first that it could not; their bytes are in the thread's block (sentBytes).
 *
 * The common buffer, one descriptor inside the region of the last one and large enough, is filled here in the loop with
 * the region's bounds in locals; chains and merged buffers go the long way.
 */
export function vhostEnqueue(t: Thread, ring: Vring, first: u32, n: u32): u32 {
  const mask = ring.num - 1;
  const hdr = ring.hdrSize;
  const desc = ring.desc;
  const avail = ring.avail + 4;
  const used = ring.used + 4;
  const region = changetype<Region>(ring.device + DEVICE_REGIONS + ring.regionHint);
  const base = region.guestAddr;
  const size = region.chunkTable == 0 ? region.size : 0;
  const window = region.offset;
  let lastAvail = ring.lastAvail;
  let usedIdx = ring.usedIdx;
  let availIdx = lastAvail;
  let sent: u32 = 0;
  let bytes: u64 = 0;
  let reason: u32 = 0;
  let p = changetype<Packet>(first);
  for (; sent < n; sent++) {
    if (availIdx == lastAvail) {
      availIdx = (lastAvail + ring.waiting(lastAvail)) & 0xffff;
      if (availIdx == lastAvail) {
        reason = ring.state == VRING_STATE_BROKEN ? DROP_TX_RING_BROKEN : DROP_TX_RING_FULL;
        break;
      }
    }
    const head = <u32>load<u16>(avail + ((lastAvail & mask) << 1));
    if (head > mask) {
      ring.fail(BROKEN_HEAD_RANGE);
      reason = DROP_TX_RING_BROKEN;
      break;
    }
    const len = frameLen(p);
    const need = len + hdr;
    const addr = load<u64>(desc + (head << 4));
    const word = load<u64>(desc + (head << 4), 8);
    const delta = addr - base;
    if (((word >> 32) & 0xffff) == DESC_F_WRITE && <u32>word >= need && delta < size && size - delta >= <u64>need) {
      const to = window + <u32>delta;
      store<u64>(to, 0);
      // num_buffers = 1 in the last two bytes of a 12-byte header.
      if (hdr == 12) store<u32>(to, 0x10000, 8);
      else store<u16>(to, 0, 8);
      if (len == 64 && p.hdrLen == 64) Wide.copy64(to + hdr, p.data);
      else writePacket(p, 0, to + hdr, len);
      store<u64>(used + ((usedIdx & mask) << 3), <u64>head | ((<u64>need) << 32));
      usedIdx++;
      lastAvail = (lastAvail + 1) & 0xffff;
    } else {
      const outcome = enqueueChains(t, ring, p, lastAvail, usedIdx, availIdx);
      if (outcome >= 0x10000) {
        reason = outcome >> 16;
        break;
      }
      usedIdx += outcome;
      lastAvail = (lastAvail + outcome) & 0xffff;
    }
    bytes += <u64>len;
    p = changetype<Packet>(p.next);
  }
  t.sentBytes = bytes;
  if (sent > 0) {
    ring.lastAvail = lastAvail;
    publishUsed(t, ring, usedIdx);
  }
  return sent | (reason << 16);
}

/** The drop reason behind a walk that did not end well. */
function failure(outcome: u32): u32 {
  return outcome == CHAIN_STALLED ? DROP_CHUNK_UNMAPPED : DROP_TX_RING_BROKEN;
}

/** Writes `n` bytes of the virtual stream "virtio-net header, then frame" from position `from`. */
function writeStream(p: Packet, hdr: u32, from: u32, to: u32, n: u32): void {
  let done: u32 = 0;
  // A driver may split the header anywhere (ANY_LAYOUT): zeroes, byte by byte.
  for (; from + done < hdr && done < n; done++) store<u8>(to + done, 0);
  if (n > done) writePacket(p, from + done - hdr, to + done, n - done);
}

/**
 * A packet over several descriptors, and with MRG_RXBUF over several chains (virtio 1.2, 5.1.6.4). Returns the number
 * of chains used, or a drop reason << 16. Nothing is visible to the guest before the used index moves.
 */
function enqueueChains(t: Thread, ring: Vring, p: Packet, lastAvail: u32, usedIdx: u32, availIdx: u32): u32 {
  const chain = Chain.of(t);
  const mask = ring.num - 1;
  const hdr = ring.hdrSize;
  const total = frameLen(p) + hdr;
  let chains: u32 = 0;
  let written: u32 = 0;
  let numBuffersAt: u32 = 0;
  while (written < total) {
    if (chains == MERGE_MAX) return (<u32>DROP_TX_TOO_LONG) << 16;
    if (((lastAvail + chains) & 0xffff) == availIdx) return (<u32>DROP_TX_RING_FULL) << 16;
    if (chains == 1 && !(ring.flags & VRING_FLAG_MRG_RXBUF)) return (<u32>DROP_TX_TOO_LONG) << 16;
    const head = <u32>load<u16>(ring.avail + 4 + (((lastAvail + chains) & mask) << 1));
    if (head > mask) {
      ring.fail(BROKEN_HEAD_RANGE);
      return (<u32>DROP_TX_RING_BROKEN) << 16;
    }
    const before = written;
    chain.start(ring, head);
    while (written < total) {
      const outcome = chain.next(ring, DESC_F_WRITE);
      if (outcome == CHAIN_END) break;
      if (outcome != CHAIN_PIECE) return failure(outcome) << 16;
      const n = min<u32>(chain.len, total - written);
      const to = translate(ring, chain.addr, n);
      if (to <= NOT_MAPPED_YET) return failure(unreachableAddress(ring, to)) << 16;
      // num_buffers is at bytes 10 and 11 of the header; its high byte stays zero.
      if (written <= 10 && written + n > 10) numBuffersAt = to + 10 - written;
      writeStream(p, hdr, written, to, n);
      written += n;
    }
    // A chain of nothing writes nothing: it could be offered for ever.
    if (written == before) {
      ring.fail(BROKEN_ZERO_LENGTH);
      return (<u32>DROP_TX_RING_BROKEN) << 16;
    }
    const used = ring.used + 4 + (((usedIdx + chains) & mask) << 3);
    store<u64>(used, <u64>head | ((<u64>(written - before)) << 32));
    chains++;
  }
  if (hdr == 12) store<u8>(numBuffersAt, <u8>chains);
  return chains;
}
