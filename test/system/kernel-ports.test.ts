// Ports on kernel interfaces against the real kernel: namespaces, veth pairs and taps, two drivers joined by a wire.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PortSpec, PortType } from '../../datapath/dpif.ts';
import type { PortDriver } from '../../datapath/port/port.ts';
import { createPortDriver } from '../../datapath/port/registry.ts';
import { systemClock } from '../../lib/clock.ts';
import { createIoPoller, type IoPoller } from '../../lib/io-poller.ts';
import { canMakeNamespaces, ip, NetworkNamespace } from '../support/network-namespace.ts';

// A namespace's interfaces vanish some time after it: every test has names of its own.
let testNumber = 0;
const nameOf = (what: string) => `wk${process.pid % 100_000}${what}${testNumber}`;

interface TestPort {
  readonly driver: PortDriver;
  /** Where received frames go. */
  onFrame: (frame: Uint8Array) => void;
  changes: number;
}

describe.skipIf(!canMakeNamespaces())('kernel ports', () => {
  let io: IoPoller;
  const ports: TestPort[] = [];
  const namespaces: NetworkNamespace[] = [];

  beforeEach(() => {
    io = createIoPoller();
    testNumber++;
  });

  afterEach(async () => {
    for (const port of ports.splice(0)) await port.driver.close();
    for (const namespace of namespaces.splice(0)) namespace.close();
    await io.close();
  });

  async function openPort(type: PortType, name: string, more: Partial<PortSpec> = {}): Promise<TestPort> {
    const port: TestPort = { driver: undefined as unknown as PortDriver, onFrame: () => {}, changes: 0 };
    const spec: PortSpec = { name, type, options: {}, ...more };
    const driver = createPortDriver(spec, {
      odpPort: 1,
      clock: systemClock,
      io,
      rundir: tmpdir(),
      receive: (frame) => port.onFrame(frame),
      changed: () => port.changes++,
    });
    Object.assign(port, { driver });
    ports.push(port);
    await driver.open();
    return port;
  }

  function namespace(name: string): NetworkNamespace {
    const made = new NetworkNamespace(name);
    namespaces.push(made);
    return made;
  }

  function joinPorts(a: TestPort, b: TestPort): void {
    a.onFrame = (frame) => b.driver.send?.(frame);
    b.onFrame = (frame) => a.driver.send?.(frame);
  }

  it('system: two namespaces ping through two packet sockets', async () => {
    const [left, right] = [namespace('l'), namespace('r')];
    left.veth(nameOf('l'), 'eth0', '10.99.1.1/24');
    right.veth(nameOf('r'), 'eth0', '10.99.1.2/24');
    const [a, b] = [await openPort('system', nameOf('l')), await openPort('system', nameOf('r'))];
    joinPorts(a, b);
    expect(a.driver).toMatchObject({ linkUp: true, adminUp: true, error: undefined, mtu: 1500 });
    expect(await run(...left.argv('busybox', 'ping', '-c', '3', '-i', '0.1', '-W', '2', '10.99.1.2'))).toContain(
      '3 packets received',
    );
    expect(a.driver.stats()).toMatchObject({ rx_dropped: 0, tx_dropped: 0 });
    expect(Number(a.driver.stats()['rx_packets'])).toBeGreaterThanOrEqual(4);
    expect(a.driver.status()).toMatchObject({ driver_name: 'veth' });
    expect(a.driver.linkSpeed).toEqual({ bitsPerSecond: 10_000_000_000, duplex: 'full' });
  });

  it('system: a TCP stream that its kernel neither segments nor checksums arrives whole', async () => {
    const [left, right] = [namespace('l'), namespace('r')];
    left.veth(nameOf('l'), 'eth0', '10.99.1.1/24');
    right.veth(nameOf('r'), 'eth0', '10.99.1.2/24');
    const [a, b] = [await openPort('system', nameOf('l')), await openPort('system', nameOf('r'))];
    joinPorts(a, b);
    let longest = 0;
    a.onFrame = (frame) => {
      longest = Math.max(longest, frame.length);
      b.driver.send?.(frame);
    };
    await expectTransfer(left, right, '10.99.1.2');
    expect(longest).toBeLessThanOrEqual(1514);
    expect(a.driver.stats()).toMatchObject({ rx_dropped: 0 });
  });

  it('system: a VLAN tag that the kernel takes out is put back', async () => {
    const [left, right] = [nameOf('l'), nameOf('r')];
    ip(`link add ${left} type veth peer name ${right}`);
    for (const name of [left, right]) ip(`link set ${name} up`);
    const [a, b] = [await openPort('system', left), await openPort('system', right)];
    const received: string[] = [];
    b.onFrame = (frame) => received.push(Buffer.from(frame).toString('hex'));
    const body = '45'.padEnd(92, '0');
    const tagged = ['81002007', '88a80064', '88a8006481000007'].map((tag) =>
      `0200000000020200000000010800${body}`.replace('0800', `${tag}0800`),
    );
    for (const frame of tagged) a.driver.send?.(Buffer.from(frame, 'hex'));
    await expect.poll(() => received).toEqual(expect.arrayContaining(tagged));
    ip(`link del ${left}`);
  });

  it('system: an interface that comes, goes and comes again is followed', async () => {
    const left = namespace('l');
    const name = nameOf('l');
    const port = await openPort('system', name);
    expect(port.driver.error).toBe(`could not open network device ${name} (No such device)`);
    left.veth(name, 'eth0', '10.99.1.1/24');
    await expect.poll(() => port.driver.linkUp).toBe(true);
    expect(port.driver.error).toBeUndefined();
    const resets = port.driver.linkResets;
    ip(`-n ${left.name} link set eth0 down`);
    await expect.poll(() => port.driver.linkUp).toBe(false);
    expect(port.driver.linkResets).toBe(resets + 1);
    ip(`link del ${name}`);
    await expect.poll(() => port.driver.error).toContain('No such device');
    left.veth(name, 'eth0', '10.99.1.1/24');
    await expect.poll(() => port.driver.linkUp).toBe(true);
    expect(port.changes).toBeGreaterThan(3);
  });

  it('internal: a tap with the address and MTU asked for; pings a namespace, and goes with the port', async () => {
    const [left, right] = [namespace('l'), namespace('r')];
    left.veth(nameOf('l'), 'eth0', '10.99.1.1/24');
    const name = nameOf('t');
    const a = await openPort('system', nameOf('l'));
    const tap = await openPort('internal', name, { mac: '02:00:00:00:00:77', mtu: 1400 });
    joinPorts(a, tap);
    expect(tap.driver).toMatchObject({ mac: '02:00:00:00:00:77', mtu: 1400, adminUp: false, error: undefined });
    expect(tap.driver.ifindex).toBeGreaterThan(0);
    tap.driver.setAdminUp(true);
    await expect.poll(() => tap.driver.linkUp).toBe(true);
    // As container runtimes do: the device is moved while the switch holds it.
    ip(`link set ${name} netns ${right.name}`);
    right.configure(name, '10.99.1.2/24');
    expect(await run(...left.argv('busybox', 'ping', '-c', '3', '-i', '0.1', '-W', '2', '10.99.1.2'))).toContain(
      '3 packets received',
    );
    expect(tap.driver.linkUp).toBe(true);
    await tap.driver.close();
    expect(ip(`-n ${right.name} link`)).not.toContain(name);
  });

  it('tap: keeps its own address, and says so when the device is removed or cannot be made', async () => {
    const name = nameOf('t');
    const tap = await openPort('tap', name, { mac: '02:00:00:00:00:77' });
    expect(tap.driver.mac).not.toBe('02:00:00:00:00:77');
    const second = await openPort('tap', name);
    expect(second.driver.error).toBe(`could not open network device ${name} (Device or resource busy)`);
    ip(`link del ${name}`);
    await expect.poll(() => tap.driver.error).toBe(`could not open network device ${name} (No such device)`);
    expect(tap.driver.linkUp).toBe(false);
    // Tried again in place, so the port keeps its number and its megaflows.
    expect(await tap.driver.reconfigure({ name, type: 'tap', options: {} })).toBe(true);
    expect([tap.driver.error, second.driver.error !== undefined]).toEqual([undefined, true]);
    expect(ip(`-o link show ${name}`)).toContain(name);
  });
});

const TRANSFER_PORT = 5001;
/** Prints the length and digest of what one connection brings. */
const RECEIVER = `
  const hash = require('node:crypto').createHash('sha256');
  let length = 0;
  require('node:net').createServer((socket) => {
    socket.on('data', (data) => { length += data.length; hash.update(data); });
    socket.on('end', () => { console.log(length, hash.digest('hex')); process.exit(); });
  }).listen(${TRANSFER_PORT}, () => console.error('listening'));`;
/** Sends 4 MiB of a seeded stream; prints their digest. */
const SENDER = (address: string) => `
  const bytes = require('node:crypto').createHash('shake256', { outputLength: 4 << 20 }).update('weft').digest();
  require('node:net').connect(${TRANSFER_PORT}, '${address}').end(bytes);
  console.log(bytes.length, require('node:crypto').createHash('sha256').update(bytes).digest('hex'));`;

/** Sends 4 MiB from `left` to `right` over TCP and compares checksums. */
async function expectTransfer(left: NetworkNamespace, right: NetworkNamespace, address: string): Promise<void> {
  const receiver = spawn(...right.argv(process.execPath, '-e', RECEIVER), { stdio: ['ignore', 'pipe', 'pipe'] });
  const received = new Promise<string>((resolve) => receiver.stdout.once('data', (text) => resolve(String(text))));
  await new Promise((resolve) => receiver.stderr.once('data', resolve));
  const sent = await run(...left.argv(process.execPath, '-e', SENDER(address)));
  expect(await received).toBe(sent);
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('close', () => resolve(output));
  });
}
