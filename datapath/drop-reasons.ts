// Names and help texts of datapath/layout/drop-reasons.ts: the one list that feeds counters, `show` output and tests.

export const DROP_REASONS: readonly (readonly [name: string, help: string])[] = [
  ['none', 'not dropped'],
  ['action', 'the flow says drop'],
  ['upcall-queue-full', 'no room to ask the slow path: too many new flows at once from this port'],
  ['upcall-refused', 'the slow path answered with no verdict'],
  ['tx-ring-full', 'the receiver offered no buffer'],
  ['tx-port-down', 'the output port has no link or is administratively down'],
  ['tx-no-port', 'the output port does not exist'],
  ['tx-too-long', 'the frame is longer than the output port or its buffers take'],
  ['tx-lock', 'the transmit queue stayed locked by another thread'],
  ['slow-tx-full', 'too many frames wait for a port served by the control thread'],
  ['rx-runt', 'the frame is shorter than an Ethernet header'],
  ['rx-too-long', 'the frame is longer than the switch takes'],
  ['header-too-long', 'the headers to match on go on past 512 bytes'],
  ['rx-disabled', 'the receive queue is started but not enabled'],
  ['burst-aborted', 'a guest’s memory failed while the burst was being sent'],
  ['tx-ring-broken', 'the receiver’s virtqueue broke its rules'],
  ['no-headroom', 'too many tags pushed'],
  ['chunk-unmapped', 'a part of the guest’s memory was not mapped yet'],
  ['clone-limit', 'too many copies of one packet'],
  ['recirc-depth', 'the packet was recirculated too often'],
];

export const BROKEN_REASONS: readonly string[] = [
  'not broken',
  'avail index jumped by more than the ring size',
  'descriptor head outside of the ring',
  'next descriptor outside of the table',
  'descriptor chain loops',
  'descriptor in the wrong direction',
  'descriptor address outside of guest memory',
  'indirect table size is not a whole number of descriptors',
  'indirect table inside an indirect table',
  'indirect descriptor without VIRTIO_F_INDIRECT_DESC',
  'guest memory vanished',
  'descriptor chain of no length',
];
