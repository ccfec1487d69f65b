// A switch under measurement. weft and OVS-DPDK are driven by the same commands of the same tools' grammar, so one
// class runs both; a subclass says how its daemon is started.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../harness/children.ts';
import { type CommandLine, runCommand } from '../harness/children.ts';

/** OpenFlow port numbers of the two guests. */
export const PORT_A = 1;
export const PORT_B = 2;

export interface PeerSettings {
  readonly pmdCore: number;
  readonly controlCore: number;
  readonly hugepages: boolean;
}

export interface StartCost {
  /** From spawning the daemon until its database and its unixctl socket answer. */
  readonly startMs: number;
  /** Resident memory then, in bytes. */
  readonly ordinary: number;
  readonly huge: number;
}

/** How a peer's tools are called: a program and the words before its own arguments. */
export interface Tools {
  readonly vsctl: readonly string[];
  readonly ofctl: readonly string[];
  readonly appctl: readonly string[];
}

const NEW_BRIDGE = ['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=netdev', 'fail_mode=secure'];

export abstract class Peer {
  abstract readonly name: string;
  protected abstract readonly tools: Tools;
  protected readonly cleanup: Cleanup;
  protected readonly settings: PeerSettings;
  readonly rundir: string;

  constructor(label: string, cleanup: Cleanup, settings: PeerSettings) {
    this.cleanup = cleanup;
    this.settings = settings;
    this.rundir = mkdtempSync(join(tmpdir(), `weft-bench-${label}-`));
    cleanup.add(() => rmSync(this.rundir, { recursive: true, force: true }));
  }

  /** Starts the daemon, with nothing configured that was not said here. */
  abstract start(): Promise<StartCost>;
  abstract stop(): Promise<void>;
  /** Processes of this switch, for accounting. */
  abstract get pids(): readonly number[];
  /** The switch's own process. */
  abstract get daemonPid(): number;
  /** Name and version, for the report. */
  abstract version(): Promise<string>;

  get pmdMask(): string {
    return `0x${(1n << BigInt(this.settings.pmdCore)).toString(16)}`;
  }

  /** Where the guest on a port listens; the switch dials it. */
  guestSocket(side: 'a' | 'b'): string {
    return join(this.rundir, `guest-${side}.sock`);
  }

  /** Adds bridge br0 without ports. */
  async addBridge(): Promise<void> {
    await this.vsctl(NEW_BRIDGE);
  }

  /** Adds bridge br0 with two vhost-user client ports. */
  async addPorts(): Promise<void> {
    const port = (name: 'a' | 'b', ofPort: number) => [
      ...['--', 'add-port', 'br0', name, '--', 'set', 'Interface', name, 'type=dpdkvhostuserclient'],
      ...[`options:vhost-server-path=${this.guestSocket(name)}`, `ofport_request=${ofPort}`],
    ];
    await this.vsctl([...NEW_BRIDGE, ...port('a', PORT_A), ...port('b', PORT_B)]);
  }

  /** Replaces all flows of br0. */
  async setFlows(flows: readonly string[]): Promise<void> {
    const file = join(this.rundir, 'flows.txt');
    writeFileSync(file, `${flows.join('\n')}\n`);
    await this.ofctl(['del-flows', 'br0']);
    await this.ofctl(['add-flows', 'br0', file]);
  }

  /** Puts `settings` in force until the returned function has taken them back. */
  async configure(settings: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
    const names = Object.keys(settings);
    if (names.length === 0) return () => Promise.resolve();
    await this.vsctl(['set', 'Open_vSwitch', '.', ...names.map((name) => `other_config:${name}=${settings[name]}`)]);
    return async () => {
      await this.vsctl(['remove', 'Open_vSwitch', '.', 'other_config', ...names]);
    };
  }

  vsctl(args: readonly string[]): Promise<string> {
    return this.#tool(this.tools.vsctl, [`--db=unix:${join(this.rundir, 'db.sock')}`, '--timeout=20', ...args]);
  }

  ofctl(args: readonly string[]): Promise<string> {
    return this.#tool(this.tools.ofctl, args);
  }

  appctl(args: readonly string[]): Promise<string> {
    return this.#tool(this.tools.appctl, ['-t', this.unixctl, ...args]);
  }

  get unixctl(): string {
    return join(this.rundir, 'switch.ctl');
  }

  protected get env(): NodeJS.ProcessEnv {
    return { ...process.env, OVS_RUNDIR: this.rundir, OVS_LOGDIR: this.rundir, OVS_DBDIR: this.rundir };
  }

  protected command(words: readonly string[], args: readonly string[]): CommandLine {
    const [file = '', ...first] = words;
    return { file, args: [...first, ...args], env: this.env };
  }

  #tool(words: readonly string[], args: readonly string[]): Promise<string> {
    return runCommand(this.command(words, args));
  }
}
