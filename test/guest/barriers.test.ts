// Rules that change while a PMD thread forwards by them: a frame sent after a barrier goes where the rules of then say, or
// where a later change sends it, never where rules from before the barrier did.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DpPort } from '../../datapath/dpif.ts';
import { VirtualClock } from '../../lib/clock.ts';
import { BridgeFixture } from '../support/bridge-fixture.ts';
import { DatapathRig } from '../support/guest/datapath-rig.ts';
import type { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';
import { Random } from '../support/random-frames.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261122);
const ROUNDS = 60;
const BATCH = 24;
const HOSTS = [1, 2, 3, 4];
const SEQUENCE_AT = 42;

const clock = new VirtualClock(1_000_000);
let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start({ clock });
});
afterAll(() => rig.close());

function udpFrame(host: number, sequence: number): Buffer {
  const frame = Buffer.alloc(64);
  frame.write('0200000000010200000000020800', 'hex');
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(50, 16);
  frame.writeUInt8(64, 22);
  frame.writeUInt8(17, 23);
  frame.writeUInt32BE(0x0a0000ff, 26);
  frame.writeUInt32BE(0x0a000000 + host, 30);
  frame.writeUInt16BE(30, 38);
  frame.writeUInt32BE(sequence, SEQUENCE_AT);
  return frame;
}

/** The rules, and by how they were after each change where a packet to a host may go: two of one priority may be either's. */
class Rules {
  readonly #bridge: BridgeFixture;
  readonly #random: Random;
  readonly #outputs: readonly number[];
  readonly #rules = new Map<string, { priority: number; host: number | undefined; output: number }>();
  readonly history: ReadonlyMap<number, ReadonlySet<number>>[] = [];

  constructor(bridge: BridgeFixture, random: Random, outputs: readonly number[]) {
    this.#bridge = bridge;
    this.#random = random;
    this.#outputs = outputs;
    this.#set(0, undefined);
  }

  get version(): number {
    return this.history.length - 1;
  }

  change(): void {
    const [priority, host] = [1 + this.#random.below(3), this.#random.pick([undefined, ...HOSTS])];
    if (this.#random.below(3) > 0) this.#set(priority, host);
    else this.#delete(priority, host);
  }

  /** Whether a frame to `host` that was sent after change `from` may have come out of `output`. */
  allow(host: number, output: number, from: number): boolean {
    return this.history.slice(from).some((state) => state.get(host)!.has(output));
  }

  #set(priority: number, host: number | undefined): void {
    const output = this.#random.pick(this.#outputs);
    this.#rules.set(`${priority} ${host}`, { priority, host, output });
    this.#bridge.flowMod(`priority=${priority},${this.#match(host)},actions=${output}`);
    this.#note();
  }

  #delete(priority: number, host: number | undefined): void {
    this.#rules.delete(`${priority} ${host}`);
    this.#bridge.flowMod(`priority=${priority},${this.#match(host)}`, 'delete_strict');
    this.#note();
  }

  #match(host: number | undefined): string {
    return host === undefined ? 'ip' : `ip,nw_dst=10.0.0.${host}`;
  }

  #note(): void {
    const outputsTo = (host: number) => {
      const mine = [...this.#rules.values()].filter((rule) => rule.host === undefined || rule.host === host);
      const best = Math.max(...mine.map(({ priority }) => priority));
      return new Set(mine.filter(({ priority }) => priority === best).map(({ output }) => output));
    };
    this.history.push(new Map(HOSTS.map((host) => [host, outputsTo(host)])));
  }
}

it(`after a barrier no PMD thread forwards by an old flow (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const random = new Random(SEED);
  const guests = new Map<number, VhostGuest>();
  const ports: DpPort[] = [];
  for (let n = 0; n < 4; n++) {
    const port = await rig.addPort();
    ports.push(port);
    guests.set(port.odpPort, await rig.attach(port, { queueSize: 256 }));
  }
  const [from, ...outputs] = ports.map(({ odpPort }) => odpPort) as [number, ...number[]];
  const bridge = new BridgeFixture(rig.dpif, clock);
  bridge.addBridgeOf('br0', await rig.dpif.portAdd({ name: 'br0', type: 'dummy', options: {} }), ports);
  const rules = new Rules(bridge, random, outputs);

  const waiting = new Map<number, { host: number; since: number }>();
  let [sequence, confirmed] = [0, 0];
  const send = async () => {
    for (let i = 0; i < BATCH; i++) {
      const host = random.pick(HOSTS);
      waiting.set(sequence, { host, since: confirmed });
      await guests.get(from)!.sendFrame(udpFrame(host, sequence++));
    }
  };
  const receive = () => {
    for (const output of outputs) {
      for (const frame of guests.get(output)!.pollFrames()) {
        const number = Buffer.from(frame).readUInt32BE(SEQUENCE_AT);
        const { host, since } = waiting.get(number)!;
        waiting.delete(number);
        const what = `frame ${number} to host ${host} from port ${output} after changes ${since}-${rules.version}`;
        expect(rules.allow(host, output, since), what).toBe(true);
      }
    }
    return waiting.size === 0;
  };

  for (let round = 0; round < ROUNDS; round++) {
    await send();
    for (let changes = 1 + random.below(3); changes > 0; changes--) rules.change();
    await send();
    const { version } = rules;
    await bridge.br0.barrier();
    confirmed = version;
    await send();
    receive();
    // Half of the time nothing is on its way when the rules change next, and there is only one right answer.
    if (random.below(2) === 0) await eventually(receive, 'every frame arrives', 30_000);
  }
  await eventually(receive, 'every frame arrives', 30_000);
  expect(sequence).toBe(ROUNDS * 3 * BATCH);
});
