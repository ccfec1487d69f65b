// One packet of which a flow makes more copies than a PMD thread has descriptors for: each is sent, as it was when made.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DpAction } from '../../datapath/dpif.ts';
import { PKT_MAX } from '../../datapath/layout/memory-map.ts';
import { DatapathRig, testFrame } from '../support/guest/datapath-rig.ts';

let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start();
});
afterAll(() => rig.close());

const COPIES = PKT_MAX + 100;
const TPID = 0x8100;
const CFI = 0x1000;

const tagged = (vid: number): DpAction => ({ type: 'push_vlan', tpid: TPID, tci: CFI | vid });

/** The frame behind one tag, or as it was sent. */
function expected(frame: Uint8Array, vid?: number): Buffer {
  const tag = vid === undefined ? [] : [TPID >> 8, TPID & 0xff, vid >> 8, vid & 0xff];
  return Buffer.from([...frame.subarray(0, 12), ...tag, ...frame.subarray(12)]);
}

it.each(['in the flow’s list', 'in the list of a copy'])('%s', async (place) => {
  const [a, b] = await rig.pair({}, { queueSize: 1024 });
  const output: DpAction = { type: 'output', port: b.port.odpPort };
  const vids = Array.from({ length: COPIES }, (_, index) => index + 1);
  const clones = vids.map((vid): DpAction => ({ type: 'clone', actions: [tagged(vid), output] }));
  const inner: DpAction[] = [...clones, tagged(4000), output];
  rig.wire(a.port, place.endsWith('copy') ? [{ type: 'clone', actions: inner }, output] : [...inner]);

  const frame = testFrame(600);
  await a.guest.sendFrame(frame);
  const wanted = [...vids, 4000, ...(place.endsWith('copy') ? [undefined] : [])].map((vid) => expected(frame, vid));
  const received = await b.guest.receiveFrames(wanted.length);
  expect(received.map((one) => Buffer.from(one).toString('hex'))).toEqual(wanted.map((one) => one.toString('hex')));
  await rig.clear();
});
