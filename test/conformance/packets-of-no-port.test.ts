// Packets that came in by no port (traces, packet-outs of a controller): what they take is given back.
import { expect, it } from 'vitest';

/** The number of no port, and more packets than there are slots. */
const NO_PORT = 0xffffffff;
const PACKETS = 6000;
const AT_ONCE = 500;

it('reach controllers however many there were before', async () => {
  const built = new URL('../../dist/', import.meta.url).href;
  const { createDpif } = (await import(`${built}datapath/datapath.js`)) as typeof import('../../datapath/datapath.ts');
  const { createIoPoller } = (await import(`${built}lib/io-poller.js`)) as typeof import('../../lib/io-poller.ts');
  const dpif = createDpif({ io: createIoPoller(), rundir: '/tmp' });
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
