// A meter that is in the card: it drops there, counts are those of card and software together, and after a barrier it is the
// meter that it was changed to, or none.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DpFlow } from '../../datapath/dpif.ts';
import { OFPM } from '../../ofproto/model/groups.ts';
import { parseMeterMod } from '../../ofproto/text/parse-meter.ts';
import { CardRig, CardSwitch } from '../support/nic/card-switch.ts';

const PACKET = 'in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=2';
let rig: CardRig;
let fixture: CardSwitch;

beforeAll(async () => {
  rig = await CardRig.start();
  await rig.offload(1000);
  fixture = new CardSwitch(rig);
}, 120_000);
afterAll(async () => {
  await fixture.finish();
  await rig.close();
}, 120_000);

const meter = (text: string, command: 'add' | 'modify' | 'delete') =>
  fixture.br0.resources.meterMod(parseMeterMod(text, command));
const stats = async () => {
  await rig.dpif.offload.refresh();
  return fixture.br0.resources.meterStats(OFPM.ALL)[0]!;
};
const isInCard = () =>
  [...rig.dpif.flows()].some(
    (flow: DpFlow) => !rig.isMarker(flow) && rig.dpif.offload.stateOf(flow)?.offloaded === 'yes',
  );

it('drops, counts, and changes at a barrier', async () => {
  meter('meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=5', 'add');
  fixture.flowMod('ip,actions=meter:1,2');
  const startMs = performance.now();
  const { tx } = rig.countersOf('p2');
  expect(await fixture.send(PACKET)).toEqual(['p2']);
  await rig.decided();
  expect(isInCard()).toBe(true);

  const passed = await fixture.sendMany(PACKET, 40);
  const seconds = Math.ceil((performance.now() - startMs) / 1000);
  expect(passed).toBeGreaterThanOrEqual(5);
  expect(passed).toBeLessThanOrEqual(5 + seconds);
  const dropped = BigInt(40 - passed);
  expect(await stats()).toMatchObject({ flowCount: 1, packets: 41n, bands: [{ packets: dropped }] });
  expect(rig.countersOf('p2').tx[0] - tx[0]).toBe(BigInt(passed + 1));

  meter('meter=1,pktps,burst,bands=type=drop,rate=1000000,burst_size=1000', 'modify');
  await fixture.br0.barrier();
  expect(await fixture.sendMany(PACKET, 20)).toBe(20);
  expect(isInCard()).toBe(true);
  expect(await stats()).toMatchObject({ packets: 20n, bands: [{ packets: 0n }] });

  meter('meter=1', 'delete');
  await fixture.br0.barrier();
  expect(await fixture.sendMany(PACKET, 5)).toBe(0);
}, 60_000);
