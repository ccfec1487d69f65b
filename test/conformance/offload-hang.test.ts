// A card that hangs, while its polling thread forwards by the flows that it has: a barrier is answered when the card has been
// reset, and not before.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CardRig, CardSwitch } from '../support/nic/card-switch.ts';
import { until } from '../support/nic/provider-suite.ts';

const PACKET = 'in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=2';
let rig: CardRig;

beforeAll(async () => {
  rig = await CardRig.start();
  await rig.offload(1000);
}, 120_000);
afterAll(() => rig.close(), 60_000);

it('leaves no old flow behind a barrier', async () => {
  const fixture = new CardSwitch(rig);
  fixture.flowMod('ip,actions=2');
  expect(await fixture.send(PACKET)).toEqual(['p2']);
  await rig.decided();
  expect(rig.dpif.offload.cards()[0]?.used).toBeGreaterThan(0);
  const { card } = rig.model;
  const { restarts } = card;
  void card.call('hang', 'firmware').catch(() => {});
  fixture.flowMod('ip,actions=3');
  await fixture.br0.barrier();
  expect(card.restarts).toBe(restarts + 1);
  await rig.ready();
  expect(await fixture.send(PACKET)).toEqual(['p3']);
  await rig.decided();
  await until(() => rig.dpif.offload.cards()[0]!.used > 0, 'no flow comes into the card again');
  await fixture.finish();
}, 120_000);
