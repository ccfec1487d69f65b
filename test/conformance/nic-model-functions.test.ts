// What a NIC model does with the properties of its functions: legacy switching, spoof check, rate limit, insertion at a
// pace, and what of it changes while it runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { attachRings } from '../../datapath/nic/model/representor-rings.ts';
import { WIRE } from '../../datapath/nic/provider.ts';
import { HostRings } from '../support/guest/host-rings.ts';
import { type ModelRig, modelRig } from '../support/nic/model-rig.ts';
import { flowTo, frameTo, until } from '../support/nic/provider-suite.ts';

let rig: ModelRig | undefined;

afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const MACS = 'vf0-mac=02:00:00:00:00:01,vf1-mac=02:00:00:00:00:02,vf2-mac=02:00:00:00:00:03,vf3-mac=02:00:00:00:00:04';
/** Last bytes of addresses. */
const [ONE, TWO, THREE, NOBODY] = [1, 2, 3, 0x77];

/** From 02:..:`from` to 02:..:`to` (0xff: everybody), with a tag of `vlan` unless that is 0. */
function frame(from: number, to: number, vlan = 0, mark = 0): Buffer {
  const plain = frameTo(to, mark);
  plain[11] = from;
  if (to === 0xff) plain.fill(0xff, 0, 6);
  if (vlan === 0) return plain;
  return Buffer.concat([plain.subarray(0, 12), Buffer.from([0x81, 0, vlan >> 8, vlan & 0xff]), plain.subarray(12)]);
}

/** What has come out of the vports when the frame has been dealt with. */
async function outcome(from: number, sent: Buffer, vports: readonly number[]): Promise<Record<number, string[]>> {
  await rig!.inject(from, sent);
  return Object.fromEntries(vports.map((vport) => [vport, rig!.sent(vport).map((each) => each.toString('hex'))]));
}

describe('a NIC model in legacy mode', () => {
  const ALL = [WIRE, 1, 2, 3, 4];
  const hex = (buffer: Buffer) => [buffer.toString('hex')];

  it('switches by address: known unicast to its function, unknown to the wire, broadcast to all', async () => {
    rig = await modelRig(4, `mode=legacy,${MACS}`);
    const known = frame(ONE, TWO);
    for (let i = 0; i < 2; i++) {
      expect(await outcome(1, known, ALL)).toEqual({ 0: [], 1: [], 2: hex(known), 3: [], 4: [] });
    }
    const unknown = frame(ONE, NOBODY);
    expect(await outcome(1, unknown, ALL)).toEqual({ 0: hex(unknown), 1: [], 2: [], 3: [], 4: [] });
    const all = hex(frame(ONE, 0xff));
    expect(await outcome(1, frame(ONE, 0xff), ALL)).toEqual({ 0: all, 1: [], 2: all, 3: all, 4: all });
    const incoming = frame(NOBODY, THREE);
    expect(await outcome(WIRE, incoming, ALL)).toEqual({ 0: [], 1: [], 2: [], 3: hex(incoming), 4: [] });
    expect(await outcome(WIRE, frame(NOBODY, 0x55), ALL)).toEqual({ 0: [], 1: [], 2: [], 3: [], 4: [] });
  });

  it('keeps functions in their port VLANs, whose tags only the wire sees', async () => {
    rig = await modelRig(4, `mode=legacy,${MACS},vf0-vlan=5,vf1-vlan=5,vf2-vlan=6`);
    const plain = hex(frame(ONE, 0xff));
    const tagged = hex(frame(ONE, 0xff, 5));
    expect(await outcome(1, frame(ONE, 0xff), ALL)).toEqual({ 0: tagged, 1: [], 2: plain, 3: [], 4: tagged });
    expect(await outcome(WIRE, frame(NOBODY, TWO, 5), ALL)).toMatchObject({ 2: hex(frame(NOBODY, TWO)), 3: [] });
    expect(await outcome(WIRE, frame(NOBODY, TWO, 6), ALL)).toMatchObject({ 2: [], 3: [] });
    // Nobody chooses a VLAN for itself.
    expect(await outcome(1, frame(ONE, 0xff, 6), ALL)).toEqual({ 0: [], 1: [], 2: [], 3: [], 4: [] });
  });

  it('lets trusted functions use other addresses and be promiscuous', async () => {
    rig = await modelRig(4, `mode=legacy,${MACS},vf0-trust=true,vf2-promisc=true`);
    await outcome(1, frame(0x55, 0xff), ALL);
    const reply = frame(TWO, 0x55);
    expect(await outcome(2, reply, ALL)).toEqual({ 0: [], 1: hex(reply), 2: [], 3: [], 4: [] });
    expect(await rig.provider.describe()).toContain('learned: 02:00:00:00:00:55 vlan 0 on vport 1');
    await rig.provider.configure(`vfs=4,wire=dummy,vf-end=dummy,mode=legacy,${MACS},vf2-trust=true,vf2-promisc=true`);
    const known = frame(ONE, TWO);
    expect(await outcome(1, known, ALL)).toEqual({ 0: [], 1: [], 2: hex(known), 3: hex(known), 4: [] });
    expect(await outcome(2, reply, ALL)).toEqual({ 0: hex(reply), 1: [], 2: [], 3: hex(reply), 4: [] });
  });

  it('gives the function itself to its port, and back to its guest', async () => {
    rig = await modelRig(4, `mode=legacy,${MACS}`);
    const port = rig.provider.openPort({ nic: 'model0', vf: '1' });
    const rings = await HostRings.attach(port);
    await rig.inject(1, frame(ONE, TWO));
    expect(await rings.receive(1)).toEqual([frame(ONE, TWO)]);
    rings.send(frame(TWO, ONE));
    await until(() => rig!.sent(1).length === 1, 'nothing came to the other function');
    await rig.provider.closePort(port);
    rings.close();
    await rig.provider.card.call('watch', 2);
    expect(await outcome(1, frame(ONE, TWO), ALL)).toMatchObject({ 2: hex(frame(ONE, TWO)) });
    expect(await rig.provider.insert([flowTo(1, 9, [])])).toMatchObject([{ refused: 'unsupported' }]);
  });
});

describe('functions of a NIC model in switchdev mode', () => {
  it('drops what is spoofed, flow or no flow, also when the check comes later', async () => {
    rig = await modelRig(2, MACS.split(',').slice(0, 2).join(','));
    const { provider } = rig;
    const port = provider.openPort({ nic: 'model0', vf: '0' });
    const rings = await HostRings.attach(port);
    const [result] = await provider.insert([flowTo(1, 9, [{ type: 'output', port: 2 }])]);
    const handles = 'handle' in result! ? [result.handle] : [];
    await rig.inject(1, frame(0x66, 9));
    await until(() => rig!.sent(2).length === 1, 'unchecked, the flow forwards');
    expect(await port.reconfigure?.({ nic: 'model0', vf: '0', 'vf-spoofchk': 'true' })).toBe(true);
    await rig.inject(1, frame(0x66, 9));
    await rig.inject(1, frame(0x66, 8));
    await rig.inject(1, frame(ONE, 9));
    await rig.inject(1, frame(ONE, 8));
    expect(await rings.receive(1)).toEqual([frame(ONE, 8)]);
    // The counts of before go on.
    await until(async () => (await provider.query(handles))[0]?.packets === 2n, 'the flow counts both');
    await until(() => port.stats()['nic_rx_spoofed'] === 2n, 'the spoofed ones are counted');
    expect(await provider.describe()).toContain('spoofed 2');
    rings.close();
  });

  it('limits what a function sends', async () => {
    rig = await modelRig(2, 'vf0-rate-mbps=1');
    const { provider } = rig;
    await provider.insert([flowTo(1, 9, [{ type: 'output', port: 2 }])]);
    const big = Buffer.concat([frame(ONE, 9), Buffer.alloc(1400)]);
    const send = () => Promise.all(Array.from({ length: 50 }, () => rig!.inject(1, big)));
    const policed = async () => Number(/policed (\d+)/.exec((await provider.describe()).split('vf 0 ')[1] ?? '')?.[1]);
    await until(async () => {
      await send();
      return (await policed()) > 0;
    }, 'nothing was policed');
    await until(() => rig!.sent(2).length > 0, 'nothing passed');
    await provider.configure('vfs=2,wire=dummy,vf-end=dummy');
    const before = await policed();
    await send();
    expect(await policed()).toBe(before);
  });

  it('takes the time for a flow that it is told to take', async () => {
    rig = await modelRig(2, 'insert-latency-us=30000,insert-rate=1000');
    const startMs = performance.now();
    const flows = Array.from({ length: 50 }, (_, i) => flowTo(1, i, [{ type: 'output', port: 2 }]));
    await rig.provider.insert(flows);
    const tookMs = performance.now() - startMs;
    // 49 intervals of a millisecond, more than the latency.
    expect(tookMs).toBeGreaterThanOrEqual(48);
    await rig.provider.configure('vfs=2,wire=dummy,vf-end=dummy,insert-latency-us=30000');
    const againMs = performance.now();
    await rig.provider.insert([flowTo(2, 1, [])]);
    expect(performance.now() - againMs).toBeGreaterThanOrEqual(29);
  });

  it('serves a guest whose control path is elsewhere, until its device is closed', async () => {
    rig = await modelRig(2, '');
    const { provider } = rig;
    const port = provider.openPort({ nic: 'model0', vf: '0' });
    let rings = await HostRings.attach(port);
    const device = provider.functionDevice(1)!;
    const guest = await HostRings.attach({
      attach: async (memory, pairs) => attachRings(device, memory, pairs),
    });
    await until(() => port.linkUp, 'the link does not come up');
    guest.send(frame(ONE, 9, 0, 1));
    expect(await rings.receive(1)).toEqual([frame(ONE, 9, 0, 1)]);
    rings.send(frame(9, ONE, 0, 2));
    expect(await guest.receive(1)).toEqual([frame(9, ONE, 0, 2)]);
    // The representor comes and goes by itself.
    await port.detach();
    rings.close();
    rings = await HostRings.attach(port);
    guest.send(frame(ONE, 9, 0, 4));
    expect(await rings.receive(1)).toEqual([frame(ONE, 9, 0, 4)]);
    expect((await device.stopRing(1)).lastAvailIndex).toBe(2);
    await device.close();
    await provider.card.call('watch', 1);
    rings.send(frame(9, ONE, 0, 3));
    await until(() => rig!.sent(1).some((sent) => sent.at(-1) === 3), 'the configured end is not back');
    guest.close();
    rings.close();
  });

  it("joins its wire to another model's", async () => {
    rig = await modelRig(2, '');
    const path = join(mkdtempSync(join(tmpdir(), 'weft-wire-')), 'wire');
    const other = await modelRig(2, `wire-pstream=punix:${path}`);
    try {
      await rig.provider.configure(`vfs=2,wire=dummy,vf-end=dummy,wire-stream=unix:${path}`);
      await rig.provider.insert([flowTo(1, 9, [{ type: 'output', port: WIRE }])]);
      await other.provider.insert([flowTo(WIRE, 9, [{ type: 'output', port: 2 }])]);
      // The stream is dialled now and then, and what is sent before is lost.
      await until(async () => {
        await rig!.inject(1, frame(ONE, 9));
        return other.sent(2).some((sent) => sent.equals(frame(ONE, 9)));
      }, 'nothing came over the wire');
    } finally {
      await other.close();
      rmSync(dirname(path), { recursive: true, force: true });
    }
  });

  it('keeps flows and their counts when the end of a function changes', async () => {
    rig = await modelRig(2, '');
    const { provider } = rig;
    const [result] = await provider.insert([flowTo(1, 9, [{ type: 'output', port: 2 }])]);
    const handles = 'handle' in result! ? [result.handle] : [];
    await rig.inject(1, frame(ONE, 9));
    await until(async () => (await provider.query(handles))[0]?.packets === 1n, 'the flow counts');
    await provider.configure('vfs=2,wire=dummy,vf-end=dummy,vf0-end=dummy:other');
    await rig.inject(1, frame(ONE, 9));
    await until(async () => (await provider.query(handles))[0]?.packets === 2n, 'the flow counts on');
    expect(await provider.describe()).toContain('end: dummy other');
  });
});

describe('a card that hangs', () => {
  it.each(['firmware', 'thread'] as const)(
    '(its %s) is reset, and works again',
    async (what) => {
      rig = await modelRig(2, 'watchdog-s=2');
      const { provider } = rig;
      let resets = 0;
      provider.onReset(() => resets++);
      const [result] = await provider.insert([flowTo(1, 9, [{ type: 'output', port: 2 }])]);
      expect(result).toHaveProperty('handle');
      await provider.card.call('hang', what).catch(() => {});
      await until(() => resets > 0, 'the card is not reset');
      expect(await provider.describe()).toContain('flow table: 0 of');
    },
    120_000,
  );

  it('can be closed', async () => {
    rig = await modelRig(2, 'watchdog-s=0');
    void rig.provider.card.call('hang', 'firmware').catch(() => {});
    await rig.close();
    rig = undefined;
  }, 120_000);
});
