// How long people wait for a switch that is under load: OpenFlow echoes on a bridge's management socket, and
// configuration changes with ovs-vsctl, which waits until they are in force.

import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../lib/errors.ts';
import { runCommand } from './harness/children.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Peer } from './peers/peer.ts';

/** OpenFlow 1.0, 5.1: version, type, length, xid. */
const OFP10_VERSION = 1;
const OFPT_HELLO = 0;
const OFPT_ECHO_REQUEST = 2;
const OFPT_ECHO_REPLY = 3;
const HEADER_SIZE = 8;

const OVS_VSCTL = '/usr/bin/ovs-vsctl';
const ECHO_INTERVAL_MS = 20;
const ECHO_TIMEOUT_MS = 20_000;
const VSCTL_INTERVAL_MS = 50;

export interface Waits {
  /** Milliseconds, one for each try. */
  readonly echoMs: readonly number[];
  readonly vsctlMs: readonly number[];
}

/** Tries both, again and again, for `durationMs`. */
export async function probe(peer: Peer, durationMs: number): Promise<Waits> {
  const endMs = performance.now() + durationMs;
  const [echoMs, vsctlMs] = await Promise.all([probeEcho(peer, endMs), probeVsctl(peer, endMs)]);
  return { echoMs, vsctlMs };
}

/** `median 2 ms, 99% 7 ms, worst 9 ms of 480` */
export function formatWaits(ms: readonly number[]): string {
  if (ms.length === 0) return 'none';
  const [middle, most, worst] = [median(ms), quantile(ms, 0.99), Math.max(...ms)].map((value) => value.toFixed(1));
  return `median ${middle} ms, 99% ${most} ms, worst ${worst} ms of ${ms.length}`;
}

async function probeEcho(peer: Peer, endMs: number): Promise<number[]> {
  const session = new EchoSession(connect(join(peer.rundir, 'br0.mgmt')));
  const waits: number[] = [];
  try {
    for (let xid = 1; performance.now() < endMs; xid++) {
      waits.push(await session.echo(xid));
      await sleep(ECHO_INTERVAL_MS);
    }
  } finally {
    session.close();
  }
  return waits;
}

function message(type: number, xid: number): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE);
  bytes.writeUInt8(OFP10_VERSION, 0);
  bytes.writeUInt8(type, 1);
  bytes.writeUInt16BE(HEADER_SIZE, 2);
  bytes.writeUInt32BE(xid, 4);
  return bytes;
}

class EchoSession {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #awaited: { readonly xid: number; readonly answered: () => void } | undefined;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.write(message(OFPT_HELLO, 0));
  }

  /** Sends an echo request; resolves to the milliseconds until its reply. */
  async echo(xid: number): Promise<number> {
    const startMs = performance.now();
    const answered = new Promise<true>((resolve) => {
      this.#awaited = { xid, answered: () => resolve(true) };
    });
    this.#socket.write(message(OFPT_ECHO_REQUEST, xid));
    const inTime = await Promise.race([answered, sleep(ECHO_TIMEOUT_MS, false, { ref: false })]);
    if (!inTime) throw new UserError(`no answer to an OpenFlow echo: ${this.#failure?.message ?? 'too late'}`);
    return performance.now() - startMs;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= HEADER_SIZE) {
      const size = Math.max(HEADER_SIZE, this.#received.readUInt16BE(2));
      if (this.#received.length < size) return;
      const isReply = this.#received.readUInt8(1) === OFPT_ECHO_REPLY;
      if (isReply && this.#received.readUInt32BE(4) === this.#awaited?.xid) this.#awaited.answered();
      this.#received = this.#received.subarray(size);
    }
  }
}

/** By the real tool where it is installed: a Node program takes longer to start than to be served. */
async function configure(peer: Peer, args: readonly string[]): Promise<void> {
  if (!existsSync(OVS_VSCTL)) await peer.vsctl(args);
  else
    await runCommand({ file: OVS_VSCTL, args: [`--db=unix:${join(peer.rundir, 'db.sock')}`, '--timeout=20', ...args] });
}

/** In turn a change that concerns no packet, and one after which every megaflow has to be looked at. */
async function probeVsctl(peer: Peer, endMs: number): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; performance.now() < endMs; n++) {
    const light = ['set', 'Open_vSwitch', '.', `external_ids:probe=${n}`];
    const heavy = ['set', 'Bridge', 'br0', `other_config:mac-aging-time=${300 + n}`];
    const startMs = performance.now();
    await configure(peer, n % 2 === 0 ? light : heavy);
    waits.push(performance.now() - startMs);
    await sleep(VSCTL_INTERVAL_MS);
  }
  return waits;
}
