import { describe, expect, it } from 'vitest';
import { KEY_RECIRC_ID } from '../../../ofproto/model/flow.ts';
import { SwitchFixture } from '../../support/switch-fixture.ts';

const settings = { selectAll: false, fromPorts: [], toPorts: [], vlans: [] };

function fixtureWith(...mirrors: object[]): SwitchFixture {
  const fixture = new SwitchFixture();
  fixture.flowMod('in_port=1,actions=2');
  mirrors.forEach((mirror, i) => {
    fixture.mirror('br0', { id: `id${i}`, name: `m${i}`, ...settings, ...mirror });
  });
  return fixture;
}

describe('mirrors', () => {
  it('count what they copied, once for each destination', async () => {
    const fixture = fixtureWith(
      { fromPorts: ['p1'], outputPort: 'p4' },
      { toPorts: ['p2'], outputPort: 'p3' },
      { toPorts: ['p2'], outputPort: 'p4' },
      { toPorts: ['p1'], outputPort: 'p4' },
    );
    fixture.dpif.miss(fixture.key('in_port=1'), 60);
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:4,2,3$/)]);
    [...fixture.dpif.flows()][0]!.hit(2, 100, fixture.clock.nowMs());
    await fixture.slowPath.revalidate();
    expect(fixture.br0.l2.mirrorStats()).toEqual([
      { id: 'id0', packets: 3, bytes: 260 },
      { id: 'id1', packets: 3, bytes: 260 },
      { id: 'id2', packets: 0, bytes: 0 },
      { id: 'id3', packets: 0, bytes: 0 },
    ]);
  });

  it('keep counters when their settings change, and change megaflows at once', async () => {
    const fixture = fixtureWith({ fromPorts: ['p1'], outputPort: 'p4' });
    fixture.dpif.miss(fixture.key('in_port=1'), 60);
    fixture.br0.l2.setMirrors([{ id: 'id0', name: 'm0', ...settings, toPorts: ['p2'], outputPort: 'p3' }]);
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:2,3$/)]);
    expect(fixture.br0.l2.mirrorStats()).toEqual([{ id: 'id0', packets: 1, bytes: 60 }]);
    fixture.br0.l2.setMirrors([]);
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:2$/)]);
  });

  it('copy no packet again that goes round while they are configured anew', async () => {
    const mirror = { id: 'id0', name: 'm0', ...settings, fromPorts: ['p1'], outputPort: 'p4' };
    const fixture = new SwitchFixture();
    fixture.flowMod('actions=debug_recirc,output:2');
    fixture.mirror('br0', mirror);
    const { actions } = fixture.dpif.miss(fixture.key('in_port=1'));
    const recirc = actions.find(({ type }) => type === 'recirc');
    fixture.br0.l2.setMirrors([]);
    fixture.br0.l2.setMirrors([{ ...mirror, id: 'id1' }]);
    await fixture.br0.barrier();
    const key = fixture.key('in_port=1');
    new DataView(key.buffer).setUint32(KEY_RECIRC_ID, recirc?.type === 'recirc' ? recirc.id : 0);
    expect(fixture.dpif.miss(key).actions).toMatchObject([{ type: 'output', port: 2 }]);
  });

  it('whose output port is gone copy nothing', async () => {
    const fixture = fixtureWith({ fromPorts: ['p1'], outputPort: 'p4' });
    fixture.br0.delPort(4);
    fixture.dpif.miss(fixture.key('in_port=1'));
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:2$/)]);
  });

  it('copy packet-outs', () => {
    const fixture = fixtureWith({ fromPorts: ['p1'], outputPort: 'p4' });
    const actions = [{ type: 'output', port: 2, maxLen: 0 }] as const;
    fixture.br0.packetOut({ packet: new Uint8Array(60), inPort: 1, actions });
    expect(fixture.dpif.executed[0]!.actions).toMatchObject([{ port: 4 }, { port: 2 }]);
  });
});
