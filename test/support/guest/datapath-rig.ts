// The built datapath with vhost-user ports and guests on them: what end-to-end tests of forwarding begin with.
//
//   const rig = await DatapathRig.start();
//   const [a, b] = await rig.pair();          // two guests, every frame of one goes to the other
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatapathOptions } from '../../../datapath/datapath.ts';
import type { DpAction, Dpif, DpPort } from '../../../datapath/dpif.ts';
import { KEY_IN_PORT, KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import { createIoPoller, type IoPoller } from '../../../lib/io-poller.ts';
import { type GuestOptions, VhostGuest } from './vhost-guest.ts';

export interface GuestOnPort {
  readonly guest: VhostGuest;
  readonly port: DpPort;
}

export class DatapathRig {
  readonly dpif: Dpif;
  readonly folder: string;
  /** Upcalls that came, by input port. */
  readonly upcalls: number[] = [];
  readonly #io: IoPoller;
  readonly #guests = new Set<VhostGuest>();
  readonly #outputs = new Map<number, readonly DpAction[]>();
  #made = 0;

  private constructor(dpif: Dpif, io: IoPoller, folder: string) {
    this.dpif = dpif;
    this.#io = io;
    this.folder = folder;
    dpif.setUpcallSink(({ inPort, key }) => {
      this.upcalls.push(inPort);
      const actions = this.#outputs.get(inPort) ?? [];
      const mask = new Uint8Array(KEY_SIZE);
      mask.fill(0xff, KEY_IN_PORT, KEY_IN_PORT + 4);
      return { actions, install: { key: key.map((byte, i) => byte & mask[i]!), mask, actions } };
    });
  }

  static async start(options: Pick<DatapathOptions, 'nics' | 'functions' | 'clock'> = {}): Promise<DatapathRig> {
    const built = new URL('../../../dist/datapath/datapath.js', import.meta.url).href;
    const { createDpif } = (await import(built)) as typeof import('../../../datapath/datapath.ts');
    const folder = mkdtempSync(join(tmpdir(), 'weft-rig-'));
    const io = createIoPoller();
    const dpif = createDpif({ io, rundir: folder, ...options });
    // Tests share their machine: an idle PMD sleeps.
    dpif.configure({ pmdSleepUsMax: 500 });
    return new DatapathRig(dpif, io, folder);
  }

  /** Every frame from `from` gets these actions; flows that say otherwise are removed. */
  wire(from: DpPort, actions: readonly DpAction[]): void {
    this.#outputs.set(from.odpPort, actions);
    for (const flow of [...this.dpif.flows()]) {
      if (new DataView(flow.key.buffer, flow.key.byteOffset).getUint32(KEY_IN_PORT) === from.odpPort) {
        this.dpif.flowDel(flow);
      }
    }
  }

  addPort(): Promise<DpPort> {
    return this.dpif.portAdd({ name: `vhu${this.#made++}`, type: 'dpdkvhostuser', options: {} });
  }

  /** A guest on a port that is there already. */
  async attach(port: DpPort, options?: GuestOptions): Promise<VhostGuest> {
    const guest = await VhostGuest.connect(join(this.folder, port.name), options);
    this.#guests.add(guest);
    return guest;
  }

  /** Two guests on ports of their own, wired to each other. */
  async pair(first?: GuestOptions, second?: GuestOptions): Promise<[GuestOnPort, GuestOnPort]> {
    const ports = [await this.addPort(), await this.addPort()] as const;
    this.wire(ports[0], [{ type: 'output', port: ports[1].odpPort }]);
    this.wire(ports[1], [{ type: 'output', port: ports[0].odpPort }]);
    const guests = [await this.attach(ports[0], first), await this.attach(ports[1], second)] as const;
    return [
      { guest: guests[0], port: ports[0] },
      { guest: guests[1], port: ports[1] },
    ];
  }

  /** Closes the guests and removes every port; the datapath stays. */
  async clear(): Promise<void> {
    for (const guest of this.#guests) guest.close();
    this.#guests.clear();
    for (const port of this.dpif.ports()) await this.dpif.portDel(port.odpPort);
    this.#outputs.clear();
  }

  async close(): Promise<void> {
    await this.clear();
    await this.dpif.close();
    await this.#io.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A broadcast Ethernet frame of `size` bytes whose payload tells `seed` and its own position. */
export function testFrame(size: number, seed = 0): Uint8Array {
  const frame = new Uint8Array(size);
  frame.fill(0xff, 0, 6);
  frame.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb5], 6);
  for (let at = 14; at < size; at++) frame[at] = (seed * 31 + at * 7) & 0xff;
  return frame;
}
