// weftd and a real Open vSwitch with the same bridge: commands and raw OpenFlow are given to both, and what comes back is
// compared.
import { join } from 'node:path';
import { type Output, RealOvs, runTool, SCHEMA } from './real-ovs.ts';
import { Peer, until } from './sockets.ts';
import { Weftd } from './weftd.ts';

/** UDP from 10.0.0.1 to 10.0.0.2. */
export const FRAME =
  'aaaaaaaaaaaabbbbbbbbbbbb08004500002c0000000040114a970a0000010a000002123400350018000000000000000000000000000000000000';

/** What differs between two switches that behave the same. */
export function normalize(text: string): string {
  return text
    .replaceAll(/xid=0x[0-9a-f]+/g, 'xid=X')
    .replaceAll(/dpid:[0-9a-f]{16}/g, 'dpid:D')
    .replaceAll(/addr:[0-9a-f:]{17}/g, 'addr:A')
    .replaceAll(/duration[=:]?[\d.]+s/g, 'duration=T')
    .replaceAll(/unix:\S*\.mgmt/g, 'unix:M')
    .replaceAll(/^.*\|(WARN|ERR)\|/gm, '$1|')
    .replaceAll(/[\d.]+ ms/g, 'T ms');
}

const BARRIER_XID = '000000cc';
const OFPT_BARRIER_REQUEST: Readonly<Record<number, string>> = { 1: '12' };

const byte = (value: number): string => value.toString(16).padStart(2, '0');

/** An OpenFlow message in hex: header and body; spaces in the body are allowed. */
export function ofMessage(version: number, type: number, body = '', xid = 0x11): string {
  const hex = body.replaceAll(' ', '');
  const length = (8 + hex.length / 2).toString(16).padStart(4, '0');
  return `${byte(version)}${byte(type)}${length}${xid.toString(16).padStart(8, '0')}${hex}`;
}

export class SideBySide {
  readonly weftd = new Weftd({ args: ['--enable-dummy', '-vconsole:off'] });
  oracle!: RealOvs;

  /** An `ovsdb-tool transact` that both databases begin with. */
  readonly #initially: string | undefined;

  constructor(initially?: string) {
    this.#initially = initially;
  }

  /** Both with bridge br0 in secure mode and dummy ports p1..p`ports`, their numbers 1.. . */
  async start(ports = 2, ...more: string[]): Promise<void> {
    const words = ['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=dummy', 'fail_mode=secure'];
    words.push('protocols=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15');
    for (let n = 1; n <= ports; n++) {
      words.push('--', 'add-port', 'br0', `p${n}`, '--', 'set', 'Interface', `p${n}`, 'type=dummy');
      words.push(`ofport_request=${n}`);
    }
    this.oracle = await RealOvs.start(this.#initially);
    if (this.#initially !== undefined) await this.#prepareDatabase(this.#initially);
    await this.weftd.start();
    await this.vsctl(...words, ...more);
  }

  async #prepareDatabase(transaction: string): Promise<void> {
    const database = join(this.weftd.dir, 'conf.db');
    for (const words of [
      ['create', database, SCHEMA],
      ['transact', database, transaction],
    ]) {
      const { code, stderr } = await runTool(this.weftd.dir, 'ovsdb-tool', words);
      if (code !== 0) throw new Error(`ovsdb-tool ${words.join(' ')}: ${stderr}`);
    }
  }

  async stop(): Promise<void> {
    await this.weftd.close();
    await this.oracle?.[Symbol.asyncDispose]();
  }

  get rundirs(): readonly [weft: string, ovs: string] {
    return [this.weftd.dir, this.oracle.rundir];
  }

  /** The same change of both databases. */
  async vsctl(...words: string[]): Promise<void> {
    for (const rundir of this.rundirs) {
      const { code, stderr } = await runTool(rundir, 'ovs-vsctl', ['--timeout=20', ...words]);
      if (code !== 0) throw new Error(`ovs-vsctl ${words.join(' ')}: ${stderr}`);
    }
  }

  /** A tool with the same words on both; what it printed and its exit code, weft's first. */
  async both(file: string, args: readonly string[], input = ''): Promise<[weft: string, ovs: string]> {
    const outputs: Output[] = [];
    for (const rundir of this.rundirs) outputs.push(await runTool(rundir, file, args, input));
    const texts = outputs.map(({ code, stdout, stderr }) => normalize(`exit ${code}\n${stdout}${stderr}`));
    return [texts[0]!, texts[1]!];
  }

  ofctl(args: readonly string[], input = ''): Promise<[weft: string, ovs: string]> {
    return this.both('ovs-ofctl', args, input);
  }

  /** Raw messages on one connection to each; every answer in hex up to the reply to a last barrier, weft's first. */
  async exchange(version: number, messages: readonly string[]): Promise<[weft: string[], ovs: string[]]> {
    const [ours, theirs] = this.rundirs;
    return [await exchange(ours, version, messages), await exchange(theirs, version, messages)];
  }
}

/** A connection to br0 that has said hello and offers `version` alone. */
export async function openPeer(rundir: string, version: number): Promise<Peer> {
  const peer = await Peer.connect(join(rundir, 'br0.mgmt'));
  const bitmap = (1 << version).toString(16).padStart(8, '0');
  peer.send(ofMessage(version, 0, `00010008${bitmap}`, 1));
  await until(() => peer.messages().length > 0, 20_000);
  return peer;
}

/** Sends `messages` and a barrier; resolves with the answers before the barrier's. */
export async function settle(peer: Peer, version: number, messages: readonly string[]): Promise<string[]> {
  const before = peer.messages().length;
  for (const message of messages) peer.send(message);
  peer.send(`${byte(version)}${OFPT_BARRIER_REQUEST[version] ?? '14'}0008${BARRIER_XID}`);
  const isAnswered = () => peer.messages().length > before && peer.messages().at(-1)!.slice(8, 16) === BARRIER_XID;
  await until(() => peer.closed || isAnswered(), 20_000);
  return peer.messages().slice(before, peer.closed ? undefined : -1);
}

async function exchange(rundir: string, version: number, messages: readonly string[]): Promise<string[]> {
  const peer = await openPeer(rundir, version);
  const answers = await settle(peer, version, messages);
  peer.socket.destroy();
  return answers;
}
