// Upcalls in slices: whatever first packets cost, the event loop has its turn between two batches of them. No time is
// judged here: each upcall takes longer than a slice may, so that slices end by their number.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dpif } from '../../datapath/dpif.ts';
import { startDatapath } from '../support/built-datapath.ts';

const UPCALL_MS = 0.3;
const BATCH = 16;
const FRAMES = 10 * BATCH;

let dpif: Dpif;

beforeAll(async () => {
  dpif = await startDatapath();
  await dpif.portAdd({ name: 'in', type: 'dummy', options: {} });
});

afterAll(() => dpif.close());

/** A frame of a flow of its own. */
function frame(flow: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5]);
  bytes[11] = flow;
  return bytes;
}

it('a storm of first packets gives way to the event loop after each batch', async () => {
  let handled = 0;
  dpif.setUpcallSink(() => {
    handled++;
    for (const startMs = performance.now(); performance.now() - startMs < UPCALL_MS; );
    return { actions: [] };
  });
  for (let flow = 0; flow < FRAMES; flow++) dpif.receive(frame(flow), 1);
  const turns: number[] = [];
  while (handled < FRAMES) {
    const before = handled;
    await new Promise<void>((resolve) => setImmediate(resolve));
    turns.push(handled - before);
  }
  expect(Math.max(...turns)).toBeLessThanOrEqual(BATCH);
  expect(turns.filter((count) => count > 0).length).toBeGreaterThanOrEqual(FRAMES / BATCH);
});
