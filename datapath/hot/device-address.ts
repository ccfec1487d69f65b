// What a card calls a byte of the arena.

import { DEVICE_ADDRESS_BASE } from '../layout/memory-map.ts';

export function deviceAddress(offset: u32): u64 {
  return <u64>offset + <u64>DEVICE_ADDRESS_BASE;
}
