// Dummy ports: hooks, counters, admin state, captures; and the registry that makes them.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PortSpec, PortType } from '../../../../datapath/dpif.ts';
import { type DummyPort, findDummyPort } from '../../../../datapath/port/dummy/dummy-port.ts';
import type { PortContext } from '../../../../datapath/port/port.ts';
import { createPortDriver } from '../../../../datapath/port/registry.ts';
import { VirtualClock } from '../../../../lib/clock.ts';
import { UserError } from '../../../../lib/errors.ts';
import { until } from '../../../support/sockets.ts';

const FRAME = Buffer.from('ffffffffffff0200000000010800'.padEnd(120, '0'), 'hex');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const opened: DummyPort[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const port of opened.splice(0)) await port.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function openDummy(spec: Partial<PortSpec> = {}, context: Partial<PortContext> = {}): Promise<DummyPort> {
  const io = { watch: () => ({ close() {}, setWritable() {} }), close: async () => {} };
  const whole = { odpPort: 3, clock: new VirtualClock(), io, rundir: '/', receive() {}, changed() {}, ...context };
  const port = createPortDriver({ name: 'p1', type: 'dummy', options: {}, ...spec }, whole) as DummyPort;
  opened.push(port);
  await port.open();
  return port;
}

describe('dummy port', () => {
  it('hands on what is injected and shows what it sends, counting both', async () => {
    const received: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    const port = await openDummy({}, { receive: (frame) => received.push(frame.slice()) });
    port.onSend = (frame) => sent.push(frame.slice());
    findDummyPort('p1').inject(FRAME);
    expect(port.send(FRAME.subarray(0, 20))).toBe(true);
    expect(received.map(hex)).toEqual([hex(FRAME)]);
    expect(sent.map(hex)).toEqual([hex(FRAME.subarray(0, 20))]);
    expect(port.stats()).toEqual({ rx_bytes: 60, rx_packets: 1, tx_bytes: 20, tx_packets: 1 });
  });

  it('neither receives nor sends while it is down', async () => {
    let changes = 0;
    const port = await openDummy({}, { receive: () => expect.unreachable(), changed: () => changes++ });
    port.setAdminUp(false);
    port.inject(FRAME);
    expect(port.send(FRAME)).toBe(false);
    expect(port).toMatchObject({ linkUp: false, adminUp: false });
    port.setAdminUp(true);
    expect(changes).toBe(2);
  });

  it('sends no frame that is shorter than its header', async () => {
    const port = await openDummy();
    port.onSend = () => expect.unreachable();
    expect(port.send(FRAME.subarray(0, 13))).toBe(false);
    expect(port.stats()).toMatchObject({ tx_bytes: 0, tx_packets: 0 });
  });

  it('captures into pcap files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-pcap-'));
    folders.push(folder);
    const path = join(folder, 'tx.pcap');
    const port = await openDummy({ options: { tx_pcap: path } });
    port.inject(FRAME);
    port.send(FRAME);
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(24 + 16 + FRAME.length);
    expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
    expect(bytes.subarray(40)).toEqual(FRAME);
  });

  it('says why a capture cannot be written, and works without', async () => {
    const port = await openDummy({ options: { pcap: '/nonexistent/x.pcap' } });
    expect(port.error).toContain('could not open pcap file');
    expect(await port.reconfigure({ name: 'p1', type: 'dummy', options: {} })).toBe(true);
    expect(port.error).toBeUndefined();
  });

  it('is gone from the register once closed', async () => {
    const port = await openDummy();
    await port.close();
    expect(() => findDummyPort('p1')).toThrow(UserError);
  });
});

describe('createPortDriver()', () => {
  it('refuses a type that it has no driver for', () => {
    const spec = { name: 'x', type: 'frob' as PortType, options: {} };
    expect(() => createPortDriver(spec, {} as PortContext)).toThrow('could not create netdev x of unknown type frob');
  });
});

describe('a link of dummy ports', () => {
  it('carries frames both ways, and connects again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-link-'));
    folders.push(folder);
    const path = join(folder, 'link');
    const clock = new VirtualClock();
    const heard: string[] = [];
    const hears = (name: string) => ({ clock, receive: (frame: Uint8Array) => heard.push(`${name} ${frame.length}`) });
    const p2 = await openDummy({ name: 'p2', options: { stream: `unix:${path}` } }, hears('p2'));
    const p1 = await openDummy({ name: 'p1', options: { pstream: `punix:${path}` } }, hears('p1'));
    expect([p1.connectionState, p2.connectionState]).toEqual([undefined, 'disconnected']);
    await until(() => {
      clock.warp(1000);
      return p2.connectionState === 'connected';
    });
    p2.send(FRAME);
    p2.send(FRAME.subarray(0, 20));
    await until(() => heard.length === 2);
    p1.send(FRAME);
    await until(() => heard.length === 3);
    expect(heard).toEqual(['p1 60', 'p1 20', 'p2 60']);
    await p2.reconfigure({ name: 'p2', type: 'dummy', options: {} });
    expect(p2.connectionState).toBeUndefined();
  });

  it('is closed by a peer that sends no frames, and refuses strange names', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-link-'));
    folders.push(folder);
    const path = join(folder, 'link');
    await openDummy({ options: { pstream: `punix:${path}` } }, { receive: () => expect.unreachable() });
    await until(() => existsSync(path));
    const socket = connect(path);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write(Buffer.from('0003aabbcc', 'hex'));
    await closed;
    expect((await openDummy({ name: 'p3', options: { stream: 'ssl:nowhere' } })).error).toContain(
      'unknown stream name',
    );
  });
});
