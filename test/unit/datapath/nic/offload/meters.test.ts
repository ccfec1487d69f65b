import { describe, expect, it } from 'vitest';
import type { DpAction, DpMeterBand } from '../../../../../datapath/dpif.ts';
import { REST_MS } from '../../../../../datapath/nic/offload/meters.ts';
import { OffloadRig, output } from '../../../../support/offload-rig.ts';

const band = (rate: number): DpMeterBand => ({ rate, unit: 'packets', burst: rate, type: 'drop', precLevel: 0 });
const meter = (id: number): DpAction => ({ type: 'meter', id });
const userspace: DpAction = { type: 'userspace', cookie: 1, maxLen: 100 };
const SHARED = 'flows that stay in software share its meter';

function rigWith(meters: readonly number[], tableSize = 1000): OffloadRig {
  const rig = new OffloadRig({ tableSize });
  for (const id of meters) rig.engine.meters.set(id, [band(id)]);
  return rig;
}

describe('a meter', () => {
  it('is in the card before its flows, and as long as there are any', async () => {
    const rig = rigWith([1]);
    const flows = [1, 2].map((to) => rig.install(1, to, [meter(1), output(2)]));
    await rig.idle();
    expect(flows.map((flow) => rig.state(flow)?.offloaded)).toEqual(['yes', 'yes']);
    expect(rig.nic.meters.get(1)?.bands).toEqual([band(1)]);
    rig.remove(flows[0]!);
    await rig.idle();
    expect(rig.nic.meters.size).toBe(1);
    rig.remove(flows[1]!);
    await rig.idle();
    expect(rig.nic.meters.size).toBe(0);
  });

  it('is in software with all its flows while one of them has to be', async () => {
    const rig = rigWith([1]);
    const [first, second] = [1, 2].map((to) => rig.install(1, to, [meter(1), output(2)]));
    await rig.idle();
    const soft = rig.install(1, 3, [meter(1), userspace]);
    await rig.idle();
    expect([first, second, soft].map((flow) => rig.state(flow!)?.reason)).toEqual([
      SHARED,
      SHARED,
      'the slow path has to see each packet',
    ]);
    expect([rig.nic.table.size, rig.nic.meters.size]).toEqual([0, 0]);
    rig.change(soft, [output(3)]);
    await rig.idle();
    expect([first, second, soft].map((flow) => rig.state(flow!)?.offloaded)).toEqual(['yes', 'yes', 'yes']);
    const elsewhere = rig.install(9, 4, [meter(1), output(2)]);
    await rig.idle();
    expect(rig.state(first!)?.reason).toBe(SHARED);
    rig.remove(elsewhere);
    await rig.idle();
    expect(rig.state(first!)?.offloaded).toBe('yes');
  });

  it('takes those along that flows name with it', async () => {
    const rig = rigWith([1, 2, 3]);
    const [one, both, two] = [
      rig.install(1, 1, [meter(1), output(2)]),
      rig.install(1, 2, [meter(1), meter(2), output(2)]),
      rig.install(1, 3, [meter(2), output(2)]),
    ];
    const other = rig.install(1, 4, [meter(3), output(2)]);
    await rig.idle();
    expect(rig.nic.meters.size).toBe(3);
    const soft = rig.install(1, 5, [meter(2), userspace]);
    await rig.idle();
    expect([one, both, two, other].map((flow) => rig.state(flow)?.offloaded)).toEqual(['no', 'no', 'no', 'yes']);
    rig.remove(soft);
    await rig.idle();
    expect([one, both, two, other].map((flow) => rig.state(flow)?.offloaded)).toEqual(['yes', 'yes', 'yes', 'yes']);
  });

  it('of a number that is none lets its flows stay in software until there is one', async () => {
    const rig = rigWith([]);
    const flow = rig.install(1, 1, [meter(1), output(2)]);
    await rig.idle();
    expect(rig.state(flow)?.reason).toBe('its meter is gone');
    rig.engine.meters.set(1, [band(1)]);
    await rig.idle();
    expect(rig.state(flow)?.offloaded).toBe('yes');
    rig.engine.meters.delete(1);
    await rig.engine.settled();
    expect([rig.nic.table.size, rig.nic.meters.size]).toEqual([0, 0]);
    await rig.idle();
    expect(rig.state(flow)?.reason).toBe('its meter is gone');
  });

  it('that the card cannot do or does not want stays in software', async () => {
    const rig = rigWith([1, 2]);
    rig.engine.meters.set(1, [band(1), band(2), band(3)]);
    rig.nic.meterRefusal = ([first]) => (first?.rate === 2 ? 'no (odd) rates' : undefined);
    const flows = [1, 2].map((id) => rig.install(1, id, [meter(id), output(2)]));
    await rig.idle();
    expect(flows.map((flow) => rig.state(flow)?.reason)).toEqual([
      'its meter has 3 bands: the card does 2 at most',
      'the card refused its meter: no odd rates',
    ]);
    expect([rig.nic.table.size, rig.nic.meters.size]).toEqual([0, 0]);
    for (const id of [1, 2]) rig.engine.meters.set(id, [band(4)]);
    await rig.idle();
    expect(flows.map((flow) => rig.state(flow)?.offloaded)).toEqual(['yes', 'yes']);
  });

  it('that changes is another one at the barrier, and counts from 0', async () => {
    const rig = rigWith([1]);
    const flow = rig.install(1, 1, [meter(1), output(2)]);
    await rig.idle();
    rig.hit(flow);
    await rig.engine.refresh();
    expect(rig.engine.meters.countsOf(1)?.packets).toBe(1n);
    rig.hit(flow);
    rig.engine.meters.set(1, [band(7)]);
    expect(rig.engine.isUnsettled).toBe(true);
    await rig.engine.settled();
    expect(rig.nic.meters.get(1)?.bands).toEqual([band(7)]);
    rig.hit(flow);
    await rig.engine.refresh();
    expect([rig.engine.meters.countsOf(1)?.packets, rig.state(flow)?.offloaded]).toEqual([1n, 'yes']);
  });

  it('has counted what the card counted, at its end too, and again after a reset', async () => {
    const rig = rigWith([1]);
    const flow = rig.install(1, 1, [meter(1), output(2)]);
    await rig.idle();
    rig.hit(flow);
    rig.hit(flow);
    rig.nic.meters.get(1)!.dropped = 1n;
    await rig.engine.refresh();
    rig.nic.reset();
    await rig.idle();
    rig.hit(flow);
    rig.remove(flow);
    await rig.engine.settled();
    await rig.idle();
    const bands = [{ packets: 1n, bytes: 100n }];
    expect(rig.engine.meters.countsOf(1)).toEqual({ packets: 3n, bytes: 300n, bands });
    expect(rig.charges).toEqual([
      [1, 2n],
      [1, 1n],
    ]);
  });

  it('without room for all its flows waits in software, and is not tried at once again', async () => {
    const rig = rigWith([1], 3);
    const flows = [1, 2, 3].map((to) => rig.install(1, to, [meter(1), output(2)]));
    await rig.idle();
    expect(rig.nic.table.size).toBe(3);
    flows.push(rig.install(1, 4, [meter(1), output(2)]));
    await rig.idle();
    const reason = "the card's table has no room for all flows of its meter";
    expect([rig.nic.table.size, rig.nic.meters.size, ...flows.map((flow) => rig.state(flow)?.reason)]).toEqual([
      ...[0, 0],
      ...[reason, reason, reason, reason],
    ]);
    rig.remove(flows[0]!);
    for (const [until, size] of [
      [REST_MS - 2000, 0],
      [4000, 3],
    ] as const) {
      for (let ms = 0; ms < until; ms += 1000) {
        for (const flow of flows) flow.packets += 100;
        await rig.advance(1000);
      }
      expect(rig.nic.table.size).toBe(size);
    }
  });
});
