// dpdk-testpmd looping packets through the real datapath: two virtio-user devices, a burst that goes round and round.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatapathRig } from '../support/guest/datapath-rig.ts';
import { haveTestpmd, Testpmd } from '../support/guest/testpmd.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

describe.skipIf(!haveTestpmd)('dpdk-testpmd through the datapath', () => {
  let rig: DatapathRig;
  beforeAll(async () => {
    rig = await DatapathRig.start();
  });
  afterAll(() => rig.close());

  it('loops what it sends first, loses nothing of it, and leaves both ports clean', async () => {
    const [one, two] = [await rig.addPort(), await rig.addPort()];
    rig.wire(one, [{ type: 'output', port: two.odpPort }]);
    rig.wire(two, [{ type: 'output', port: one.odpPort }]);
    const testpmd = new Testpmd([one, two].map((port) => `path=${join(rig.folder, port.name)},queues=1`));
    try {
      await eventually(() => one.linkUp && two.linkUp, 'both links up', 30_000);
      await testpmd.prompt();
      testpmd.command('set fwd io');
      testpmd.command('start tx_first 1');
      // 32 packets each way: they have been round many times when this many have passed.
      const passed = () => Number(one.stats()['rx_packets']) + Number(two.stats()['rx_packets']);
      await eventually(() => passed() > 20_000, '20000 packets', 20_000);
      testpmd.command('stop');
      let last = -1;
      const still = () => {
        const before = last;
        last = passed();
        return last === before;
      };
      await eventually(still, 'standstill', 30_000, 200);
      expect([one.stats()['rx_packets'], two.stats()['rx_packets']]).toEqual([
        two.stats()['tx_packets'],
        one.stats()['tx_packets'],
      ]);
      expect([one.stats()['tx_dropped'], two.stats()['tx_dropped']]).toEqual([0n, 0n]);
      await testpmd.quit();
    } finally {
      testpmd.kill();
    }
    await eventually(() => !one.linkUp && !two.linkUp, 'links down');
    expect([one.error, two.error]).toEqual([undefined, undefined]);
  });
});
