// View of one guest's control block; layout.ts draws it.

import { BROKEN, COUNTERS, KICK, RAM_GUEST_ADDR, TX_CREDIT, TX_POSTED, UDP_SUM } from './layout.ts';

@unmanaged
export class Control {
  flags: u32;
  ringSize: u32;
  frameSize: u32;
  flowCount: u32;
  txDesc: u32;
  txAvail: u32;
  txUsed: u32;
  rxDesc: u32;
  rxAvail: u32;
  rxUsed: u32;
  txPosted: u32;
  txSeen: u32;
  rxPosted: u32;
  rxSeen: u32;
  ramOffset: u32;
  nextFlow: u32;
  ramGuestAddr: u64;
  txBuffers: u32;
  txStride: u32;
  txBufferCount: u32;
  nextBuffer: u32;
  txCredit: u32;
  txSequences: u32;
  rxExpected: u32;
  template: u32;
  srcAddr: u32;
  dstAddr: u32;
  ipSum: u32;
  udpSum: u32;
  kick: u32;
  broken: u32;
  txPackets: u64;
  rxPackets: u64;
  rxBytes: u64;
  gaps: u64;
  late: u64;
  badChecksum: u64;
  foreign: u64;
}

/** Fails the compilation when the view and the drawing part. */
export function checkControlLayout(): void {
  if (offsetof<Control>('txPosted') !== TX_POSTED) ERROR('txPosted');
  if (offsetof<Control>('ramGuestAddr') !== RAM_GUEST_ADDR) ERROR('ramGuestAddr');
  if (offsetof<Control>('txCredit') !== TX_CREDIT) ERROR('txCredit');
  if (offsetof<Control>('udpSum') !== UDP_SUM) ERROR('udpSum');
  if (offsetof<Control>('kick') !== KICK) ERROR('kick');
  if (offsetof<Control>('broken') !== BROKEN) ERROR('broken');
  if (offsetof<Control>('txPackets') !== COUNTERS) ERROR('txPackets');
}
