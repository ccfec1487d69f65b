import { describe, expect, it } from 'vitest';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { emptyMatch } from '../../../../ofproto/model/flow.ts';
import type { FlowRemoved, PacketIn } from '../../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { parseActions } from '../../../../ofproto/text/parse-flow.ts';
import { DEFAULT_SETTINGS } from '../../../../ofproto/upcall/settings.ts';
import { l2Settings } from '../../../../src/daemon/bridge/l2-settings.ts';
import { MemoryPort } from '../../../support/memory-dpif.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

const TCP = 'tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=80,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02';
const TCP_KEY = 'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800)';

function fixtureWith(...flows: string[]): SwitchFixture {
  const fixture = new SwitchFixture();
  for (const flow of flows) fixture.flowMod(flow);
  return fixture;
}

/** Everything that `fixture` tells its controllers. */
function listen({ br0 }: SwitchFixture) {
  const heard = { packetIns: [] as PacketIn[], removed: [] as FlowRemoved[], ports: [] as string[] };
  br0.subscribe({
    packetIn: (packetIn) => heard.packetIns.push(packetIn),
    flowRemoved: (removed) => heard.removed.push(removed),
    portStatus: (reason, desc) => heard.ports.push(`${reason} ${desc.name}`),
  });
  return heard;
}

describe('a miss', () => {
  it('installs the megaflow and counts the packet once', () => {
    const fixture = fixtureWith('priority=5,tcp,tp_dst=80 actions=dec_ttl,2');
    const verdict = fixture.dpif.miss(fixture.key(`in_port=1,${TCP},nw_ttl=64`), 60);
    expect(fixture.megaflows()).toEqual([
      `${TCP_KEY},ipv4(proto=6,ttl=64,frag=no),tcp(dst=80), actions:set(ipv4(ttl=63)),2`,
    ]);
    expect(verdict.actions).toEqual([...fixture.dpif.flows()][0]!.actions);
    expect(fixture.stats()[0]).toMatchObject({ packets: 1n, bytes: 60n });
  });

  it('says in every megaflow whether there is a VLAN tag', () => {
    const fixture = fixtureWith('actions=2');
    fixture.dpif.miss(fixture.key('in_port=1,dl_vlan=5,dl_vlan_pcp=1,ip'));
    expect(fixture.megaflows()).toEqual([
      'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x8100),vlan(vid=5),' +
        'encap(eth_type(0x0800),ipv4(frag=no)), actions:2',
    ]);
  });

  it('matches of a field what actions read or write of it', () => {
    const fixture = fixtureWith('arp actions=move:NXM_NX_REG0[0..7]->NXM_OF_ARP_OP[1..8],2');
    fixture.dpif.miss(fixture.key('in_port=1,arp,arp_op=2'));
    expect(fixture.megaflows()[0]).toContain('arp(op=2/0xfe)');
  });

  it('on a port of no bridge is dropped without a megaflow', () => {
    const fixture = fixtureWith('actions=2');
    expect(fixture.dpif.miss(fixture.key('in_port=9'))).toEqual({ actions: [] });
  });

  it('over the flow limit is forwarded without a megaflow', () => {
    const fixture = fixtureWith('tcp actions=2');
    fixture.slowPath.configure({ ...DEFAULT_SETTINGS, flowLimit: 1000 });
    fixture.flowMod('udp,nw_src=0.0.0.0/255.255.255.255 actions=3');
    for (let i = 0; i < 1001; i++) {
      const address = `0.0.${i >> 8}.${i & 255}`;
      fixture.flowMod(`priority=7,udp,nw_src=${address} actions=3`);
      fixture.dpif.miss(fixture.key(`in_port=1,udp,nw_src=${address}`));
    }
    expect(fixture.dpif.flowCount()).toBe(1000);
    expect(fixture.dpif.miss(fixture.key('in_port=1,tcp')).actions).toEqual([{ type: 'output', port: 2 }]);
    expect(fixture.dpif.flowCount()).toBe(1000);
  });
});

describe('revalidation', () => {
  it('swaps actions in place when a rule is modified', async () => {
    const fixture = fixtureWith('tcp actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    fixture.flowMod('tcp actions=3', 'modify');
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(proto=6,frag=no), actions:3`]);
  });

  it('deletes a megaflow that has become too wide', async () => {
    const fixture = fixtureWith('actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    fixture.flowMod('priority=40000,tcp,tp_dst=22 actions=3');
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([]);
  });

  it('keeps one that is narrower than need be', async () => {
    const fixture = fixtureWith('priority=9,tcp,tp_dst=80 actions=2', 'priority=1 actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    fixture.flowMod('tcp', 'delete');
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(proto=6,frag=no),tcp(dst=80), actions:2`]);
  });

  it('follows ports that go', async () => {
    const fixture = fixtureWith('actions=2,3');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    fixture.br0.delPort(2);
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(frag=no), actions:3`]);
  });

  it('turns a flood into a unicast once the address is learned', async () => {
    const fixture = fixtureWith('actions=normal');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    expect(fixture.megaflows()[0]).toContain('actions:100,2,3,4');
    fixture.dpif.miss(fixture.key('in_port=3,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01,dl_type=0x1234'));
    await fixture.br0.barrier();
    expect(fixture.megaflows()[0]).toContain('actions:3');
    expect(fixture.br0.l2.macs()).toMatchObject([
      { ofPort: 1, vlan: 0, ageS: 0 },
      { ofPort: 3, vlan: 0, ageS: 0 },
    ]);
  });

  it('a bridge takes its megaflows along, and leaves the others', async () => {
    const fixture = fixtureWith('actions=2');
    const br1 = fixture.addBridge('br1', [new MemoryPort('p8', 8), new MemoryPort('p9', 9)]);
    fixture.flowMod('actions=9', 'add', 'br1');
    for (const port of [1, 8]) fixture.dpif.miss(fixture.key(`in_port=${port},${TCP}`));
    expect(fixture.dpif.flowCount()).toBe(2);
    br1.close();
    await fixture.br0.barrier();
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(frag=no), actions:2`]);
  });

  it('stay as they are from pause() to resume(), whatever changes', async () => {
    const fixture = fixtureWith('actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    await fixture.slowPath.pause();
    fixture.flowMod('actions=3');
    await fixture.br0.barrier();
    await fixture.advance(2000);
    expect(fixture.megaflows()[0]).toContain('actions:2');
    fixture.slowPath.resume();
    await fixture.slowPath.revalidate();
    expect(fixture.megaflows()[0]).toContain('actions:3');
  });

  it('purge() removes every megaflow and keeps its counts', async () => {
    const fixture = fixtureWith('actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`), 100);
    [...fixture.dpif.flows()][0]!.hit(4, 100, fixture.clock.nowMs());
    await fixture.slowPath.purge();
    expect(fixture.dpif.flowCount()).toBe(0);
    expect(fixture.stats()[0]).toMatchObject({ packets: 5n, bytes: 500n });
  });
});

describe('statistics', () => {
  it('are current in every answer', () => {
    const fixture = fixtureWith('table=0 actions=resubmit(,1)', 'table=1,tcp actions=2');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`), 100);
    [...fixture.dpif.flows()][0]!.hit(9, 100, fixture.clock.nowMs());
    expect(fixture.stats().map((flow) => flow.packets)).toEqual([10n, 10n]);
    expect(fixture.br0.aggregate({ ...EVERY, match: emptyMatch() })).toEqual({
      packets: 20n,
      bytes: 2000n,
      flows: 2,
    });
    expect(fixture.br0.tableStats()[1]).toMatchObject({ activeCount: 1, lookupCount: 10n, matchedCount: 10n });
  });

  it('of a megaflow that is installed again are credited once', () => {
    const fixture = fixtureWith('actions=2');
    const put = fixture.dpif.flowPut.bind(fixture.dpif);
    fixture.dpif.flowPut = (flow) => [...fixture.dpif.flows()][0] ?? put(flow);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    [...fixture.dpif.flows()][0]!.hit(4, 100, fixture.clock.nowMs());
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    [...fixture.dpif.flows()][0]!.hit(4, 100, fixture.clock.nowMs());
    expect(fixture.stats()[0]).toMatchObject({ packets: 10n });
  });

  it('idle megaflows go after ten seconds, used ones stay', async () => {
    const fixture = fixtureWith('tcp actions=2', 'udp actions=3');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    fixture.dpif.miss(fixture.key('in_port=1,udp'));
    await fixture.advance(6000);
    [...fixture.dpif.flows()][0]!.hit(1, 60, fixture.clock.nowMs());
    await fixture.advance(5000);
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(proto=6,frag=no), actions:2`]);
  });

  it('addresses age unless packets from them come', async () => {
    const fixture = fixtureWith('actions=normal');
    fixture.br0.l2.configure(
      l2Settings({ otherConfig: { 'mac-aging-time': '20' }, floodVlans: [], mcastSnooping: false }),
    );
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    for (let i = 0; i < 6; i++) {
      await fixture.advance(5000);
      [...fixture.dpif.flows()][0]!.hit(1, 60, fixture.clock.nowMs());
    }
    expect(fixture.br0.l2.macs()).toHaveLength(1);
    await fixture.advance(21_000);
    expect(fixture.br0.l2.macs()).toEqual([]);
  });
});

describe('timeouts', () => {
  it('an idle rule goes with its last counts, a used one stays', async () => {
    const fixture = fixtureWith('idle_timeout=5,send_flow_rem,tcp actions=2', 'idle_timeout=5,udp actions=3');
    const heard = listen(fixture);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`), 100);
    fixture.dpif.miss(fixture.key('in_port=1,udp'), 100);
    await fixture.advance(4000);
    [...fixture.dpif.flows()][0]!.hit(3, 100, fixture.clock.nowMs());
    await fixture.advance(3000);
    expect(fixture.stats()).toHaveLength(1);
    await fixture.advance(4000);
    expect(fixture.stats()).toHaveLength(0);
    expect(heard.removed).toMatchObject([{ reason: 'idle_timeout', packets: 4n, bytes: 400n }]);
  });

  it('a hard timeout counts from the last change', async () => {
    const fixture = fixtureWith('hard_timeout=3,send_flow_rem,tcp actions=2');
    const heard = listen(fixture);
    await fixture.advance(2000);
    fixture.flowMod('tcp actions=3', 'modify');
    await fixture.advance(2500);
    expect(heard.removed).toEqual([]);
    await fixture.advance(1000);
    expect(heard.removed).toMatchObject([{ reason: 'hard_timeout', packets: 0n }]);
  });

  it('a deleted rule is told about with its current counts', () => {
    const fixture = fixtureWith('send_flow_rem,tcp actions=2', 'udp actions=2');
    const heard = listen(fixture);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`), 100);
    [...fixture.dpif.flows()][0]!.hit(2, 100, fixture.clock.nowMs());
    fixture.flowMod('', 'delete');
    expect(heard.removed).toMatchObject([{ reason: 'delete', packets: 3n }]);
    expect(fixture.stats()).toEqual([]);
  });
});

describe('controllers', () => {
  const userspaceCookie = (fixture: SwitchFixture): number => {
    const [action] = [...fixture.dpif.flows()].at(-1)!.actions;
    return action?.type === 'userspace' ? action.cookie : 0;
  };

  it('get the packet with the metadata of its moment', () => {
    const fixture = fixtureWith(
      'cookie=0x12,tcp actions=load:7->NXM_NX_REG0[],controller(max_len=64,userdata=01.02),2',
    );
    const heard = listen(fixture);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    const packet = new Uint8Array(60).fill(9);
    fixture.dpif.userspace(userspaceCookie(fixture), packet);
    expect(heard.packetIns).toMatchObject([
      { reason: 'action', tableId: 0, cookie: 0x12n, totalLen: 60, maxLen: 64, userdata: Uint8Array.of(1, 2), packet },
    ]);
    const { flow, mask } = heard.packetIns[0]!.metadata;
    expect([flow.u32(0), mask.u32(0), flow.u32(264), mask.u32(264)]).toEqual([1, 0xffffffff, 7, 0xffffffff]);
  });

  it('get misses only while one wants them', async () => {
    const fixture = fixtureWith();
    const heard = listen(fixture);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    expect(fixture.megaflows()).toEqual([`${TCP_KEY},ipv4(frag=no), actions:drop`]);
    fixture.br0.setMissToController(true);
    await fixture.br0.barrier();
    fixture.dpif.userspace(userspaceCookie(fixture), new Uint8Array(60));
    expect(heard.packetIns).toMatchObject([{ reason: 'no_match', maxLen: 0xffff }]);
  });

  it('hear of ports', () => {
    const fixture = fixtureWith();
    const heard = listen(fixture);
    const { hwAddr } = fixture.br0.portDescs()[0]!;
    fixture.br0.modPort(1, hwAddr, { portDown: true });
    fixture.br0.delPort(1);
    expect(heard.ports).toEqual(['modify p1', 'delete p1']);
    expect(fixture.ports[0]!.adminUp).toBe(false);
    expect(() => fixture.br0.modPort(2, hwAddr, {})).toThrow('OFPPMFC_BAD_HW_ADDR');
    expect(() => fixture.br0.modPort(1, hwAddr, {})).toThrow('OFPPMFC_BAD_PORT');
  });

  it("packetOut() runs its actions on the controller's packet", () => {
    const fixture = fixtureWith('priority=5,reg0=7 actions=3');
    const heard = listen(fixture);
    const packet = new Uint8Array(60);
    const actions = parseActions('load:7->NXM_NX_REG0[],resubmit(,0),controller,in_port');
    fixture.br0.packetOut({ inPort: 2, packet, actions });
    const [execution] = fixture.dpif.executed;
    expect(execution).toMatchObject({
      inPort: 2,
      actions: [
        { type: 'output', port: 3 },
        { type: 'userspace', cookie: 1 },
        { type: 'output', port: 2 },
      ],
    });
    fixture.dpif.userspace(1, packet);
    expect(heard.packetIns).toMatchObject([{ reason: 'packet_out' }]);
    expect(fixture.stats()[0]).toMatchObject({ packets: 1n, bytes: 60n });
    expect(() => fixture.br0.packetOut({ inPort: OFPP.FLOOD, packet, actions })).toThrow('OFPBRC_BAD_PORT');
    // Too short to be sent: nothing happens, as in Open vSwitch.
    const executed = fixture.dpif.executed.length;
    fixture.br0.packetOut({ inPort: 1, packet: packet.subarray(0, 9), actions });
    expect(fixture.dpif.executed).toHaveLength(executed);
  });
});

describe('fail mode', () => {
  const flows = (fixture: SwitchFixture) => fixture.stats().map((flow) => [flow.priority, flow.actions[0]]);
  const normal = { type: 'output', port: OFPP.NORMAL, maxLen: 0 };

  it('standalone without controllers is an ordinary switch by a flow of priority 0', () => {
    const fixture = fixtureWith();
    fixture.br0.setFailMode('standalone', 'none');
    expect(flows(fixture)).toEqual([[0, normal]]);
    fixture.br0.setFailMode('secure', 'none');
    expect(flows(fixture)).toEqual([]);
  });

  it('standalone forgets the flows and groups of controllers that are gone, and forwards without showing it', async () => {
    const fixture = fixtureWith();
    fixture.br0.setFailMode('standalone', 'present');
    fixture.flowMod('priority=9 actions=drop');
    fixture.br0.setFailMode('standalone', 'lost');
    expect(flows(fixture)).toEqual([]);
    expect(fixture.br0.hiddenFlows().map(({ priority }) => priority)).toContain(0xf0f0f0);
    fixture.flowMod('priority=9 actions=drop');
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    expect(fixture.megaflows()[0]).toContain('actions:100,2,3,4');
    fixture.br0.setFailMode('standalone', 'present');
    await fixture.br0.barrier();
    expect(flows(fixture)).toHaveLength(1);
    expect(fixture.megaflows()[0]).toContain('actions:drop');
  });
});

describe('learn', () => {
  it('adds the flow that the packet describes', () => {
    const fixture = fixtureWith(
      'table=0 actions=learn(table=10,hard_timeout=9,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[]),resubmit(,10)',
    );
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    const [learned] = fixture.stats('table=10');
    expect(learned).toMatchObject({ hardTimeout: 9, priority: 32768 });
    expect(fixture.dpif.miss(fixture.key('in_port=2,dl_dst=00:00:00:00:00:01')).actions).toEqual([
      { type: 'output', port: 1 },
    ]);
  });

  it('keeps to its limit: the same again may be learned, another flow in its place may not', () => {
    const fixture = fixtureWith('actions=learn(table=10,cookie=7,limit=1,reg1=5,output:NXM_OF_IN_PORT[])');
    const learnedFrom = (port: number) => {
      fixture.dpif.miss(fixture.key(`in_port=${port},${TCP}`));
      return fixture.stats('table=10').map((flow) => formatActions(flow.actions));
    };
    expect([learnedFrom(1), learnedFrom(1), learnedFrom(2)]).toEqual([['output:1'], ['output:1'], ['output:1']]);
    fixture.flowMod('table=10,cookie=8,reg1=5,actions=drop');
    expect(learnedFrom(3)).toEqual(['output:3']);
  });

  it('lets the last packet have its say, whenever statistics tell of those before', () => {
    const fixture = fixtureWith('actions=learn(table=10,reg1=5,output:NXM_OF_IN_PORT[])');
    const learned = () => fixture.stats('table=10').map((flow) => formatActions(flow.actions));
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    const [first] = fixture.dpif.flows();
    first!.hit(1, 60, fixture.clock.nowMs());
    fixture.dpif.miss(fixture.key(`in_port=2,${TCP}`));
    expect(learned()).toEqual(['output:2']);
    fixture.clock.warp(10);
    first!.hit(1, 60, fixture.clock.nowMs());
    expect(learned()).toEqual(['output:1']);
  });

  it('counts what the same packet has learned against the limit', () => {
    const learn = (port: number) => `learn(table=10,cookie=7,limit=1,in_port=${port},result_dst=reg0[${port}])`;
    const fixture = fixtureWith(`actions=${learn(1)},${learn(2)},${learn(1)},resubmit(,1)`);
    fixture.flowMod('table=1,reg0=2,actions=output:3');
    expect(fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`)).actions).toEqual([{ type: 'output', port: 3 }]);
    expect(fixture.stats('table=10')).toHaveLength(1);
  });

  it.each([
    ['0x1', 'output:1'],
    ['0xfffe', 'LOCAL'],
    ['0xfffd', 'drop'],
    ['0xfff0', 'drop'],
    ['0x10001', 'drop'],
  ])('outputs to %s as %s', (value, actions) => {
    const fixture = fixtureWith(`actions=load:${value}->reg0[],learn(table=10,output:reg0[])`);
    fixture.dpif.miss(fixture.key(`in_port=1,${TCP}`));
    expect(fixture.stats('table=10').map((flow) => formatActions(flow.actions))).toEqual([actions]);
  });
});

const EVERY = { tableId: 255, cookie: 0n, cookieMask: 0n, outPort: OFPP.ANY, outGroup: 0xffffffff };
