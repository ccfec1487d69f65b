// What every NicProvider keeps, as tests: a card's own test makes a rig of it and runs them.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DpAction } from '../../../datapath/dpif.ts';
import { KEY_ETH_DST, KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import {
  type FlowHandle,
  type HardwareFlow,
  type NicPort,
  type NicProvider,
  type Vport,
  WIRE,
} from '../../../datapath/nic/provider.ts';
import { HostRings } from '../guest/host-rings.ts';

/** A card with two functions and a wire, a flow table, and a way to put frames in and see what comes out. */
export interface CardRig {
  readonly provider: NicProvider;
  /** Options of the two functions' ports. */
  readonly functions: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>];
  /** A frame comes from the function's guest, or in by the wire. */
  inject(vport: Vport, frame: Uint8Array): Promise<void>;
  /** What has come out there since the last look. */
  sent(vport: Vport): Buffer[];
  /** Makes the card lose everything. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

const PATIENCE_MS = 20_000;

export async function until(met: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; !(await met()); ) {
    if (performance.now() > endMs) throw new Error(what);
    await sleep(2);
  }
}

/** An IPv4 frame from 02:..:01 to 02:..:`to`; `mark` is its last byte. */
export function frameTo(to: number, mark = 0): Buffer {
  const frame = Buffer.alloc(64);
  frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 50], 0);
  frame.set([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, to], 22);
  frame[63] = mark;
  return frame;
}

/** What comes from `from` to the address that frameTo(`to`) has. */
export function flowTo(from: Vport, to: number, actions: readonly DpAction[]): HardwareFlow {
  const key = new Uint8Array(KEY_SIZE);
  const mask = new Uint8Array(KEY_SIZE);
  new DataView(key.buffer).setUint32(KEY_IN_PORT, from);
  mask.fill(0xff, KEY_IN_PORT, KEY_RECIRC_ID + 4);
  key.set([2, 0, 0, 0, 0, to], KEY_ETH_DST);
  mask.fill(0xff, KEY_ETH_DST, KEY_ETH_DST + 6);
  return { key, mask, actions };
}

const output = (port: Vport): DpAction => ({ type: 'output', port });

export function describeProvider(name: string, makeRig: () => Promise<CardRig>): void {
  describe(`${name} as a NIC with an eSwitch`, () => {
    let rig: CardRig;
    let ports: NicPort[];
    let rings: HostRings[];

    beforeEach(async () => {
      rig = await makeRig();
      ports = rig.functions.map((options) => rig.provider.openPort(options));
      rings = await Promise.all(ports.map((port) => HostRings.attach(port)));
    });

    afterEach(async () => {
      await rig.close();
      for (const each of rings) each.close();
    });

    /** The next `count` frames that come out. */
    const sentBy = async (vport: Vport, count: number): Promise<Buffer[]> => {
      const frames: Buffer[] = [];
      await until(() => {
        frames.push(...rig.sent(vport));
        return frames.length >= count;
      }, `less than ${count} frames came out of vport ${vport}`);
      return frames;
    };
    const insert = async (...flows: HardwareFlow[]): Promise<FlowHandle[]> => {
      const results = await rig.provider.insert(flows);
      return results.map((result) => {
        if ('refused' in result) throw new Error(result.reason);
        return result.handle;
      });
    };

    it('opens each function once, and none that it has not', async () => {
      const { provider, functions } = rig;
      expect(() => provider.openPort(functions[0])).toThrow();
      expect(() => provider.openPort({ ...functions[0], vf: '9999' })).toThrow();
      await provider.closePort(ports[0]!);
      ports[0] = provider.openPort(functions[0]);
      expect(ports[0].vport).not.toBe(ports[1]!.vport);
    });

    it("brings a function's packets without a flow to its port, and the port's packets to the function", async () => {
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      await rig.inject(a, frameTo(9, 1));
      await rig.inject(b, frameTo(9, 2));
      expect(await rings[0]!.receive(1)).toEqual([frameTo(9, 1)]);
      expect(await rings[1]!.receive(1)).toEqual([frameTo(9, 2)]);
      rings[1]!.send(frameTo(7, 3));
      expect(await sentBy(b, 1)).toEqual([frameTo(7, 3)]);
    });

    it('forwards by a flow without the port, counts, and stops when the flow is removed', async () => {
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const [handle] = await insert(flowTo(a, 9, [output(b)]));
      expect((await rig.provider.query([handle!]))[0]).toMatchObject({ packets: 0n, idleMs: undefined });
      for (let mark = 0; mark < 5; mark++) await rig.inject(a, frameTo(9, mark));
      expect((await sentBy(b, 5)).map((frame) => frame[63])).toEqual([0, 1, 2, 3, 4]);
      const [counts] = await rig.provider.query([handle!]);
      expect(counts).toMatchObject({ packets: 5n, bytes: 320n });
      expect(counts!.idleMs).toBeGreaterThanOrEqual(0);
      expect((await rig.provider.remove([handle!]))[0]).toMatchObject({ packets: 5n });
      await rig.inject(a, frameTo(9, 6));
      expect((await rings[0]!.receive(1))[0]).toEqual(frameTo(9, 6));
      expect(await rig.provider.query([handle!])).toEqual([undefined]);
      expect(await rig.provider.remove([handle!, 999_999])).toEqual([undefined, undefined]);
    });

    it('changes headers, copies, and sends to the wire', async () => {
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const push: DpAction = { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 };
      await insert(flowTo(a, 9, [output(b), push, output(WIRE)]));
      await rig.inject(a, frameTo(9));
      expect(await sentBy(b, 1)).toEqual([frameTo(9)]);
      expect((await sentBy(WIRE, 1))[0]!.subarray(12, 16).toString('hex')).toBe('81000005');
    });

    it('drops by a flow without actions', async () => {
      const a = ports[0]!.vport;
      const [handle] = await insert(flowTo(a, 9, []));
      await rig.inject(a, frameTo(9));
      await rig.inject(a, frameTo(8));
      expect(await rings[0]!.receive(1)).toEqual([frameTo(8)]);
      expect((await rig.provider.query([handle!]))[0]!.packets).toBe(1n);
    });

    it('answers for each flow of a batch, and refuses what it cannot do or has no room for', async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const results = await provider.insert([
        flowTo(a, 1, [output(b)]),
        flowTo(a, 2, [{ type: 'userspace', cookie: 1, maxLen: 100 }]),
        flowTo(a, 3, [output(9999)]),
        flowTo(a, 4, [{ type: 'meter', id: 77 }, output(b)]),
        flowTo(a, 5, [output(b)]),
      ]);
      expect(results.map((result) => ('refused' in result ? result.refused : 'in force'))).toEqual([
        'in force',
        'unsupported',
        'unsupported',
        'unsupported',
        'in force',
      ]);
      const size = provider.capabilities.tableSize;
      const many = Array.from({ length: size }, (_, i) => flowTo(b, 10 + i, [output(a)]));
      const filled = await provider.insert(many);
      expect(filled.filter((result) => 'handle' in result)).toHaveLength(size - 2);
      expect(filled.at(-1)).toMatchObject({ refused: 'full' });
    });

    it('meters', async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      if (provider.capabilities.meters.max === 0) return;
      const band = { rate: 1, unit: 'packets', burst: 1, type: 'drop', precLevel: 0 } as const;
      const count = async (handle: number) => (await provider.query([handle]))[0]!;
      await provider.setMeters([{ id: 5, bands: [band] }]);
      const [handle] = await insert(flowTo(a, 9, [{ type: 'meter', id: 5 }, output(b)]));
      for (let i = 0; i < 20; i++) await rig.inject(a, frameTo(9, i));
      await until(async () => (await count(handle!)).packets === 20n, 'packets are missing');
      const [stats, none] = await provider.queryMeters([5, 6]);
      expect([stats?.packets, stats?.bytes, none]).toEqual([20n, 1280n, undefined]);
      const sent = (await count(handle!)).sent!;
      expect(sent).toEqual([
        { packets: 20n - stats!.bands[0]!.packets, bytes: 64n * (20n - stats!.bands[0]!.packets) },
      ]);
      expect(sent[0]!.packets).toBeGreaterThan(0n);
      expect(sent[0]!.packets).toBeLessThan(20n);
      expect(await sentBy(b, Number(sent[0]!.packets))).toHaveLength(Number(sent[0]!.packets));
      // Another one in its place.
      await provider.setMeters([{ id: 5, bands: [{ ...band, rate: 1_000_000, burst: 1_000_000 }] }]);
      for (let i = 0; i < 5; i++) await rig.inject(a, frameTo(9, i));
      expect(await sentBy(b, 5)).toHaveLength(5);
      expect((await provider.queryMeters([5]))[0]).toMatchObject({ packets: 5n, bands: [{ packets: 0n }] });
      await provider.remove([handle!]);
      expect((await provider.removeMeters([5]))[0]?.packets).toBe(5n);
      expect(await provider.queryMeters([5])).toEqual([undefined]);
    });

    it('counts what outputs are given that cut frames, or have only some of them', async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      if (!provider.capabilities.outputCounters) return;
      const trunc = (maxLen: number): DpAction => ({ type: 'trunc', maxLen });
      const push: DpAction = { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 };
      const [handle] = await insert(
        flowTo(a, 9, [
          trunc(20),
          output(b),
          { type: 'check_pkt_len', size: 63, greater: [trunc(30), push, output(WIRE)], lessEqual: [output(b)] },
          trunc(64),
          output(b),
        ]),
      );
      await rig.inject(a, frameTo(9));
      await rig.inject(a, frameTo(9));
      expect((await sentBy(b, 4)).map(({ length }) => length).sort()).toEqual([20, 20, 64, 64]);
      expect((await sentBy(WIRE, 2)).map(({ length }) => length)).toEqual([34, 34]);
      await until(async () => (await provider.query([handle!]))[0]!.packets === 2n, 'packets are missing');
      expect((await provider.query([handle!]))[0]!.sent).toEqual([
        { packets: 2n, bytes: 40n },
        { packets: 2n, bytes: 68n },
        { packets: 0n, bytes: 0n },
        { packets: 2n, bytes: 128n },
      ]);
    });

    it('a link that is down carries nothing', async () => {
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      await insert(flowTo(a, 9, [output(b)]));
      await until(() => ports[1]!.linkUp, 'the link does not come up');
      await ports[1]!.setLinkUp(false);
      await until(() => !ports[1]!.linkUp, 'the link does not go down');
      await rig.inject(a, frameTo(9, 1));
      await ports[1]!.setLinkUp(true);
      await rig.inject(a, frameTo(9, 2));
      expect(await sentBy(b, 1)).toEqual([frameTo(9, 2)]);
    });

    it("a function's reset takes its flows and rings, and no others", async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const [mine, other] = await insert(flowTo(a, 9, [output(b)]), flowTo(b, 9, [output(a)]));
      await provider.resetFunction(a);
      expect(await provider.query([mine!, other!])).toEqual([undefined, expect.objectContaining({ packets: 0n })]);
      rings[0]!.close();
      rings[0] = await HostRings.attach(ports[0]!);
      await rig.inject(a, frameTo(9));
      expect(await rings[0].receive(1)).toEqual([frameTo(9)]);
    });

    it('a card that was reset says so, knows no flow, and works again when it is told everything anew', async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const [handle] = await insert(flowTo(a, 9, [output(b)]));
      let resets = 0;
      provider.onReset(() => resets++);
      await rig.reset();
      await until(() => resets === 1, 'nobody was told of the reset');
      expect(await provider.query([handle!])).toEqual([undefined]);
      for (const [i, port] of ports.entries()) {
        rings[i]!.close();
        rings[i] = await HostRings.attach(port);
      }
      await rig.inject(a, frameTo(9, 1));
      expect(await rings[0]!.receive(1)).toEqual([frameTo(9, 1)]);
      await insert(flowTo(a, 9, [output(b)]));
      await rig.inject(a, frameTo(9, 2));
      expect(await sentBy(b, 1)).toEqual([frameTo(9, 2)]);
    });

    it('counts: what came from a function was forwarded by flows or missed; what was for it was sent or dropped', async () => {
      const { provider } = rig;
      const [a, b] = [ports[0]!.vport, ports[1]!.vport];
      const [handle] = await insert(flowTo(a, 9, [output(b)]));
      for (let i = 0; i < 50; i++) await rig.inject(a, frameTo(i % 2 === 0 ? 9 : 8, i));
      await rings[0]!.receive(25);
      await until(async () => (await provider.query([handle!]))[0]!.packets === 25n, 'packets are missing');
      const count = (port: NicPort, name: string) => BigInt(port.stats()[name] ?? 0);
      await until(() => count(ports[0]!, 'nic_rx_packets') === 50n, 'the counters do not follow');
      await until(
        () => count(ports[1]!, 'nic_tx_packets') + count(ports[1]!, 'nic_tx_dropped') === 25n,
        'not all sent',
      );
      expect(count(ports[0]!, 'nic_rx_missed')).toBe(25n);
    });
  });
}
