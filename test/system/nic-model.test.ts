// A weftd with NIC models: functions whose guests are testpmd, dummies or nobody, as ports of one bridge; legacy switching;
// a card that is killed and comes back; what nic/show says of it all.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { haveTestpmd, Testpmd } from '../support/guest/testpmd.ts';
import { eventually, haveOvs, VhostSwitch } from '../support/vhost-switch.ts';

/** An IPv4 frame from 02:00:00:00:00:`from` to `to`, tagged when `vlan` is given. */
function frame(from: string, to: string, vlan?: number): string {
  const tag = vlan === undefined ? '' : `8100${vlan.toString(16).padStart(4, '0')}`;
  return `${to}${from}${tag}0800450000320000000040110000${'0a0000010a000002'}${'00'.repeat(30)}`;
}

/** Frames of a pcap file, in hex. */
function pcapFrames(path: string): string[] {
  const file = readFileSync(path);
  const frames: string[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const size = file.readUInt32LE(at + 8);
    frames.push(file.subarray(at + 16, at + 16 + size).toString('hex'));
    at += 16 + size;
  }
  return frames;
}

describe.skipIf(!haveOvs)('a NIC model in weftd', () => {
  let vswitch: VhostSwitch;
  const running = new Set<Testpmd>();

  beforeAll(async () => {
    vswitch = await VhostSwitch.start({ args: ['--enable-dummy'] });
  });
  afterEach(async () => {
    for (const testpmd of running) testpmd.kill();
    running.clear();
    const ports = (await vswitch.weftd.vsctl(`list-ports ${vswitch.bridge}`)).split('\n').filter((name) => name !== '');
    const words = ports.map((port) => `del-port ${vswitch.bridge} ${port}`);
    if (words.length > 0) await vswitch.weftd.vsctl(words.join(' -- '));
    await vswitch.weftd.vsctl(
      'remove Open_vSwitch . other_config nic-model0 -- remove Open_vSwitch . other_config hw-offload',
    );
    await vswitch.ofctl('del-flows');
  });
  afterAll(() => vswitch?.close());

  const card = (line: string) => vswitch.weftd.vsctl(`set Open_vSwitch . other_config:nic-model0="${line}"`);
  const show = () => vswitch.weftd.appctl('nic/show', 'model0');

  /** A vf port; without a `vf` the wire's representor. */
  async function addFunction(name: string, ofport: number, options: Readonly<Record<string, string>>): Promise<void> {
    const words = Object.entries({ nic: 'model0', ...options }).map(([key, value]) => `options:${key}="${value}"`);
    const iface = `set Interface ${name} type=vf ofport_request=${ofport} ${words.join(' ')}`;
    await vswitch.weftd.vsctl(`add-port ${vswitch.bridge} ${name} -- ${iface}`);
  }

  const pcap = (name: string) => join(vswitch.weftd.dir, `${name}.pcap`);
  const receive = (name: string, hex: string) => vswitch.weftd.appctl('netdev-dummy/receive', name, hex);
  const status = (name: string, key: string) => vswitch.weftd.vsctl(`get Interface ${name} status:${key}`);

  /** Of nic/show: the numbers behind words, in the paragraph of a vport. */
  async function counters(title: string): Promise<Record<string, number>> {
    const text = await show();
    const part = text.split(/\n {2}(?! )/).find((paragraph) => paragraph.startsWith(title)) ?? '';
    const found = [...part.matchAll(/(received|missed|spoofed|policed|sent|to the switch|from the switch) (\d+)/g)];
    const dropped = [...part.matchAll(/dropped (\d+)/g)].map(([, number]) => Number(number));
    return {
      ...Object.fromEntries(found.map(([, word, number]) => [word, Number(number)])),
      sentDropped: dropped[0] ?? 0,
      toSwitchDropped: dropped[1] ?? 0,
    };
  }

  /**
   * What testpmd's port, the card and weft count of VF `vf`, once it adds up: while packets are still on their way, which on
   * a busy machine may stand still for a while, it does not.
   */
  async function expectSums(testpmd: Testpmd, vf: number): Promise<void> {
    const added = async () => {
      const theirs = await testpmd.portStats(vf);
      const card = await counters(`vf ${vf} `);
      const weft = await vswitch.counters(`vf${vf}`);
      return {
        // From the guest: all of it missed the empty flow table and went to the representor, or was dropped there.
        received: card['received']! - theirs.txPackets,
        missed: card['missed']! - card['received']!,
        toSwitch: card['to the switch']! + card['toSwitchDropped']! - card['missed']!,
        taken: weft.rxPackets - card['to the switch']!,
        // To the guest: what weft sent, the card sent or dropped.
        fromSwitch: card['from the switch']! - weft.txPackets,
        sent: card['sent']! + card['sentDropped']! - card['from the switch']!,
        isPlausible: theirs.rxPackets <= card['sent']!,
      };
    };
    const zero = { received: 0, missed: 0, toSwitch: 0, taken: 0, fromSwitch: 0, sent: 0, isPlausible: true };
    await expect.poll(added, { timeout: 60_000, interval: 200 }).toEqual(zero);
  }

  async function startTraffic(testpmd: Testpmd): Promise<void> {
    const start = (await vswitch.counters('vf0')).rxPackets;
    testpmd.command('set fwd flowgen');
    testpmd.command('start');
    await eventually('traffic', async () => (await vswitch.counters('vf0')).rxPackets > start + 5000);
  }

  it.skipIf(!haveTestpmd)('serves guests on VFs under load, and again after the card was killed', async () => {
    await card('vfs=2');
    const names = ['vf0', 'vf1'];
    for (const [vf, name] of names.entries()) {
      await addFunction(name, vf + 1, { vf: String(vf), 'vf-path': vswitch.socket(`${name}.sock`) });
    }
    await vswitch.join(1, 2);
    const testpmd = new Testpmd(names.map((name) => `path=${vswitch.socket(`${name}.sock`)},queues=1,server=1`));
    running.add(testpmd);
    await testpmd.prompt();
    for (const name of names) await eventually(`${name} up`, () => vswitch.linkUp(name), 30_000);
    await startTraffic(testpmd);
    testpmd.command('stop');
    for (const vf of names.keys()) await expectSums(testpmd, vf);
    await vswitch.weftd.vsctl('set Open_vSwitch . other_config:hw-offload=true');
    await startTraffic(testpmd);
    const offloaded = async () => /flow table: [1-9]/.test(await show());
    await eventually('flows in the card', offloaded);
    await vswitch.weftd.appctl('weft/nic-kill', 'model0');
    await eventually('the card is back', async () => (await show()).includes('resets 1'));
    for (const name of names) await eventually(`${name} up again`, () => vswitch.linkUp(name), 30_000);
    await startTraffic(testpmd);
    await eventually('flows in the new card', offloaded);
    await testpmd.quit();
    for (const name of names) expect(await vswitch.weftd.vsctl(`get Interface ${name} error`)).toBe('[]');
  });

  it('forwards between functions and the wire by the rules of the bridge', async () => {
    await card(`vfs=2,wire=dummy,wire-tx_pcap=${pcap('wire')},vf-end=dummy`);
    await addFunction('vf0', 1, { vf: '0', 'vf-mac': '02:00:00:00:00:10' });
    await addFunction('vf1', 2, { vf: '1', 'vf-end-tx_pcap': pcap('vf1') });
    await addFunction('p0', 3, {});
    await vswitch.ofctl('add-flow', 'in_port=1,actions=output:2,mod_vlan_vid:7,output:3');
    const sent = frame('020000000010', '020000000011');
    await receive('model0/vf0', sent);
    await eventually('the frame on VF 1', () => pcapFrames(pcap('vf1')).length === 1);
    expect(pcapFrames(pcap('vf1'))).toEqual([sent]);
    await eventually('the frame on the wire', () => pcapFrames(pcap('wire')).length === 1);
    expect(pcapFrames(pcap('wire'))).toEqual([frame('020000000010', '020000000011', 7)]);
    expect(await show()).toContain('vf 0 (vport 1): link up, represented, mac 02:00:00:00:00:10');
    await eventually('the status', async () => (await status('vf0', 'vf_mac')) === '"02:00:00:00:00:10"');
  });

  it('takes properties of a function over while it runs', async () => {
    await card('vfs=2,vf-end=dummy');
    await addFunction('vf0', 1, { vf: '0', 'vf-mac': '02:00:00:00:00:10' });
    await addFunction('vf1', 2, { vf: '1', 'vf-end-tx_pcap': pcap('checked') });
    await vswitch.join(1, 2);
    const [honest, spoofed] = [frame('020000000010', '020000000011'), frame('020000000099', '020000000011')];
    await receive('model0/vf0', spoofed);
    await eventually('a frame', () => pcapFrames(pcap('checked')).length === 1);
    await vswitch.weftd.vsctl('set Interface vf0 options:vf-spoofchk=true');
    await receive('model0/vf0', spoofed);
    await receive('model0/vf0', honest);
    await eventually('the honest frame', () => pcapFrames(pcap('checked')).length === 2);
    expect(pcapFrames(pcap('checked'))).toEqual([spoofed, honest]);
    expect(await counters('vf 0 ')).toMatchObject({ received: 3, missed: 2, spoofed: 1 });
    await vswitch.weftd.vsctl('set Interface vf1 options:vf-link=disable');
    await eventually('link down', async () => !(await vswitch.linkUp('vf1')));
    await receive('model0/vf0', honest);
    await eventually('a drop', async () => (await counters('vf 1 '))['sentDropped'] === 1);
    expect(pcapFrames(pcap('checked'))).toHaveLength(2);
    expect(await show()).toContain('resets 0');
  });

  it('in legacy mode, where the card forwards by itself, has the PF and its functions as ports', async () => {
    const ends = `vf0-end=dummy,vf0-end-tx_pcap=${pcap('vf0')}`;
    const macs = 'vf0-mac=02:00:00:00:00:10,vf1-mac=02:00:00:00:00:11';
    await card(`mode=legacy,vfs=2,wire=dummy,wire-tx_pcap=${pcap('legacy')},${macs},${ends}`);
    await addFunction('pf', 1, {});
    await addFunction('vf1', 2, { vf: '1' });
    await vswitch.ofctl('add-flow', 'in_port=2,actions=mod_dl_dst:02:00:00:00:00:99,output:1');
    const answering = 'mod_dl_src:02:00:00:00:00:55,mod_dl_dst:02:00:00:00:00:10,in_port';
    await vswitch.ofctl('add-flow', `in_port=1,actions=${answering}`);
    for (const name of ['pf', 'vf1']) await eventually(`${name} up`, () => vswitch.linkUp(name));
    expect(await show()).toMatch(/PF \(vport \d+\): link up, driven by the switch/);
    // The card brings it to VF 1's address, the bridge from there to the PF, and the card to the wire: 99 is nobody's.
    await receive('model0/vf0', frame('020000000010', '020000000011'));
    await eventually('the frame on the wire', () => pcapFrames(pcap('legacy')).length === 1);
    expect(pcapFrames(pcap('legacy'))).toEqual([frame('020000000010', '020000000099')]);
    expect((await vswitch.counters('vf1')).rxPackets).toBe(1);
    // Whom nobody on the card is may be behind the PF; the bridge's answer finds VF 0.
    await receive('model0/wire', frame('020000000099', '020000000055'));
    await eventually('the answer on VF 0', () => pcapFrames(pcap('vf0')).length === 1);
    expect(pcapFrames(pcap('vf0'))).toEqual([frame('020000000055', '020000000010')]);
    expect(pcapFrames(pcap('legacy'))).toHaveLength(1);
  });

  it('says what is wrong with its line, and goes on as it was', async () => {
    await card('vfs=2,vf-end=dummy');
    for (const [line, fault] of [
      ['vfs=129', 'vfs="129": expected a number from 1 to 128'],
      ['vfs=2,speed=9', 'there is no option "speed"'],
      ['vfs=2,vf5-vlan=3', 'there are 2 VFs'],
    ]) {
      await card(line!);
      expect(await show()).toContain(fault);
      expect(await show()).toContain('model0: model, eswitch switchdev, 2 VFs, resets 0');
    }
    await addFunction('vf9', 1, { vf: '9' });
    await eventually('an error', async () =>
      (await vswitch.weftd.vsctl('get Interface vf9 error')).includes('has no VF'),
    );
  });

  it('has 128 VFs', async () => {
    await card(`vfs=128,vf-end=dummy,vf127-end-tx_pcap=${pcap('last')}`);
    const add = Array.from({ length: 128 }, (_, vf) => {
      const options = `options:nic=model0 options:vf=${vf} options:n_rxq_desc=64 options:n_txq_desc=64`;
      return `add-port ${vswitch.bridge} f${vf} -- set Interface f${vf} type=vf ofport_request=${vf + 1} ${options}`;
    });
    await vswitch.weftd.vsctl(add.join(' -- '));
    await eventually('all links', async () => {
      const states = await vswitch.weftd.vsctl('--columns=link_state --bare find Interface type=vf link_state=up');
      return states.split('\n').filter((line) => line === 'up').length === 128;
    });
    // From each function to the next one.
    const ring = Array.from(
      { length: 127 },
      (_, vf) => `in_port=${vf + 1},dl_dst=02:00:00:00:00:7f,actions=output:${vf + 2}`,
    );
    for (const flow of ring.slice(120)) await vswitch.ofctl('add-flow', flow);
    for (let vf = 120; vf < 127; vf++) await receive(`model0/vf${vf}`, frame('020000000001', '02000000007f'));
    await eventually('the frame on the last VF', () => pcapFrames(pcap('last')).length === 1);
    expect((await show()).match(/\n {2}vf \d+ /g)).toHaveLength(128);
  });
});
