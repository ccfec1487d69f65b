// Packets that came in by no port (traces, packet-outs of a controller): what they take is given back.
import { expect, it } from 'vitest';
import { startDatapath } from '../support/built-datapath.ts';

/** The number of no port, and more packets than there are slots. */
const NO_PORT = 0xffffffff;
const PACKETS = 6000;
const AT_ONCE = 500;

it('reach controllers however many there were before', async () => {
  const dpif = await startDatapath();
  let upcalls = 0;
  dpif.setUpcallSink(() => {
    upcalls++;
    return { actions: [] };
  });
  const frame = Buffer.from('00000000000200000000000188b5', 'hex');
  for (let sent = AT_ONCE; sent <= PACKETS; sent += AT_ONCE) {
    for (let n = 0; n < AT_ONCE; n++) dpif.execute(frame, NO_PORT, [{ type: 'userspace', cookie: 1, maxLen: 0xffff }]);
    await expect.poll(() => upcalls, { timeout: 20_000, interval: 1 }).toBe(sent);
  }
  dpif.close();
});
