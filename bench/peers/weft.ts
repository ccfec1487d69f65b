// weft as a peer: weftd on its embedded database, driven by weft's own command-line tools.

import { fileURLToPath } from 'node:url';
import { UserError } from '../../lib/errors.ts';
import type { Child, Cleanup } from '../harness/children.ts';
import { waitFor } from '../harness/children.ts';
import { residentMemory } from '../harness/machine.ts';
import { answers } from '../harness/probe.ts';
import { Peer, type PeerSettings, type StartCost } from './peer.ts';

const START_TIMEOUT_MS = 15_000;
const program = (path: string) => fileURLToPath(new URL(`../../src/${path}.js`, import.meta.url));
const node = (path: string) => [process.execPath, program(path)];

export class WeftPeer extends Peer {
  readonly name = 'weft';
  protected readonly tools = {
    vsctl: node('cli/weft-vsctl'),
    ofctl: node('cli/weft-ofctl'),
    appctl: node('cli/weft-appctl'),
  };
  #daemon: Child | undefined;

  constructor(cleanup: Cleanup, settings: PeerSettings) {
    super('weft', cleanup, settings);
  }

  async start(): Promise<StartCost> {
    const startedMs = performance.now();
    const words = [process.execPath, program('weftd')];
    const args = ['--rundir', this.rundir, `--unixctl=${this.unixctl}`, '--pidfile'];
    const daemon = this.cleanup.spawn('weftd', this.command(words, args));
    this.#daemon = daemon;
    await waitFor('weftd to answer', START_TIMEOUT_MS, async () => {
      if (daemon.exited) throw new UserError(`weftd ended: ${daemon.output}`);
      return (await answers(`${this.rundir}/db.sock`, 'list_dbs', [])) && (await answers(this.unixctl, 'version', []));
    });
    const startMs = performance.now() - startedMs;
    const memory = residentMemory(daemon.pid);
    await this.vsctl(['set', 'Open_vSwitch', '.', `other_config:pmd-cpu-mask=${this.pmdMask}`]);
    return { startMs, ...memory };
  }

  get daemonPid(): number {
    return this.#daemon?.pid ?? -1;
  }

  get pids(): readonly number[] {
    return this.#daemon ? [this.#daemon.pid] : [];
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  async version(): Promise<string> {
    return (await this.appctl(['version'])).trim();
  }
}
