// What a card calls a byte of the arena (datapath/arena/dma-memory.ts has the same number).

const DEVICE_ADDRESS_BASE: u64 = 0x100000000;

export function deviceAddress(offset: u32): u64 {
  return <u64>offset + DEVICE_ADDRESS_BASE;
}
