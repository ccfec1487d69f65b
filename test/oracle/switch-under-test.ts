// One of the two switches, real Open vSwitch or weft: a bridge `br0` with dummy ports, reached through connections that stay
// open, and cleared between cases instead of started anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JsonRpcError, JsonRpcPeer } from '../../src/json-rpc/peer.ts';
import { dial } from '../../src/json-rpc/remote.ts';
import { RealOvs, runTool } from '../support/real-ovs.ts';
import { Weftd } from '../support/weftd.ts';
import { type Exchange, OpenFlowLink, type Version } from './openflow-link.ts';
import { PacketInMarker } from './packet-in-marker.ts';
import { PauseController, type Paused } from './pause-controller.ts';
import { PcapTail } from './pcap-tail.ts';

/** OpenFlow and datapath numbers of p1..p6; LOCAL comes last. */
export const PORTS = [1, 2, 3, 4, 5, 6] as const;
const INTERFACES = [...PORTS.map((n) => `p${n}`), 'br0'];
const TLV_MAP = '{class=0xffff,type=0,len=4}->tun_metadata0';
const PROTOCOLS = 'OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15';

export class SwitchUnderTest {
  readonly name: string;
  readonly rundir: string;
  readonly #stop: () => Promise<void>;
  readonly #lastWords: () => string;
  readonly #links = new Map<Version, OpenFlowLink>();
  readonly #pcaps = new Map<string, PcapTail>();
  #unixctl: JsonRpcPeer | undefined;
  #pauses: PauseController | undefined;
  #marker: PacketInMarker | undefined;

  private constructor(name: string, rundir: string, stop: () => Promise<void>, lastWords: () => string) {
    this.name = name;
    this.rundir = rundir;
    this.#stop = stop;
    this.#lastWords = lastWords;
  }

  static async startOvs(): Promise<SwitchUnderTest> {
    const ovs = await RealOvs.start();
    const side = new SwitchUnderTest(
      'ovs',
      ovs.rundir,
      () => ovs[Symbol.asyncDispose](),
      () => readFileSync(join(ovs.rundir, 'ovs-vswitchd.log'), 'utf8').slice(-2000),
    );
    await side.#configure();
    return side;
  }

  static async startWeft(): Promise<SwitchUnderTest> {
    const weftd = new Weftd({ args: ['--enable-dummy=override', '--disable-system', '--disable-system-route'] });
    await weftd.start();
    const side = new SwitchUnderTest(
      'weft',
      weftd.dir,
      () => weftd.close(),
      () => weftd.output.slice(-2000),
    );
    await side.#configure();
    return side;
  }

  async close(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    this.#pauses?.close();
    this.#marker?.close();
    for (const pcap of this.#pcaps.values()) pcap.close();
    this.#unixctl?.close();
    await this.#stop();
  }

  async #configure(): Promise<void> {
    // First: Open vSwitch asks a datapath once how many tags it takes, and credits flows by no more than the limit then was.
    await this.vsctl('set Open_vSwitch . other_config:vlan-limit=2');
    await this.vsctl('add-br br0 -- set bridge br0 datapath_type=dummy fail_mode=secure', `protocols=${PROTOCOLS}`);
    const ports = PORTS.map((n) => `-- add-port br0 p${n} -- set interface p${n} type=dummy ofport_request=${n}`);
    await this.vsctl(ports.join(' ').slice(3));
    const captures = INTERFACES.map((n) => `-- set interface ${n} options:tx_pcap=${join(this.rundir, `${n}.pcap`)}`);
    await this.vsctl(captures.join(' ').slice(3));
    for (const name of INTERFACES) this.#pcaps.set(name, new PcapTail(join(this.rundir, `${name}.pcap`)));
    const pid = readFileSync(join(this.rundir, 'ovs-vswitchd.pid'), 'utf8').trim();
    // All of them, always: whether misses go to controllers depends on the versions of those that are there.
    for (const version of ['OpenFlow10', 'OpenFlow13', 'OpenFlow15'] as const) await this.link(version);
    this.#pauses = await PauseController.open(this.rundir);
    this.#marker = await PacketInMarker.open(this.rundir);
    this.#unixctl = new JsonRpcPeer(await dial(`unix:${join(this.rundir, `ovs-vswitchd.${pid}.ctl`)}`), {});
    // What delete_field deletes.
    const { code, stderr } = await runTool(this.rundir, 'ovs-ofctl', ['add-tlv-map', 'br0', TLV_MAP]);
    if (code !== 0) throw new Error(`${this.name}: add-tlv-map: ${stderr}`);
    // Meters and timeouts see no time pass, however long a case takes.
    await this.appctl('time/stop');
  }

  /** ovs-vsctl with words split at spaces; it waits until the switch has done what it asks. */
  async vsctl(...words: string[]): Promise<void> {
    const { code, stderr } = await runTool(this.rundir, 'ovs-vsctl', ['--timeout=20', ...words.join(' ').split(' ')]);
    if (code !== 0) throw new Error(`${this.name}: ovs-vsctl ${words.join(' ')}: ${stderr}`);
  }

  /** A command's answer; a refusal is an answer too. */
  async appctl(command: string, ...args: string[]): Promise<string> {
    try {
      return String(await this.#unixctl!.request(command, args));
    } catch (error) {
      if (error instanceof JsonRpcError) return `error: ${String(error.error)}`;
      throw new Error(`${this.name} ended: ${this.#lastWords()}`, { cause: error });
    }
  }

  async isAlive(): Promise<boolean> {
    try {
      await this.#unixctl!.request('version', []);
      return true;
    } catch {
      return false;
    }
  }

  async link(version: Version): Promise<OpenFlowLink> {
    let link = this.#links.get(version);
    if (!link) {
      link = await OpenFlowLink.open(join(this.rundir, 'br0.mgmt'), version);
      this.#links.set(version, link);
    }
    return link;
  }

  async exchange(version: Version, messages: readonly Buffer[]): Promise<Exchange> {
    return (await this.link(version)).exchange(messages);
  }

  /** Resolves when the packet-ins of all that was sent in are sent. */
  async packetInsSent(): Promise<void> {
    await this.round();
    await this.#marker!.pass();
  }

  /** Packets that have stopped at a controller since the last call. */
  async paused(): Promise<Paused> {
    await this.packetInsSent();
    return this.#pauses!.paused();
  }

  /** Gives packets back; resolves with the errors that the switch answers. */
  async resume(continuations: readonly Buffer[]): Promise<string[]> {
    const errors = await this.#pauses!.resume(continuations);
    await this.round();
    return errors;
  }

  /** Resolves when the switch has been round once more: what it began before is done. */
  async round(): Promise<void> {
    await this.appctl('version');
  }

  /** Sends packets in; resolves when the switch has looked them up and sent what comes of them. */
  async receive(port: string, hexes: readonly string[]): Promise<void> {
    const before = await this.#counts(port);
    await this.appctl('netdev-dummy/receive', port, ...hexes);
    // Look-ups alone would not do: packets that go round are looked up more than once.
    for (let now = before; !now.every((count, i) => count >= before[i]! + hexes.length); )
      now = await this.#counts(port);
    await this.round();
  }

  /** Look-ups, and packets that came in by the port. */
  async #counts(port: string): Promise<readonly number[]> {
    const text = await this.appctl('dpctl/show', '-s');
    const [, hit, missed] = /hit:(\d+) missed:(\d+)/.exec(text)!;
    const [, received] = new RegExp(` ${port} \\(.*\\n +RX packets:(\\d+)`).exec(text)!;
    return [Number(hit) + Number(missed), Number(received)];
  }

  /** What came out of each port since the last call, in hex. */
  sent(): Map<string, string[]> {
    return new Map([...this.#pcaps].map(([name, pcap]) => [name, pcap.read().map((frame) => frame.toString('hex'))]));
  }
}
