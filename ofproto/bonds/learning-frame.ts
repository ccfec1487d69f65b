// The frame by which a bond shows its peers that a station is behind another link now: a broadcast RARP request from the
// station (RFC 903), whose sender address every switch on the way learns.

const RARP_FRAME = Buffer.from(
  'ffffffffffff000000000000803500010800060400030000000000000000000000000000000000000000',
  'hex',
);
const ETH_SRC = 6;
const SENDER = 22;
const TARGET = 32;

export function learningFrame(mac: Uint8Array): Uint8Array {
  const frame = Uint8Array.from(RARP_FRAME);
  for (const at of [ETH_SRC, SENDER, TARGET]) frame.set(mac, at);
  return frame;
}
