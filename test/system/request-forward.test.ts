// What controllers are told of each other's requests, and what connections hear of removed flows that asked for nothing,
// beside Open vSwitch in every version.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex16, hex32, message, multipart, property } from '../support/openflow-bytes.ts';
import { openPeer, SideBySide, settle } from '../support/side-by-side.ts';

const switches = new SideBySide();
beforeAll(() => switches.start(2));
afterAll(() => switches.stop());

const OFPT_ERROR = '01';
/** Without the outer xid; of errors the type and code. */
const told = (text: string) =>
  text.slice(2, 4) === OFPT_ERROR ? text.slice(0, 24) : text.slice(0, 8) + text.slice(16);

const SET_CONFIG = (version: number) => message(version, 9, '0000 0080');
const SLAVES_GROUPS = `${property(0x0a, '00000001')}`;
const ALL_REQUESTS = `${property(0x0b, '00000003')}`;
const groupMod = (version: number, command: number, group: number) => {
  const tail = version < 6 ? '' : '0000 0000 ffffffff';
  return message(version, 15, `${hex16(command)} 00 00 ${hex32(group)} ${tail}`);
};
const BAND = '0001 0010 00000005 00000000 00000000';
const meterMod = (version: number, command: number, meter: number, bands = '', flags = 1) =>
  message(version, 29, `${hex16(command)} ${hex16(command === 2 ? 0 : flags)} ${hex32(meter)} ${bands}`);
const bundled = (version: number, inner: string) => message(version, 34, `00000001 0000 0003 ${inner}`);
const bundle = (version: number, type: number) => message(version, 33, `00000001 ${hex16(type)} 0003`);

/** What an observer hears of each of the requests, weft's first; and what the requester is answered. */
async function overheard(observer: number, requester: number, role: string, requests: readonly string[][]) {
  const found: string[][] = [];
  for (const rundir of switches.rundirs) {
    const [watching, asking] = [await openPeer(rundir, observer), await openPeer(rundir, requester)];
    const masks = message(observer, 28, SLAVES_GROUPS + ALL_REQUESTS);
    const heard = [...(await settle(watching, observer, [SET_CONFIG(observer), masks, role]))];
    for (const request of requests) {
      const before = watching.messages().length;
      heard.push(...(await settle(asking, requester, request)), 'heard:');
      // What was forwarded came before the reply to the barrier, at the latest.
      await settle(watching, observer, []);
      heard.push(...watching.messages().slice(before, -1));
    }
    for (const peer of [watching, asking]) peer.socket.destroy();
    found.push(heard.map((text) => (text === 'heard:' ? text : told(text))));
  }
  return found as [string[], string[]];
}

const requestsOf = (version: number): string[][] => [
  [groupMod(version, 0, 5)],
  [groupMod(version, 0, 5)],
  [groupMod(version, 1, 5)],
  [meterMod(version, 0, 5, BAND)],
  [meterMod(version, 1, 5, BAND)],
  [groupMod(version, 2, 5), meterMod(version, 2, 5)],
  ...(version === 4
    ? []
    : [
        [
          bundle(version, 0),
          bundled(version, groupMod(version, 0, 6)),
          bundled(version, groupMod(version, 2, 6)),
          bundle(version, 4),
        ],
      ]),
];

/** NXT_ROLE_REQUEST, which needs no generation. */
const SLAVE = (version: number) => message(version, 4, '00002320 0000000a 00000002');

describe('OFPT_REQUESTFORWARD', () => {
  it.each([
    [5, 5],
    [6, 6],
    [5, 6],
    [6, 5],
    [6, 4],
  ])('version %i hears of what version %i did', async (observer, requester) => {
    for (const role of [message(observer, 20, ''), SLAVE(observer)]) {
      const [ours, theirs] = await overheard(observer, requester, role, requestsOf(requester));
      expect(ours).toEqual(theirs);
      expect(ours.filter((text) => text.slice(2, 4) === '20').length, ours.join('\n')).toBeGreaterThan(2);
    }
  });
});

describe('OFPT_SET_ASYNC', () => {
  it.each([
    property(0xfffe, '00000001'),
    `${property(0xffff, '4f4e46000000092e00000001')}00000000`,
    `${property(0xfffe, '0000123400000001')}00000000`,
  ])('refuses the experimenter property %s', async (masks) => {
    for (const version of [5, 6]) {
      const [ours, theirs] = await switches.exchange(version, [message(version, 28, masks)]);
      expect(ours.map(told)).toEqual(theirs.map(told));
    }
  });

  it.each([0xff, 0x3f, 0x10, 0x0f])('1.3 gets back masks of %i', async (mask) => {
    const masks = hex32(mask).repeat(6);
    const [ours, theirs] = await switches.exchange(4, [message(4, 28, masks), message(4, 26, '')]);
    expect(ours).toEqual(theirs);
  });
});

describe('meters', () => {
  it.each([
    ['no band', 1, ''],
    ['no burst', 1, BAND],
    ['a burst without its flag', 1, '0001 0010 00000005 00000009 00000000'],
    ['a burst of 0', 5, BAND],
  ])('with %s', async (_, flags, bands) => {
    const description = multipart(4, 10, '00000007 00000000');
    const requests = [meterMod(4, 0, 7, bands, flags), meterMod(4, 1, 7, bands, flags), description, meterMod(4, 2, 7)];
    const [ours, theirs] = await switches.exchange(4, requests);
    expect(ours.map(told)).toEqual(theirs.map(told));
  });
});

describe('OFPT_FLOW_REMOVED', () => {
  it.each([1, 2, 3, 4, 5, 6])('version %i hears of flows that went with their group or meter', async (version) => {
    const heard: number[][] = [];
    const ofctl = (...words: string[]) => switches.ofctl(['-O', 'OpenFlow13', ...words]);
    const peers = [];
    for (const rundir of switches.rundirs) peers.push(await openPeer(rundir, version));
    for (const peer of peers) await settle(peer, version, [SET_CONFIG(version)]);
    await ofctl('add-group', 'br0', 'group_id=1,type=all,bucket=output:1');
    await ofctl('add-meter', 'br0', 'meter=1,pktps,bands=type=drop,rate=5');
    await ofctl('add-flow', 'br0', 'in_port=1,send_flow_rem,actions=group:1');
    await ofctl('add-flow', 'br0', 'in_port=2,send_flow_rem,actions=meter:1,output:1');
    await ofctl('del-groups', 'br0');
    for (const peer of peers) {
      await settle(peer, version, []);
      heard.push([peer.messages().length]);
    }
    await ofctl('del-meters', 'br0');
    for (const [index, peer] of peers.entries()) {
      await settle(peer, version, []);
      heard[index]!.push(peer.messages().length);
    }
    for (const peer of peers) peer.socket.destroy();
    expect(heard[0]).toEqual(heard[1]);
  });
});
