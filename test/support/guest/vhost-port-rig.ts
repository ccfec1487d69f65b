// A vhost-user port on fake services in a folder of its own, for tests of ports and sessions without a datapath.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PortSpec } from '../../../datapath/dpif.ts';
import type { PortContext } from '../../../datapath/port/port.ts';
import { VhostClientPort } from '../../../datapath/port/vhost-user/client-port.ts';
import { VhostServerPort } from '../../../datapath/port/vhost-user/server-port.ts';
import { systemClock } from '../../../lib/clock.ts';
import { createIoPoller } from '../../../lib/io-poller.ts';
import { FakeVhostServices } from './fake-vhost-services.ts';

export class VhostPortRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-vhost-'));
  readonly services = new FakeVhostServices();
  readonly io = createIoPoller();
  changes = 0;
  readonly #ports: { close(): Promise<void> }[] = [];

  /** Where a `dpdkvhostuser` port of this name listens, and where a client port is told to dial. */
  path(name: string): string {
    return join(this.folder, name);
  }

  async server(name: string): Promise<VhostServerPort> {
    const port = new VhostServerPort(this.#spec(name, 'dpdkvhostuser', {}), this.#context(), this.services);
    this.#ports.push(port);
    await port.open();
    return port;
  }

  async client(name: string, options: Record<string, string>): Promise<VhostClientPort> {
    const port = new VhostClientPort(this.clientSpec(name, options), this.#context(), this.services);
    this.#ports.push(port);
    await port.open();
    return port;
  }

  clientSpec(name: string, options: Record<string, string>): PortSpec {
    return this.#spec(name, 'dpdkvhostuserclient', options);
  }

  async close(): Promise<void> {
    for (const port of this.#ports) await port.close();
    await this.io.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spec(name: string, type: PortSpec['type'], options: Record<string, string>): PortSpec {
    return { name, type, options };
  }

  #context(): PortContext {
    return {
      odpPort: 1,
      clock: systemClock,
      io: this.io,
      rundir: this.folder,
      receive: () => {},
      changed: () => {
        this.changes++;
      },
    };
  }
}

/** Looks every `everyMs` until `done`, or throws saying what did not come. */
export async function eventually(done: () => boolean, what: string, timeoutMs = 20_000, everyMs = 2): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(everyMs);
  }
}
