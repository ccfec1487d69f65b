// hw-offload and guests whose rings a card serves: flows between two of them are the card's, flows to others are software's with
// the reason, and who changes hands takes its flows along.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DpFlow, DpPort, PortSpec } from '../../datapath/dpif.ts';
import { KEY_IN_PORT } from '../../datapath/layout/flow-key.ts';
import { ModelNic } from '../../datapath/nic/model/model-nic.ts';
import { NicRegistry } from '../../datapath/nic/registry.ts';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { DirtyPages } from '../support/guest/dirty-pages.ts';
import type { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

/** A card's thread takes its time to start on a busy machine. */
const HOOK_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 30_000;
const TEST_TIMEOUT_MS = 180_000;
const onCard = (vf: number): PortSpec => ({
  name: `vdpa${vf}`,
  type: 'dpdkvhostuser',
  options: { 'vdpa-nic': 'model0', 'vdpa-vf': String(vf) },
});
const inSoftware = (vf: number): PortSpec => ({ ...onCard(vf), options: {} });

let rig: DatapathRig;
let nics: NicRegistry;
let card: ModelNic;
/** On functions; and one on a vhost-user port without. */
let first: GuestOnPort;
let second: GuestOnPort;
let plain: GuestOnPort;

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: HOOK_TIMEOUT_MS });

beforeEach(async () => {
  nics = new NicRegistry();
  rig = await DatapathRig.start({ nics });
  card = new ModelNic('model0', 'vfs=2', rig.folder);
  nics.add(card);
  rig.dpif.configure({ pmdSleepUsMax: 500, hwOffload: true });
  const guestOn = async (port: DpPort) => ({ port, guest: await rig.attach(port) });
  first = await guestOn(await rig.dpif.portAdd(onCard(0)));
  second = await guestOn(await rig.dpif.portAdd(onCard(1)));
  plain = await guestOn(await rig.addPort());
  for (const { port } of [first, second]) await served(port, 'card');
  rig.wire(second.port, [{ type: 'output', port: first.port.odpPort }]);
});
afterEach(async () => {
  await rig.clear();
  nics.remove(card);
  await card.close();
  await rig.close();
});

const served = (port: DpPort, by: string) =>
  eventually(() => port.status()['vdpa'] === by && port.linkUp, `${port.name} served by ${by}`, PATIENCE_MS);

/** The flow of what the first guest sends. */
function flow(): DpFlow {
  const inPort = ({ key }: DpFlow) => new DataView(key.buffer, key.byteOffset).getUint32(KEY_IN_PORT);
  return [...rig.dpif.flows()].find((other) => inPort(other) === first.port.odpPort)!;
}

const wireFirst = (...to: GuestOnPort[]) =>
  rig.wire(
    first.port,
    to.map(({ port }) => ({ type: 'output', port: port.odpPort })),
  );

let sent = 0;

/** Sends numbered frames to `to` until `done`; all of them arrive, each once. Returns how many. */
async function sendUntil(done: () => boolean, to: VhostGuest, what: string): Promise<number> {
  const begin = sent;
  const received: number[] = [];
  const stuck = () => `(${received.length} of ${sent - begin} arrived, ${JSON.stringify(state())})`;
  await eventually(
    () => {
      for (const frame of to.pollFrames()) received.push(new DataView(frame.buffer, frame.byteOffset).getUint32(20));
      return received.length === sent - begin && (done() || !send());
    },
    what,
    PATIENCE_MS,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${stuck()}`);
  });
  expect(received.sort((a, b) => a - b)).toEqual(Array.from({ length: sent - begin }, (_, i) => begin + i));
  return sent - begin;
}

function send(): true {
  for (let i = 0; i < 20; i++) {
    const frame = testFrame(100);
    new DataView(frame.buffer).setUint32(20, sent++);
    void first.guest.sendFrame(frame);
  }
  return true;
}

const state = () => (flow() ? rig.dpif.offload.stateOf(flow()) : undefined);
const isOffloaded = () => state()?.offloaded === 'yes';

describe('a flow between guests on functions of one card', () => {
  it('moves into the card, which forwards, and counts in both', async () => {
    wireFirst(second);
    const asked = rig.upcalls.length;
    let total = await sendUntil(isOffloaded, second.guest, 'a flow in the card');
    const end = sent + 400;
    total += await sendUntil(() => sent >= end, second.guest, 'frames by the card');
    await rig.dpif.offload.refresh();
    const into = { packets: 0, bytes: 0, usedMs: 0 };
    flow().readCounts(into);
    // But what was asked about.
    const counted = total - (rig.upcalls.length - asked);
    expect(into).toMatchObject({ packets: counted, bytes: 100 * counted });
    expect(state()).toMatchObject({ offloaded: 'yes', card: 'model0' });
  });

  it('goes along when the guest that sends changes hands, and nothing is lost', async () => {
    wireFirst(second);
    for (let round = 0; round < 3; round++) {
      await sendUntil(isOffloaded, second.guest, 'a flow in the card');
      let isOver = false;
      const leaving = first.port.reconfigure(inSoftware(0)).finally(() => {
        isOver = true;
      });
      await sendUntil(() => isOver, second.guest, 'frames meanwhile');
      await leaving;
      expect(state()).toMatchObject({ offloaded: 'no' });
      await first.port.reconfigure(onCard(0));
      await served(first.port, 'card');
    }
  });

  it('is in software while the one that receives is', async () => {
    wireFirst(second);
    await sendUntil(isOffloaded, second.guest, 'a flow in the card');
    await second.port.reconfigure(inSoftware(1));
    await sendUntil(() => state()?.offloaded === 'no', second.guest, 'a flow in software');
    expect(state()?.reason).toBe('output to vdpa1 which is not up on card model0');
    await second.port.reconfigure(onCard(1));
    await served(second.port, 'card');
    await sendUntil(isOffloaded, second.guest, 'a flow in the card');
  });

  it('is in software while the guest migrates', async () => {
    wireFirst(second);
    await sendUntil(isOffloaded, second.guest, 'a flow in the card');
    const pages = await DirtyPages.start(second.guest);
    const end = sent + 100;
    await sendUntil(() => sent >= end && !isOffloaded(), second.guest, 'frames that are noted');
    pages.copyNoted();
    expect(pages.seen).toContain(second.guest.rx().ring.used.guestAddr);
    await pages.stop();
    await served(second.port, 'card');
    await sendUntil(isOffloaded, second.guest, 'a flow in the card');
    pages.close();
  });
});

describe('a flow to a guest that is on no card', () => {
  it.each(['alone', 'too'])('stays in software and says why (%s)', async (how) => {
    wireFirst(...(how === 'too' ? [second, plain] : [plain]));
    const reason = `output to ${plain.port.name} which is not up on card model0`;
    await sendUntil(() => state()?.reason === reason, plain.guest, 'a reason');
    expect(state()?.offloaded).toBe('no');
  });
});
