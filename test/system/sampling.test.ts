// The sample action beside Open vSwitch: what it is translated to, and what a collector hears by IPFIX (RFC 7011).
import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAME, SideBySide } from '../support/side-by-side.ts';
import { until } from '../support/sockets.ts';

const switches = new SideBySide();
const collectors: Collector[] = [];

beforeAll(async () => {
  await switches.start();
  for (const one of [switches.weftd, switches.oracle]) {
    const collector = await Collector.open();
    collectors.push(collector);
    const words = ['--', '--id=@br', 'get', 'Bridge', 'br0'];
    words.push('--', '--id=@i', 'create', 'IPFIX', `targets="127.0.0.1:${collector.port}"`);
    words.push('--', 'create', 'Flow_Sample_Collector_Set', 'id=123', 'bridge=@br', 'ipfix=@i');
    const run = 'vsctl' in one ? one.tool('ovs-vsctl', '--timeout=20', ...words) : one.must('ovs-vsctl', ...words);
    await run;
  }
});
afterAll(async () => {
  for (const collector of collectors) collector.socket.close();
  await switches.stop();
});

/** What it hears, each record as its elements in hex by number. */
class Collector {
  readonly socket: Socket;
  readonly #templates = new Map<number, [id: number, length: number][]>();
  readonly records: ReadonlyMap<number, string>[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (message) => this.#hear(message));
  }

  static async open(): Promise<Collector> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new Collector(socket);
  }

  get port(): number {
    return (this.socket.address() as AddressInfo).port;
  }

  #hear(message: Buffer): void {
    expect([message.readUInt16BE(0), message.readUInt16BE(2)]).toEqual([10, message.length]);
    for (let at = 16; at < message.length; at += message.readUInt16BE(at + 2)) {
      const [id, body] = [message.readUInt16BE(at), message.subarray(at + 4, at + message.readUInt16BE(at + 2))];
      if (id === 2) this.#learn(body);
      else if (this.#templates.has(id)) this.#read(this.#templates.get(id)!, body);
    }
  }

  #learn(body: Buffer): void {
    for (let at = 0; at + 4 <= body.length; ) {
      const [id, count] = [body.readUInt16BE(at), body.readUInt16BE(at + 2)];
      at += 4;
      const elements: [number, number][] = [];
      for (let i = 0; i < count; i++) {
        const [element, length] = [body.readUInt16BE(at), body.readUInt16BE(at + 2)];
        elements.push([element, length]);
        // Elements of enterprises have their number behind.
        at += element & 0x8000 ? 8 : 4;
      }
      this.#templates.set(id, elements);
    }
  }

  #read(elements: readonly [number, number][], body: Buffer): void {
    const record = new Map<number, string>();
    let at = 0;
    for (const [id, fixed] of elements) {
      const length = fixed === 0xffff ? body[at++]! : fixed;
      record.set(id, body.subarray(at, at + length).toString('hex'));
      at += length;
    }
    expect(at).toBe(body.length);
    this.records.push(record);
  }
}

const SAMPLE = 'collector_set_id=123,obs_domain_id=456,obs_point_id=789';

describe('the sample action', () => {
  it.each([
    `sample(probability=65535,${SAMPLE}),2`,
    `sample(probability=12345,${SAMPLE}),2`,
    `sample(probability=1,${SAMPLE},sampling_port=2,egress),2`,
    `sample(probability=65535,${SAMPLE},sampling_port=1,ingress),2`,
    `sample(probability=65535,${SAMPLE},sampling_port=7),2`,
    'sample(probability=65535,collector_set_id=5,obs_domain_id=4,obs_point_id=3),2',
    `mod_nw_ttl:5,sample(probability=65535,${SAMPLE}),2`,
    `clone(mod_nw_ttl:9,sample(probability=65535,${SAMPLE}),2),2`,
  ])('%s', async (actions) => {
    await switches.ofctl(['del-flows', 'br0']);
    const added = await switches.ofctl(['add-flow', 'br0', `in_port=1,ip,actions=${actions}`]);
    expect(added[0]).toBe(added[1]);
    const [ours, theirs] = await Promise.all(
      [switches.weftd, switches.oracle].map((one) => one.appctl('ofproto/trace', 'br0', 'in_port=1,tcp')),
    );
    expect(ours!.trimEnd()).toBe(theirs!.trimEnd());
  });
});

const UDP_VLAN = `${FRAME.slice(0, 24)}81002005${FRAME.slice(24)}`;
const ICMPV6 =
  '50540000000150540000000286dd6000000000083a40fe800000000000000000000000000001fe800000000000000000000000000002' +
  '8000000000010001';
const ARP = `ffffffffffff50540000000208060001080006040001505400000002${'0a000001'}000000000000${'0a000002'}`;

describe('a collector', () => {
  it('hears of each packet that is chosen', { timeout: 60_000 }, async () => {
    await switches.ofctl(['del-flows', 'br0']);
    await switches.ofctl(['add-flow', 'br0', `in_port=1,actions=sample(probability=65535,${SAMPLE}),2`]);
    const frames = [FRAME, UDP_VLAN, ICMPV6, ARP];
    for (const [i, frame] of frames.entries()) {
      for (const one of [switches.weftd, switches.oracle]) await one.appctl('netdev-dummy/receive', 'p1', frame);
      await until(() => collectors.every(({ records }) => records.length > i), 20_000);
    }
    const [ours, theirs] = collectors.map(({ records }) => records);
    for (const [i, record] of ours!.entries()) {
      // When it was seen, and how long before it was told.
      const compared = [...record].filter(([id]) => id !== 158 && id !== 159);
      for (const [id, value] of compared) expect([i, id, value]).toEqual([i, id, theirs![i]!.get(id)]);
      expect(compared.length).toBeGreaterThan(10);
    }
  });

  it('hears of about as many as it was asked for', { timeout: 60_000 }, async () => {
    await switches.ofctl(['del-flows', 'br0']);
    await switches.ofctl(['add-flow', 'br0', `in_port=1,actions=sample(probability=32768,${SAMPLE}),2`]);
    const [{ records }] = collectors as [Collector, Collector];
    const before = records.length;
    for (let i = 0; i < 64; i++) await switches.weftd.appctl('netdev-dummy/receive', 'p1', FRAME);
    await until(() => records.length > before + 12, 20_000);
    expect(records.length - before).toBeLessThan(52);
  });
});
