// The generator guest's wasm module: one polling loop over the virtqueues of up to two guests.

import { Control, checkControlLayout } from './control.ts';
import { writeFrame } from './frame.ts';
import { CONTROL_BASE, CONTROL_RX, CONTROL_SIZE, CONTROL_TX, FRAME_OFFSET } from './layout.ts';
import { receive, transmit } from './rings.ts';

/** Two bursts of a switch: a look that moved less came too early. */
const MOVED_LITTLE: u32 = 64;

checkControlLayout();

function control(guest: u32): Control {
  // SAFETY: control blocks lie at fixed offsets that the host never maps anything else over.
  return changetype<Control>(<usize>(CONTROL_BASE + guest * CONTROL_SIZE));
}

/** Writes the frames of a whole transmit pool, sequence number 0, flows round robin. */
export function prepare(guest: u32): void {
  const g = control(guest);
  for (let buffer: u32 = 0; buffer < g.txBufferCount; buffer++) {
    writeFrame(g, g.txBuffers + buffer * g.txStride + FRAME_OFFSET, buffer % g.flowCount, 0);
  }
}

/**
 * Looks `passes` times at the rings of guests 0 to `guests` - 1 and returns the packets moved. After a look that
 * moved little it spins `spin` steps, so that the cache lines of the indexes stay with the switch meanwhile.
 */
export function poll(guests: u32, passes: u32, spin: u32): u32 {
  let total: u32 = 0;
  for (let pass: u32 = 0; pass < passes; pass++) {
    let moved: u32 = 0;
    for (let guest: u32 = 0; guest < guests; guest++) {
      const g = control(guest);
      if (g.broken) continue;
      if (g.flags & CONTROL_RX) moved += receive(g);
      if (g.flags & CONTROL_TX) moved += transmit(g);
    }
    total += moved;
    if (moved < MOVED_LITTLE) pause(spin);
  }
  return total;
}

/** wasm has no pause instruction: a chain of dependent multiplications takes about 3 cycles a step. */
function pause(steps: u32): void {
  let chain = sink | 1;
  for (let step: u32 = 0; step < steps; step++) chain *= 0x9e3779b1;
  sink = chain;
}

let sink: u32 = 1;
