// What a bridge does with its controllers as time passes, beside a real Open vSwitch and on a clock that is stopped and
// warped in both (ovs-vswitchd.conf.db(5), Controller and Bridge.fail_mode): probes, backoff, standing alone, and the rate
// limits of packet-ins.
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool } from '../support/real-ovs.ts';
import { FRAME, ofMessage, SideBySide } from '../support/side-by-side.ts';
import { Peer } from '../support/sockets.ts';
import { haveOvs } from '../support/vhost-switch.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };
const OFPT_ECHO_REQUEST = '02';
const OFPT_ECHO_REPLY = '03';
const OFPT_PACKET_IN = '0a';
const OFPT_FLOW_REMOVED = '0b';

/** A message without the address of the station that does not exist. */
const withoutMac = (message: string) => message.replaceAll(/002320[0-9a-f]{6}/g, 'MAC');

/** OFPT_FLOW_REMOVED without duration_nsec: how far a second had gone when its flow came. */
const withoutDuration = (message: string) => message.slice(0, 128) + message.slice(136);

/** Says hello, and asks for an echo to know that it was heard. */
function greet(peer: Peer): Peer {
  peer.send(ofMessage(1, 0));
  peer.send(ofMessage(1, 2));
  return peer;
}

/** A controller of OpenFlow 1.0 for each of the two, which says what it is told to say. */
class Controllers {
  readonly #pair: SideBySide;
  readonly #ends: { server: Server; peers: Peer[] }[] = [];
  /** Whether calls are in vain. */
  refusing = false;

  constructor(pair: SideBySide) {
    this.#pair = pair;
  }

  async listen(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      const peers: Peer[] = [];
      const server = createServer((socket) => {
        if (this.refusing) socket.destroy();
        else peers.push(greet(new Peer(socket)));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.#ends.push({ server, peers });
    }
  }

  /** Makes them br0's controllers with these columns, new ones; resolves when both were called. */
  async set(...columns: string[]): Promise<void> {
    await this.#pair.vsctl('del-controller', 'br0');
    for (const { peers } of this.#ends) peers.length = 0;
    for (const [i, rundir] of this.#pair.rundirs.entries()) {
      const { port } = this.#ends[i]!.server.address() as AddressInfo;
      await runTool(rundir, 'ovs-vsctl', ['set-controller', 'br0', `tcp:127.0.0.1:${port}`]);
    }
    // Open vSwitch takes some columns over when they are changed, not when the controller is made.
    await this.#pair.vsctl('set', 'Controller', 'br0', ...columns);
    await this.called(1);
    await this.has(OFPT_ECHO_REPLY, 1);
  }

  get #last(): Peer[] {
    return this.#ends.map(({ peers }) => peers.at(-1)!);
  }

  get calls(): number[] {
    return this.#ends.map(({ peers }) => peers.length);
  }

  called(times: number): Promise<void> {
    return expect.poll(() => this.calls, PATIENCE).toEqual([times, times]);
  }

  send(message: string): void {
    for (const peer of this.#last) peer.send(message);
  }

  /** Messages of a type on the last connection of each. */
  got(type: string): string[][] {
    return this.#last.map((peer) => peer.messages().filter((message) => message.slice(2, 4) === type));
  }

  count(type: string): number[] {
    return this.got(type).map((messages) => messages.length);
  }

  has(type: string, count: number): Promise<void> {
    return expect.poll(() => this.count(type), PATIENCE).toEqual([count, count]);
  }

  /** Ends the connections that there are; resolves when the switches have ended them too. */
  async hangUp(): Promise<void> {
    if (!this.areThere) return;
    await this.has(OFPT_ECHO_REPLY, 1);
    for (const { socket } of this.#last) socket.end();
    await this.gone();
  }

  async gone(): Promise<void> {
    await expect.poll(() => this.#last.map(({ closed }) => closed), PATIENCE).toEqual([true, true]);
  }

  get areThere(): boolean {
    return this.#last.every(({ closed }) => !closed);
  }

  close(): void {
    for (const { server, peers } of this.#ends) {
      server.close();
      for (const { socket } of peers) socket.destroy();
    }
  }
}

describe.skipIf(!haveOvs)('a bridge and its controller', () => {
  const pair = new SideBySide();
  const controllers = new Controllers(pair);

  beforeAll(async () => {
    const settings = ['other_config:disable-in-band=true', 'protocols=OpenFlow10'];
    await pair.start(2, '--', 'set', 'Bridge', 'br0', ...settings);
    await controllers.listen();
    await same('time/stop');
  });
  afterAll(async () => {
    controllers.close();
    await pair.stop();
  });

  async function same(...args: string[]): Promise<string> {
    const [ours, theirs] = await pair.both('ovs-appctl', args);
    expect(ours, args.join(' ')).toBe(theirs);
    return theirs;
  }
  const warp = (ms: number) => same('time/warp', `${ms}`, '100');

  /** Flows of the bridge, those that OpenFlow does not show too, once they are alike and `expected` is among them. */
  async function flows(...expected: string[]): Promise<void> {
    const ask = async () => {
      const all = await pair.both('ovs-appctl', ['bridge/dump-flows', 'br0']);
      const shown = await pair.ofctl(['dump-flows', '--no-stats', 'br0']);
      return all.map((text, i) => `${text.replaceAll(/^.*table_id=254.*\n/gm, '')}${shown[i]}`);
    };
    const alike = ([ours, theirs]: string[]) => ours === theirs && expected.every((part) => ours!.includes(part));
    await expect.poll(ask, PATIENCE).toSatisfy(alike);
  }

  it('asks after a controller that is silent, and gives it up when it stays so', async () => {
    await controllers.set('inactivity_probe=5000', 'max_backoff=8000');
    await warp(4500);
    expect(controllers.count(OFPT_ECHO_REQUEST)).toEqual([0, 0]);
    await warp(1000);
    await controllers.has(OFPT_ECHO_REQUEST, 1);
    await warp(3500);
    expect(controllers.areThere).toBe(true);
    await warp(1500);
    await controllers.gone();
    await warp(2000);
    await controllers.called(2);
  });

  it('waits longer after each call that was for nothing', async () => {
    await controllers.set('inactivity_probe=5000', 'max_backoff=8000');
    const callsAtSeconds = [1, 3, 7, 15, 23];
    for (let second = 1; second <= 23; second++) {
      await controllers.hangUp();
      await warp(1000);
      await controllers.called(1 + callsAtSeconds.filter((at) => at <= second).length);
    }
  });

  it('stands alone when its controller is lost, until one does its work', async () => {
    await pair.vsctl('del-controller', 'br0');
    await pair.vsctl('set', 'Bridge', 'br0', 'fail_mode=standalone');
    await flows('priority=0,actions=NORMAL', ' actions=NORMAL');
    await controllers.set('inactivity_probe=5000', 'max_backoff=1000');
    await pair.ofctl(['add-flow', 'br0', 'in_port=1,actions=drop']);
    await flows('in_port=1');
    controllers.refusing = true;
    await controllers.hangUp();
    await warp(12_000);
    await flows('in_port=1,actions=drop');
    await warp(6000);
    await flows('priority=15790320,actions=NORMAL');
    await pair.ofctl(['add-flow', 'br0', 'in_port=1,actions=drop']);
    await flows('priority=15790320,actions=NORMAL', 'in_port=1 actions=drop');
    // Who only says hello gets a packet now and then; who does more is trusted.
    controllers.refusing = false;
    const prods = () => controllers.count(OFPT_PACKET_IN).every((count) => count > 1);
    for (let second = 0; second < 20 && !prods(); second++) {
      await warp(1000);
      controllers.send(ofMessage(1, 3));
    }
    await expect.poll(prods, PATIENCE).toBe(true);
    await flows('priority=15790320,actions=NORMAL');
    controllers.send(ofMessage(1, 5));
    await warp(1000);
    await flows('priority=15790320,actions=NORMAL');
    controllers.send(ofMessage(1, 18));
    await flows('in_port=1,actions=drop');
    await warp(5000);
    expect(new Set(controllers.got(OFPT_PACKET_IN).flat().map(withoutMac)).size).toBe(1);
    await pair.vsctl('set', 'Bridge', 'br0', 'fail_mode=secure');
    await flows('in_port=1,actions=drop');
  });

  it('paces packet-ins as it is told, and tells of flows that expire', async () => {
    await controllers.set('inactivity_probe=0', 'controller_rate_limit=100', 'controller_burst_limit=30');
    await warp(1000);
    await pair.ofctl(['add-flow', 'br0', 'in_port=1,actions=controller']);
    await pair.ofctl(['add-flow', 'br0', 'in_port=2,send_flow_rem,idle_timeout=3,actions=']);
    await pair.ofctl(['add-flow', 'br0', 'in_port=3,send_flow_rem,hard_timeout=5,actions=']);
    await same('netdev-dummy/receive', 'p1', ...Array.from({ length: 80 }, () => FRAME));
    // Less than a packet's time, so that none is due at the very moment of a look.
    await warp(4);
    for (const count of [30, 40, 50, 60]) {
      await controllers.has(OFPT_PACKET_IN, count);
      await warp(100);
    }
    for (let second = 0; second < 6; second++) await warp(1000);
    await controllers.has(OFPT_FLOW_REMOVED, 2);
    const [ours, theirs] = controllers.got(OFPT_FLOW_REMOVED);
    expect(ours!.map(withoutDuration)).toEqual(theirs!.map(withoutDuration));
    expect(controllers.count(OFPT_PACKET_IN)).toEqual([60, 60]);
    const dropped = 'packet-in-action-dropped="20", packet-in-action-queued="50"';
    const status = () => pair.both('ovs-vsctl', ['--columns=status', 'list', 'Controller']);
    await expect.poll(status, PATIENCE).toSatisfy((texts: string[]) => texts.every((text) => text.includes(dropped)));
  });
});
