// PCI functions as ports, driven by PMD threads, the devices made of software: what the rings carry, and what a device
// that lies on them costs. Real functions through VFIO: test/system/vfio-guest.test.ts.
import { afterEach, describe, expect, it } from 'vitest';
import type { DpPort } from '../../datapath/dpif.ts';
import { DatapathRig, testFrame } from '../support/guest/datapath-rig.ts';
import { SoftE1000e } from '../support/nic/soft-e1000e.ts';
import { softFunctions } from '../support/nic/soft-function.ts';
import { SoftVirtioNet, type SoftVirtioOptions } from '../support/nic/soft-virtio-net.ts';

const INTEL = '0000:03:00.0';
const VIRTIO = '0000:04:00.0';
const PATIENCE = { timeout: 20_000, interval: 2 };
/** Every length about the 64 and 128 bytes that are copied in one piece, and the longest. */
const SIZES = [14, 15, 59, 60, 63, 64, 65, 127, 128, 129, 200, 1023, 1514];

describe('PCI ports', () => {
  let rig: DatapathRig;
  let intel: SoftE1000e;
  let virtio: SoftVirtioNet;

  const start = async (options?: SoftVirtioOptions) => {
    intel = new SoftE1000e();
    virtio = new SoftVirtioNet(options);
    rig = await DatapathRig.start({ functions: softFunctions(() => ({ [INTEL]: intel, [VIRTIO]: virtio })) });
  };
  const addPort = (name: string, pci: string, options: Record<string, string> = {}) =>
    rig.dpif.portAdd({ name, type: 'vf', options: { pci, ...options } });
  const join = (from: DpPort, to: DpPort) => rig.wire(from, [{ type: 'output', port: to.odpPort }]);
  /** One port of each device, every frame of one going to the other. */
  const pair = async (options: Record<string, string> = {}) => {
    const ports = [await addPort('pf0', INTEL, options), await addPort('pf1', VIRTIO, options)] as const;
    join(ports[0], ports[1]);
    join(ports[1], ports[0]);
    return ports;
  };
  /** What `sent` has given out when it has given `count` frames. */
  const collect = async (sent: () => Uint8Array[], count: number) => {
    const frames: Uint8Array[] = [];
    await expect.poll(() => frames.push(...sent()), PATIENCE).toBe(count);
    return frames;
  };

  afterEach(() => rig.close());

  it('come up with the device’s address, link and rings', async () => {
    await start();
    const [first, second] = await pair();
    expect(first).toMatchObject({ mac: '52:54:00:00:00:e1', linkUp: true, error: undefined });
    expect(first.linkSpeed).toEqual({ bitsPerSecond: 1_000_000_000, duplex: 'full' });
    expect(first.status()).toMatchObject({ pci: INTEL, driver_name: 'e1000e', n_rxq_desc: '512', nic: 'vfio' });
    expect(second).toMatchObject({ mac: '52:54:00:00:00:aa', linkUp: true, error: undefined });
    expect(second.status()).toMatchObject({ pci: VIRTIO, driver_name: 'virtio-net', n_rxq_desc: '64' });
    // VERSION_1 and ACCESS_PLATFORM; promiscuous by the control queue.
    expect(virtio.driverFeatures & (3n << 32n)).toBe(3n << 32n);
    expect(virtio.commands).toEqual([[0, 0, 1]]);
  });

  it('carry frames of every length both ways, many times round their rings', async () => {
    await start();
    const ports = await pair({ n_rxq_desc: '64' });
    virtio.completionOrder = -1;
    for (let round = 0; round < 20; round++) {
      const frames = SIZES.map((size) => testFrame(size, round));
      for (const frame of frames) expect(intel.deliver(frame)).toBe(true);
      expect(await collect(() => virtio.sent(), frames.length)).toEqual(frames);
      for (const frame of frames) expect(virtio.deliver(frame)).toBeDefined();
      expect(await collect(() => intel.sent(), frames.length)).toEqual(frames);
    }
    const count = BigInt(20 * SIZES.length);
    for (const port of ports) {
      expect(port.stats()).toMatchObject({ rx_packets: count, tx_packets: count, rx_dropped: 0n, tx_dropped: 0n });
    }
  });

  it('carry frames from and to a vhost-user guest', async () => {
    await start();
    const port = await addPort('pf0', INTEL);
    const vhost = await rig.addPort();
    join(port, vhost);
    join(vhost, port);
    const guest = await rig.attach(vhost);
    const frames = SIZES.map((size, seed) => testFrame(size, seed));
    for (const frame of frames) intel.deliver(frame);
    expect(await guest.receiveFrames(frames.length)).toEqual(frames);
    for (const frame of frames) await guest.sendFrame(frame);
    expect(await collect(() => intel.sent(), frames.length)).toEqual(frames);
  });

  it('take long frames with a long MTU', async () => {
    await start();
    for (const [name, pci] of [
      ['pf0', INTEL],
      ['pf1', VIRTIO],
    ] as const)
      await rig.dpif.portAdd({ name, type: 'vf', options: { pci }, mtu: 9000 });
    const [first, second] = rig.dpif.ports();
    join(first!, second!);
    join(second!, first!);
    const frame = testFrame(9014);
    intel.deliver(frame);
    expect(await collect(() => virtio.sent(), 1)).toEqual([frame]);
    virtio.deliver(frame);
    expect(await collect(() => intel.sent(), 1)).toEqual([frame]);
  });

  it('poll as many queue pairs as the device has and n_rxq asks for', async () => {
    await start({ pairs: 4 });
    const port = await addPort('pf1', VIRTIO, { n_rxq: '3' });
    expect(virtio.commands).toEqual([
      [0, 0, 1],
      [4, 0, 3, 0],
    ]);
    expect(rig.dpif.rxqs().map(({ queue }) => queue)).toEqual([0, 1, 2]);
    join(port, port);
    for (const queue of [0, 1, 2]) virtio.deliver(testFrame(100, queue), queue);
    // A thread sends all of a port's frames on one queue.
    const sent = () => [0, 1, 2].flatMap((queue) => virtio.sent(queue));
    expect(await collect(sent, 3)).toHaveLength(3);
  });

  it('drop what the device’s ring has no room for, and go on', async () => {
    await start();
    const [, out] = await pair();
    const frame = testFrame(64);
    for (let i = 0; i < 100; i++) expect(intel.deliver(frame)).toBe(true);
    const total = () => Number(out.stats()['tx_packets']) + Number(out.stats()['tx_dropped']);
    await expect.poll(total, PATIENCE).toBe(100);
    expect(out.stats()).toMatchObject({ tx_packets: 64n, tx_dropped: 36n });
    expect(virtio.sent()).toHaveLength(64);
    intel.deliver(frame);
    expect(await collect(() => virtio.sent(), 1)).toEqual([frame]);
  });

  it('discard what is received while administratively down', async () => {
    await start();
    const [port] = await pair();
    port.setAdminUp(false);
    intel.deliver(testFrame(64, 1));
    await expect.poll(() => port.stats()['rx_dropped'], PATIENCE).toBe(1n);
    port.setAdminUp(true);
    intel.deliver(testFrame(64, 2));
    expect(await collect(() => virtio.sent(), 1)).toEqual([testFrame(64, 2)]);
  });

  it('give everything back when they are removed', async () => {
    await start();
    const [first, second] = await pair();
    await rig.dpif.portDel(first.odpPort);
    await rig.dpif.portDel(second.odpPort);
    expect([intel.isOpen, virtio.isOpen, intel.receives, virtio.running]).toEqual([false, false, false, false]);
    expect(rig.dpif.rxqs()).toEqual([]);
  });

  const lies: Record<string, readonly [who: 'intel' | 'virtio', lie: () => void, reason: string]> = {
    'a length beyond the buffer (e1000e)': [
      'intel',
      () => intel.deliver(testFrame(64), { length: 0xffff }),
      'larger than the buffer',
    ],
    'a frame in pieces (e1000e)': ['intel', () => intel.deliver(testFrame(64), { status: 1 }), 'frame split'],
    'a length beyond the buffer (virtio)': [
      'virtio',
      () => virtio.complete(virtio.queues[0]!, 0, 0x7fffffff),
      'larger than the buffer',
    ],
    'a descriptor outside of the ring (virtio)': [
      'virtio',
      () => virtio.complete(virtio.queues[0]!, 64, 100),
      'none that was given',
    ],
    'an index that jumps (virtio)': [
      'virtio',
      () => virtio.complete(virtio.queues[0]!, 0, 100, 1000),
      'used index jumped',
    ],
  };
  it.each(Object.entries(lies))('%s costs that port only', async (_name, [who, lie, reason]) => {
    await start();
    const [first, second] = await pair();
    const liar = who === 'intel' ? first : second;
    lie();
    await expect.poll(() => liar.error, PATIENCE).toContain(reason);
    expect((liar === first ? second : first).error).toBeUndefined();
    const vhost = await rig.addPort();
    const other = liar === first ? second : first;
    join(other, vhost);
    const guest = await rig.attach(vhost);
    (who === 'intel' ? virtio : intel).deliver(testFrame(80));
    expect(await guest.receiveFrames(1)).toEqual([testFrame(80)]);
  });

  it('becomes a port when its function is freed', async () => {
    await start();
    virtio.held = `${VIRTIO} is bound to the kernel's driver virtio-pci`;
    const port = await addPort('pf1', VIRTIO);
    expect(port).toMatchObject({ error: virtio.held, linkUp: false, mac: undefined });
    virtio.held = undefined;
    await expect.poll(() => port.linkUp, PATIENCE).toBe(true);
    expect(port).toMatchObject({ error: undefined, mac: '52:54:00:00:00:aa' });
  });

  it('begins anew when its device asks for a reset', async () => {
    await start();
    const [, port] = await pair();
    // DEVICE_NEEDS_RESET (virtio 1.2, 2.1).
    virtio.registers.bytes[20]! |= 64;
    await expect.poll(() => virtio.mapped, PATIENCE).toBe(2);
    await expect.poll(() => port.error, PATIENCE).toBeUndefined();
    await expect.poll(() => intel.deliver(testFrame(70)) && virtio.sent().length, PATIENCE).toBeGreaterThan(0);
  });

  it('breaks when its registers vanish under a thread, and nothing else does', async () => {
    await start();
    const [first] = await pair();
    intel.pullOut();
    virtio.deliver(testFrame(64));
    await expect.poll(() => first.error, PATIENCE).toContain('registers vanished');
    expect(rig.dpif.pmdStats().map(({ restarts }) => restarts)).not.toContain(1);
  });

  it('is one port’s alone', async () => {
    await start();
    await addPort('pf0', INTEL);
    const second = await addPort('pf2', INTEL);
    expect(second.error).toBe(`${INTEL} is another port's already`);
    expect((await addPort('pf3', '0000:09:00.0')).error).toContain('no PCI function 0000:09:00.0');
    expect((await addPort('pf4', 'eth0')).error).toContain('"eth0" is not a PCI address');
  });

  it('counts a frame that the device calls damaged', async () => {
    await start();
    const [port] = await pair();
    intel.deliver(testFrame(64), { errors: 0x80 });
    intel.deliver(testFrame(65));
    expect(await collect(() => virtio.sent(), 1)).toEqual([testFrame(65)]);
    expect(port.stats()).toMatchObject({ rx_errors: 1n, rx_packets: 1n });
  });
});
