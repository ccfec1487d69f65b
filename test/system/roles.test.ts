// Roles and asynchronous-message settings beside Open vSwitch: raw requests and every answer, in each version that has
// them, and what a master hears when another takes its place.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ofMessage, openPeer, SideBySide, settle } from '../support/side-by-side.ts';
import { until } from '../support/sockets.ts';

const switches = new SideBySide();
beforeAll(() => switches.start());
afterAll(() => switches.stop());

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const role = (version: number, number: number, generation: number) =>
  ofMessage(version, 24, `${hex(number, 8)} 00000000 ${hex(generation, 16)}`);
const getAsync = (version: number) => ofMessage(version, 26);
const property = (type: number, mask: number) => `${hex(type, 4)} 0008 ${hex(mask, 8)}`;
const nxSetAsync = (version: number) =>
  ofMessage(version, 4, `00002320 00000013 ${[7, 1, 7, 2, 15, 4].map((mask) => hex(mask, 8)).join('')}`);

describe('asynchronous messages', () => {
  it('are chosen by masks in 1.3', async () => {
    const masks = [0xff, 1, 2, 3, 4, 5].map((mask) => hex(mask, 8)).join('');
    const set2 = ofMessage(4, 4, `00002320 0000001b ${property(1, 3)}`);
    const messages = [getAsync(4), ofMessage(4, 28, masks), getAsync(4), nxSetAsync(4), getAsync(4), set2, getAsync(4)];
    const [ours, theirs] = await switches.exchange(4, messages);
    expect(ours).toEqual(theirs);
  });

  it.each([5, 6])('are chosen by properties in version %i', async (version) => {
    const set = (...properties: string[]) => ofMessage(version, 28, properties.join(''));
    const [ours, theirs] = await switches.exchange(version, [
      getAsync(version),
      set(property(0, 7), property(1, 5), property(2, 1), property(3, 2), property(4, 3), property(5, 15)),
      getAsync(version),
      set(property(1, 0xffff)),
      set(property(6, 1), property(7, 6), property(8, 8), property(9, 16), property(10, 1), property(11, 3)),
      getAsync(version),
      set(property(1, 1), property(20, 1)),
      set('0000 000c 00000000 00000000 00000000'),
      nxSetAsync(version),
      getAsync(version),
    ]);
    expect(ours).toEqual(theirs);
  });
});

describe('roles', () => {
  it.each([4, 5, 6])('follow generations (version %i)', async (version) => {
    // Above what the other versions' runs left behind.
    const base = version * 100;
    const [ours, theirs] = await switches.exchange(version, [
      role(version, 2, base + 5),
      role(version, 2, base + 4),
      role(version, 3, base + 5),
      role(version, 0, 0),
      role(version, 7, 0),
      ofMessage(version, 9, '0000 0080'),
      ...(version < 6 ? [ofMessage(version, 13, `ffffffff 00000001 0000 000000000000 ${'00'.repeat(20)}`)] : []),
      ofMessage(version, 17, '00 000000 00000000'),
      role(version, 1, 0),
      ofMessage(version, 4, '00002320 0000000a 00000001'),
      ofMessage(version, 4, '00002320 0000000a 00000009'),
    ]);
    expect(ours).toEqual(theirs);
  });

  it.each([4, 5, 6])('are taken away with a message (version %i)', async (version) => {
    const heard: string[][] = [];
    for (const rundir of switches.rundirs) {
      const first = await openPeer(rundir, version);
      const second = await openPeer(rundir, version);
      await settle(first, version, [role(version, 2, version * 100 + 1050)]);
      await settle(second, version, [role(version, 2, version * 100 + 1051)]);
      await until(() => first.messages().length > 3, 20_000);
      heard.push(
        first
          .messages()
          .slice(1)
          .filter((text) => text.slice(8, 16) !== '000000cc'),
      );
      for (const peer of [first, second]) peer.socket.destroy();
    }
    expect(heard[0]).toEqual(heard[1]);
  });
});
