// Writes and checks the generator's frames. Checksums are one's-complement sums of native 16-bit words: the sum
// does not depend on byte order (RFC 1071, section 2), so nothing is swapped but what the protocol fixes.

import { Control } from './control.ts';
import {
  MAGIC,
  OFF_ETH_DST_LOW,
  OFF_ETH_SRC_LOW,
  OFF_ETH_TYPE,
  OFF_FILL,
  OFF_FLOW,
  OFF_IP,
  OFF_IP_CHECKSUM,
  OFF_IP_DST,
  OFF_IP_SRC,
  OFF_MAGIC,
  OFF_SEQUENCE,
  OFF_UDP,
  OFF_UDP_CHECKSUM,
  UDP_PORT_FIRST,
  UDP_PORT_MASK,
} from './layout.ts';

const ETH_TYPE_IP_LE: u32 = 0x0008;
const ETH_TYPE_VLAN_LE: u32 = 0x0081;
const VLAN_HLEN: u32 = 4;

/** The two halves of a native 32-bit word, ready to be summed. */
function halves(word: u32): u32 {
  return (word & 0xffff) + (word >> 16);
}

/** Folds a sum to 16 bits. */
function fold(sum: u32): u32 {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/** Copies the template, the whole frame of it, 16 bytes at a time (both are padded to 16). */
function copyTemplate(frame: usize, template: usize, size: u32): void {
  for (let at: u32 = 0; at < size; at += 16) v128.store(frame + at, v128.load(template + at));
}

/** Writes every byte of flow `flow`'s frame number `sequence`, checksums right. */
export function writeFrame(g: Control, frame: usize, flow: u32, sequence: u32): void {
  copyTemplate(frame, g.template, g.frameSize);
  const src = bswap<u32>(g.srcAddr + flow);
  const dst = bswap<u32>(g.dstAddr + flow);
  const port: u32 = bswap<u16>(<u16>(UDP_PORT_FIRST + (flow & UDP_PORT_MASK)));
  const macLow = bswap<u32>(flow);
  store<u32>(frame + OFF_ETH_DST_LOW, macLow);
  store<u32>(frame + OFF_ETH_SRC_LOW, macLow);
  store<u32>(frame + OFF_IP_SRC, src);
  store<u32>(frame + OFF_IP_DST, dst);
  store<u16>(frame + OFF_UDP, <u16>port);
  store<u32>(frame + OFF_FLOW, flow);
  store<u32>(frame + OFF_SEQUENCE, sequence);
  const addresses = halves(src) + halves(dst);
  store<u16>(frame + OFF_IP_CHECKSUM, <u16>~fold(g.ipSum + addresses));
  const udp = fold(g.udpSum + addresses + port + halves(flow) + halves(sequence));
  // RFC 768: a computed zero is sent as all ones.
  store<u16>(frame + OFF_UDP_CHECKSUM, udp === 0xffff ? 0xffff : <u16>~udp);
}

/** Sum of `size` bytes as native 16-bit words; reads every one of them. */
function sumBytes(at: usize, size: u32): u32 {
  let lanes = i32x4.splat(0);
  const end = at + size;
  for (; at + 16 <= end; at += 16) {
    lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
  }
  let sum: u32 = i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1);
  sum += i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
  for (; at + 2 <= end; at += 2) sum += load<u16>(at);
  return at < end ? sum + load<u8>(at) : sum;
}

/** Reads the whole received frame: its checksum must be right, its sequence number the next of its flow. */
export function checkFrame(g: Control, frame: usize, size: u32): void {
  let l3: u32 = OFF_IP;
  let ethType: u32 = load<u16>(frame + OFF_ETH_TYPE);
  if (ethType === ETH_TYPE_VLAN_LE) {
    ethType = load<u16>(frame + OFF_ETH_TYPE + VLAN_HLEN);
    l3 += VLAN_HLEN;
  }
  const shift = l3 - OFF_IP;
  if (
    size < <u32>OFF_FILL + shift ||
    ethType !== ETH_TYPE_IP_LE ||
    load<u32>(frame + OFF_MAGIC + shift) !== <u32>MAGIC
  ) {
    g.foreign += 1;
    return;
  }
  const udpSize = size - shift - OFF_UDP;
  // The pseudo header's length and protocol, as native words (RFC 768); the addresses are in the summed range.
  const pseudo: u32 = <u32>bswap<u16>(<u16>udpSize) + 0x1100;
  if (fold(sumBytes(frame + OFF_IP_SRC + shift, size - OFF_IP_SRC - shift) + pseudo) !== 0xffff) g.badChecksum += 1;
  checkSequence(g, load<u32>(frame + OFF_FLOW + shift), load<u32>(frame + OFF_SEQUENCE + shift));
}

function checkSequence(g: Control, flow: u32, sequence: u32): void {
  if (flow >= g.flowCount) {
    g.foreign += 1;
    return;
  }
  const slot = <usize>g.rxExpected + ((<usize>flow) << 2);
  const ahead = <i32>(sequence - load<u32>(slot));
  if (ahead < 0) {
    g.late += 1;
    return;
  }
  g.gaps += <u64>ahead;
  store<u32>(slot, sequence + 1);
}
