// Dummy ports: hooks, counters, admin state, captures; and the registry that makes them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PortSpec, PortType } from '../../../../datapath/dpif.ts';
import { type DummyPort, findDummyPort } from '../../../../datapath/port/dummy/dummy-port.ts';
import type { PortContext } from '../../../../datapath/port/port.ts';
import { createPortDriver } from '../../../../datapath/port/registry.ts';
import { VirtualClock } from '../../../../lib/clock.ts';
import { UserError } from '../../../../lib/errors.ts';

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
