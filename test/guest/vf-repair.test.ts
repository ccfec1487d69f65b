// A queue that a card broke by lying gets new rings after a while, as a driver resets its device.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DpPort } from '../../datapath/dpif.ts';
import { NicRegistry } from '../../datapath/nic/registry.ts';
import { MachineClock } from '../../lib/clock.ts';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { TestCard } from '../support/guest/test-card.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

const REPAIR_PAUSE_MS = 30_000;

let clock: MachineClock;
let rig: DatapathRig;
let nics: NicRegistry;
let card: TestCard;
let vf: DpPort;
let peer: GuestOnPort;

beforeEach(async () => {
  clock = new MachineClock();
  nics = new NicRegistry();
  rig = await DatapathRig.start({ nics, clock });
  card = new TestCard('card0');
  nics.add(card);
  vf = await rig.dpif.portAdd({ name: 'vf0', type: 'vf', options: { nic: 'card0' } });
  const port = await rig.addPort();
  peer = { port, guest: await rig.attach(port) };
  rig.wire(vf, [{ type: 'output', port: port.odpPort }]);
  rig.wire(port, [{ type: 'output', port: vf.odpPort }]);
});
afterEach(() => rig.close());

async function breakRx(): Promise<void> {
  const [ring] = card.function.rx;
  ring!.writeUsed(512, 100);
  ring!.setUsedIndex();
  await eventually(() => vf.error !== undefined, 'error');
  expect(vf.error).toContain('rx queue 0 is broken: used buffer');
}

async function expectBothWays(): Promise<void> {
  const frame = testFrame(777);
  expect(card.function.deliver([frame])).toBe(1);
  expect((await peer.guest.receiveFrames(1))[0]).toEqual(frame);
  await peer.guest.sendFrame(frame);
  const sent: Uint8Array[] = [];
  await eventually(() => sent.push(...card.function.takeSent()) >= 1, 'a frame sent');
  expect(Buffer.compare(sent[0]!, frame)).toBe(0);
}

it('is given new rings, however often', async () => {
  await expectBothWays();
  clock.stop();
  for (let round = 0; round < 3; round++) {
    const { attached } = card.function;
    await breakRx();
    await clock.warp(REPAIR_PAUSE_MS - 1);
    await rig.dpif.barrier();
    expect([card.function.attached, vf.error]).toEqual([attached, expect.stringContaining('rx queue 0')]);
    await clock.warp(1);
    await eventually(() => vf.error === undefined && card.function.attached === attached + 1, 'new rings');
    await expectBothWays();
  }
});

it('is left alone when a reset has mended it, and when the port is gone', async () => {
  clock.stop();
  await breakRx();
  card.function.reset();
  await eventually(() => vf.error === undefined, 'mended');
  const { attached } = card.function;
  await clock.warp(REPAIR_PAUSE_MS);
  await rig.dpif.barrier();
  expect(card.function.attached).toBe(attached);
  await expectBothWays();
  await breakRx();
  await rig.dpif.portDel(vf.odpPort);
  await clock.warp(REPAIR_PAUSE_MS);
  expect([card.function.attached, card.function.rx]).toEqual([attached, []]);
});
