// controller(pause) beside Open vSwitch: what the controllers are told when a packet stops, and what becomes of it when one
// gives it back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PacketIn } from '../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../ofproto/text/format-match.ts';
import { decodeMessage } from '../../ofproto/wire/index.ts';
import { watchTool } from '../support/real-ovs.ts';
import { normalize, ofMessage, openPeer, SideBySide, settle } from '../support/side-by-side.ts';
import { bytes, type Peer, until } from '../support/sockets.ts';

const FLOWS = [
  'table=0,in_port=1,actions=load:5->NXM_NX_REG3[],push:NXM_NX_REG3[],push:NXM_OF_ETH_SRC[],resubmit(,1),' +
    'mod_dl_dst:00:00:00:00:00:07,controller(userdata=09)',
  'table=1,cookie=0x88,actions=load:6->NXM_NX_REG4[],controller(userdata=01.02.03,pause),' +
    'pop:NXM_NX_REG5[],set_field:9->metadata,resubmit(,2)',
  'table=2,cookie=0x99,actions=load:8->NXM_NX_REG6[],controller(pause),pop:NXM_NX_REG8[],load:1->NXM_NX_REG7[]',
];
const PACKET =
  'in_port(1),eth(src=aa:bb:cc:dd:ee:01,dst=aa:bb:cc:dd:ee:02),eth_type(0x0800),' +
  'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)';

const NXT_PACKET_IN2 = '0000001e';
const NXT_RESUME = '0000001c';

const switches = new SideBySide();
beforeAll(async () => {
  await switches.start();
  await switches.ofctl(['add-flows', 'br0', '-'], FLOWS.join('\n'));
});
afterAll(() => switches.stop());

const packetIns = (peer: Peer): string[] =>
  peer.messages().filter((text) => text.slice(16).startsWith(`00002320${NXT_PACKET_IN2}`));

/** What a packet-in says, without what differs between two switches. */
function said(message: string): string {
  const decoded = decodeMessage(bytes(message));
  if (decoded.type !== 'packet_in') throw new Error(`${decoded.type} is no packet-in`);
  const { tableId, cookie, reason, metadata, userdata, packet, continuation } = decoded.packetIn;
  const list = (pieces: NonNullable<PacketIn['continuation']>['actions']) =>
    pieces.map((piece) => `${piece.tableId} ${piece.cookie} ${formatActions(piece.actions)}`).join('; ');
  return [
    `table ${tableId} cookie ${cookie} ${reason} ${formatMatch(metadata, 32768)} ${Buffer.from(packet).toString('hex')}`,
    `userdata ${Buffer.from(userdata ?? []).toString('hex')}`,
    continuation &&
      `${list(continuation.actions)} / ${formatActions(continuation.actionSet)} / ${continuation.mirrors}`,
    continuation?.stack.map((value) => BigInt(`0x${Buffer.from(value).toString('hex')}`)).join(),
  ].join('\n');
}

async function journey(rundir: string, version: number, receive: () => Promise<unknown>): Promise<string[]> {
  const peer = await openPeer(rundir, version);
  const config = ofMessage(version, 9, '0000 ffff');
  await settle(peer, version, [config, ofMessage(version, 4, '00002320 00000010 00000002')]);
  await receive();
  for (let stop = 1; stop <= 2; stop++) {
    await until(() => packetIns(peer).length >= stop, 20_000);
    peer.send(packetIns(peer)[stop - 1]!.replace(`00002320${NXT_PACKET_IN2}`, `00002320${NXT_RESUME}`));
  }
  await until(() => packetIns(peer).length >= 3, 20_000);
  peer.socket.destroy();
  return packetIns(peer).map(said);
}

describe('a paused packet', () => {
  it.each([1, 4])('goes on where it was when it is given back (version %i)', async (version) => {
    const [ours, theirs] = switches.rundirs;
    const receive = (appctl: (...args: string[]) => Promise<string>) => () =>
      appctl('netdev-dummy/receive', 'p1', PACKET);
    const weft = await journey(
      ours,
      version,
      receive((...args) => switches.weftd.appctl(...args)),
    );
    const ovs = await journey(
      theirs,
      version,
      receive((...args) => switches.oracle.appctl(...args)),
    );
    expect(weft).toEqual(ovs);
  });

  it('is printed by ovs-ofctl monitor', async () => {
    const words = ['--no-names', '-P', 'nxt_packet_in2', 'monitor', 'br0', '65534'];
    const monitors = switches.rundirs.map((rundir) => watchTool(rundir, 'ovs-ofctl', words));
    try {
      // A monitor says nothing until something comes: packets are sent until it does.
      const poll = async () => {
        await switches.weftd.appctl('netdev-dummy/receive', 'p1', PACKET);
        await switches.oracle.appctl('netdev-dummy/receive', 'p1', PACKET);
        return monitors.every((monitor) => monitor.text().includes('udp_csum'));
      };
      const deadline = Date.now() + 20_000;
      while (!(await poll()) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      for (const monitor of monitors) monitor.stop();
    }
    const first = (text: string) =>
      normalize(text)
        .replaceAll(/bridge=[0-9a-f-]+/g, 'bridge=B')
        .split(/(?=NXT_PACKET_IN2)/)
        .find((part) => part.includes('udp_csum'));
    expect(first(monitors[0]!.text())).toBe(first(monitors[1]!.text()));
  });

  it('cannot be resumed on another bridge', async () => {
    const continuation = `0008 0020 00000000 8000 0014 ${'00'.repeat(16)} 00000000`;
    const packet = `0000 0044 ${'aa'.repeat(64)} 00000000`;
    const resume = ofMessage(4, 4, `00002320 ${NXT_RESUME} ${packet} ${continuation}`);
    const [ours, theirs] = await switches.exchange(4, [resume]);
    expect(ours).toEqual(theirs);
  });
});
