// The real ovs-ofctl as an encoder: it talks to a switch that lives here and keeps what it is sent, so that one run
// serves both switches and many cases, and each line's messages can be sent again and again.
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { runTool } from '../support/real-ovs.ts';
import { cutMessages, message, VERSIONS, type Version } from './openflow-link.ts';

const OFPT_HELLO = 0;
const OFPT_ECHO_REQUEST = 2;
const OFPT_ECHO_REPLY = 3;
const OFPT_VENDOR = 4;
const OFPT_FLOW_MOD = 14;
const OFPT_GROUP_MOD = 15;
const OFPT_METER_MOD = 29;
const NXT_FLOW_MOD = 13;

export interface Encoded {
  /** What ovs-ofctl sends before the first line's message: 1.0's flow formats. */
  readonly preamble: readonly Buffer[];
  /** One message a line; undefined for a line that ovs-ofctl itself refuses, with its words. */
  readonly messages: readonly (Buffer | string)[];
}

export class OfctlEncoder {
  readonly #rundir: string;
  readonly #server: Server;
  readonly #path: string;
  #captured: Buffer[] = [];

  private constructor(rundir: string) {
    this.#rundir = rundir;
    this.#path = join(rundir, 'encoder.sock');
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(rundir: string): Promise<OfctlEncoder> {
    const encoder = new OfctlEncoder(rundir);
    await new Promise<void>((resolve) => encoder.#server.listen(encoder.#path, resolve));
    return encoder;
  }

  close(): void {
    this.#server.close();
  }

  /** Encodes lines as `ovs-ofctl -O VERSION COMMAND` (add-flows, add-groups) does. */
  async encode(version: Version, command: string, lines: readonly string[]): Promise<Encoded> {
    if (lines.length === 0) return { preamble: [], messages: [] };
    const refused = new Map<number, string>();
    const kept = lines.map((_, i) => i);
    while (kept.length > 0) {
      this.#captured = [];
      const input = `${kept.map((i) => lines[i]).join('\n')}\n`;
      const args = ['-O', version, '--no-names', command, `unix:${this.#path}`, '-'];
      const { code, stderr } = await runTool(this.#rundir, 'ovs-ofctl', args, input);
      const bad = code === 0 ? undefined : /-:(\d+): (.*)/s.exec(stderr);
      if (code === 0) break;
      if (!bad) return this.#encodeHalves(version, command, lines, stderr);
      refused.set(kept.splice(Number(bad[1]) - 1, 1)[0]!, bad[2]!.trim());
    }
    return this.#sorted(lines, refused, kept.length > 0 ? this.#captured : []);
  }

  /** For refusals that name no line, of formats that not all lines have. */
  async #encodeHalves(version: Version, command: string, lines: readonly string[], why: string): Promise<Encoded> {
    if (lines.length === 1) return { preamble: [], messages: [why.trim()] };
    const middle = lines.length >> 1;
    const left = await this.encode(version, command, lines.slice(0, middle));
    const right = await this.encode(version, command, lines.slice(middle));
    return {
      preamble: left.preamble.length > 0 ? left.preamble : right.preamble,
      messages: [...left.messages, ...right.messages],
    };
  }

  /** One command without a file, such as `add-meter meter=1,...`: every message it sends. */
  async command(version: Version, ...words: string[]): Promise<readonly Buffer[]> {
    this.#captured = [];
    const [command, ...rest] = words;
    const args = ['-O', version, '--no-names', command!, `unix:${this.#path}`, ...rest];
    const { code, stderr } = await runTool(this.#rundir, 'ovs-ofctl', args);
    if (code !== 0) throw new Error(`ovs-ofctl ${args.join(' ')}: ${stderr}`);
    return this.#captured;
  }

  #sorted(lines: readonly string[], refused: ReadonlyMap<number, string>, captured: readonly Buffer[]): Encoded {
    const first = captured.findIndex(isMod);
    const mods = first < 0 ? [] : captured.slice(first);
    if (mods.length !== lines.length - refused.size)
      throw new Error('ovs-ofctl sent more or less than a message a line');
    let next = 0;
    return {
      preamble: captured.slice(0, Math.max(first, 0)),
      messages: lines.map((_, i) => refused.get(i) ?? mods[next++]!),
    };
  }

  #serve(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      const cut = cutMessages(Buffer.concat([rest, data]));
      rest = cut.rest;
      for (const bytes of cut.messages) this.#answer(socket, Buffer.from(bytes));
    });
  }

  #answer(socket: Socket, bytes: Buffer): void {
    const [version, type] = [bytes[0]!, bytes[1]!];
    const xid = bytes.readUInt32BE(4);
    const [barrier, reply] = version === VERSIONS.OpenFlow10 ? [18, 19] : [20, 21];
    if (type === OFPT_HELLO) socket.write(message(version, OFPT_HELLO));
    else if (type === OFPT_ECHO_REQUEST) socket.write(message(version, OFPT_ECHO_REPLY, bytes.subarray(8), xid));
    else if (type === barrier) socket.write(message(version, reply, undefined, xid));
    else this.#captured.push(bytes);
  }
}

function isMod(bytes: Buffer): boolean {
  if (bytes[1] === OFPT_VENDOR) return bytes.length >= 16 && bytes.readUInt32BE(12) === NXT_FLOW_MOD;
  return bytes[1] === OFPT_FLOW_MOD || bytes[1] === OFPT_GROUP_MOD || bytes[1] === OFPT_METER_MOD;
}
