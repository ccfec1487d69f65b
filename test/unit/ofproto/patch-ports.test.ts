import { describe, expect, it } from 'vitest';
import { PatchDevice, patchPeerError } from '../../../ofproto/patch-ports.ts';
import { MemoryPort } from '../../support/memory-dpif.ts';
import { SwitchFixture } from '../../support/switch-fixture.ts';

const MACS = 'dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:06';

function joined(): SwitchFixture {
  const fixture = new SwitchFixture();
  fixture.addBridge('br1', [new MemoryPort('p5', 5), new MemoryPort('p6', 6)]);
  fixture.patch(['br0', 10], ['br1', 11]);
  fixture.flowMod('in_port=1,actions=10');
  return fixture;
}

const port = (fixture: SwitchFixture, bridge: string, ofPort: number) => fixture.bridge(bridge).portStats(ofPort)[0]!;

describe('patch ports', () => {
  it('credit tables, rules, addresses and port counters of both bridges', async () => {
    const fixture = joined();
    fixture.flowMod('actions=normal', 'add', 'br1');
    fixture.dpif.miss(fixture.key(`in_port=1,${MACS}`), 60);
    const [flow] = [...fixture.dpif.flows()];
    flow!.hit(4, 100, fixture.clock.nowMs());
    await fixture.advance(500);
    expect(fixture.stats('', 'br0')[0]).toMatchObject({ packets: 5n, bytes: 460n });
    expect(fixture.stats('', 'br1')[0]).toMatchObject({ packets: 5n, bytes: 460n });
    expect(fixture.br0.l2.macs()).toEqual([]);
    expect(fixture.bridge('br1').l2.macs()).toMatchObject([{ ofPort: 11, vlan: 0 }]);
    expect(port(fixture, 'br0', 10)).toMatchObject({ txPackets: 5n, txBytes: 460n, rxPackets: 0n });
    expect(port(fixture, 'br1', 11)).toMatchObject({ rxPackets: 5n, rxBytes: 460n, txPackets: 0n });
  });

  it("a barrier on either bridge covers megaflows that cross, and so does the peer's MAC table", async () => {
    const fixture = joined();
    fixture.flowMod('actions=5', 'add', 'br1');
    fixture.dpif.miss(fixture.key(`in_port=1,${MACS}`));
    fixture.flowMod('actions=6', 'add', 'br1');
    await fixture.bridge('br1').barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:6$/)]);
    fixture.flowMod('actions=normal', 'add', 'br1');
    await fixture.br0.barrier();
    expect([...fixture.dpif.flows()]).toEqual([]);
    fixture.dpif.miss(fixture.key(`in_port=1,${MACS}`));
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:101,5,6$/)]);
    fixture.dpif.miss(fixture.key('in_port=6,dl_src=00:00:00:00:00:06,dl_dst=00:00:00:00:00:01'));
    await fixture.br0.barrier();
    expect(fixture.megaflows()[0]).toMatch(/actions:6$/);
  });

  it('are a pair only while each names the other, and flows follow', async () => {
    const fixture = joined();
    fixture.flowMod('actions=5', 'add', 'br1');
    const traced = () => fixture.br0.trace({ flow: 'in_port=1' }).split('\n').at(-1);
    expect(traced()).toBe('Datapath actions: 5');
    fixture.dpif.miss(fixture.key('in_port=1'));
    fixture.bridge('br1').delPort(11);
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:drop$/)]);
    const device = new PatchDevice('patch11', 'other', 'dummy');
    fixture.bridge('br1').addPort(device, 12);
    expect(traced()).toBe('Datapath actions: drop');
    expect(device.error).toBe("No usable peer 'other' exists in 'dummy' datapath.");
    device.peerName = 'patch10';
    expect(device.error).toBeUndefined();
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:5$/)]);
    fixture.bridge('br1').close();
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:drop$/)]);
  });

  it('cannot be switched off', () => {
    const fixture = joined();
    const { hwAddr } = fixture.br0.portDescs().find(({ ofPort }) => ofPort === 10)!;
    fixture.br0.modPort(10, hwAddr, { portDown: true, noFlood: true });
    const { config } = fixture.br0.portDescs().find(({ ofPort }) => ofPort === 10)!;
    expect(config).toMatchObject({ portDown: false, noFlood: true });
  });

  it('packet-ins of the peer go to its controllers', () => {
    const fixture = joined();
    fixture.flowMod('actions=controller', 'add', 'br1');
    const heard: string[] = [];
    for (const [name, bridge] of fixture.bridges) {
      bridge.subscribe({ packetIn: () => heard.push(name), flowRemoved: () => {}, portStatus: () => {} });
    }
    const [action] = fixture.dpif.miss(fixture.key('in_port=1')).actions;
    fixture.dpif.userspace(action!.type === 'userspace' ? action!.cookie : 0, new Uint8Array(60));
    expect(heard).toEqual(['br1']);
  });

  it('refuses a peer that cannot be', () => {
    expect(patchPeerError('p', undefined)).toBe("p: patch type requires valid 'peer' argument");
    expect(patchPeerError('p', 'p')).toBe('p: patch peer must not be self');
    expect(patchPeerError('p', 'q')).toBeUndefined();
  });
});
