// DPDK's own front-end (virtio-user in dpdk-testpmd) on vhost-user ports with fake services: the protocol alone, both
// ways of connecting, a clean end and a kill.
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasFeature, VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF } from '../../datapath/port/vhost-user/features.ts';
import { haveTestpmd, Testpmd } from '../support/guest/testpmd.ts';
import { eventually, VhostPortRig } from '../support/guest/vhost-port-rig.ts';

describe.skipIf(!haveTestpmd)('dpdk-testpmd on a vhost-user port', () => {
  let rig: VhostPortRig;
  let testpmd: Testpmd | undefined;
  beforeEach(() => {
    rig = new VhostPortRig();
  });
  afterEach(async () => {
    testpmd?.kill();
    await rig.close();
  });

  it('connects to dpdkvhostuser, leaves cleanly and comes back', async () => {
    const port = await rig.server('vhu0');
    for (let round = 0; round < 2; round++) {
      testpmd = new Testpmd([`path=${rig.path('vhu0')},queues=1`]);
      await eventually(() => port.linkUp, 'link up', 30_000);
      const device = rig.services.last;
      const features = device.rings.get(1)!.features;
      expect([VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF].map((bit) => hasFeature(features, bit))).toEqual([
        true,
        true,
      ]);
      expect(port.status()).toMatchObject({ num_of_vrings: '2', vring_0_size: '256', vring_1_size: '256' });
      await testpmd!.prompt();
      await testpmd.quit();
      await eventually(() => device.closed, 'device closed');
      expect(device.calls).toContain('stopRing 1');
      expect([port.linkUp, port.error]).toEqual([false, undefined]);
    }
  });

  it('listens for dpdkvhostuserclient, with four queue pairs, and is replaced after a kill', async () => {
    const port = await rig.client('vhc0', { 'vhost-server-path': rig.path('guest') });
    for (let round = 0; round < 2; round++) {
      testpmd = new Testpmd([`path=${rig.path('guest')},server=1,queues=4`], ['--rxq=4', '--txq=4']);
      await eventually(() => port.linkUp && rig.services.last.rings.size === 8, 'eight rings', 30_000);
      await eventually(() => [...rig.services.last.rings.values()].every((ring) => ring.enabled), 'enabled');
      const device = rig.services.last;
      testpmd.kill();
      await eventually(() => device.closed, 'device closed');
      expect(port.error).toBeUndefined();
      // virtio-user does not listen where a dead one left its socket.
      rmSync(rig.path('guest'));
    }
  });
});
