// The switch that the daemon's process shell runs. The shell hands over the services that it owns; everything that
// forwards packets, speaks OVSDB or OpenFlow starts and stops here.

import { mkdirSync } from 'node:fs';
import { createDpif } from '../../datapath/datapath.ts';
import type { Dpif } from '../../datapath/dpif.ts';
import { NicRegistry } from '../../datapath/nic/registry.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { coverageText } from '../../lib/coverage.ts';
import { createIoPoller } from '../../lib/io-poller.ts';
import { Connmgr } from '../../ofproto/connmgr/connmgr.ts';
import { createBacker, type SlowPath } from '../../ofproto/index.ts';
import { readSettings } from '../../ofproto/upcall/settings.ts';
import { ApiServer } from '../api/api-server.ts';
import * as ops from '../ovsdb/ops.ts';
import type { CommandRegistry } from '../unixctl/command.ts';
import { Reconciler } from './bridge/reconciler.ts';
import { switchCommands } from './commands/index.ts';
import { nicKillCommand, nicShowCommand } from './commands/nic-commands.ts';
import { type FollowedDatabase, openDatabase } from './database.ts';
import { datapathCapabilities } from './datapath-features.ts';
import { DropCounters } from './drop-counters.ts';
import { NicModels } from './nic-models.ts';
import type { MemoryReporters } from './process/memory-report.ts';
import type { DaemonOptions } from './process/options.ts';
import { OVS_VERSION } from './process/program.ts';
import { systemStatistics } from './system-statistics.ts';

export interface SwitchServices {
  /** Where `ovs-appctl` commands are registered. */
  readonly commands: CommandRegistry;
  /** What `memory/show` prints. */
  readonly memory: MemoryReporters;
  /** Ends the daemon in order; for faults that the switch cannot live with, log first. */
  requestExit(cleanup: boolean): void;
}

export interface RunningSwitch {
  /** Stops forwarding and lets everything go; `cleanup` also removes what would outlive the process. */
  close(cleanup: boolean): Promise<void>;
}

export type StartSwitch = (options: DaemonOptions, services: SwitchServices) => Promise<RunningSwitch>;

/** Version of the database schema that is served. */
const DB_VERSION = '8.3.1';
/** A database that does not answer holds up the start no longer than this. */
const FIRST_PASS_TIMEOUT_MS = 1000;
/** Resolves once every configured bridge runs and every socket answers. Throws UserError when it cannot start. */
export const startSwitch: StartSwitch = async (options, services) => {
  mkdirSync(options.paths.rundir, { recursive: true });
  const io = createIoPoller();
  const { rundir } = options.paths;
  const nics = new NicModels(new NicRegistry(), rundir);
  const dpif = createDpif({ io, rundir, clock: systemClock, nics: nics.registry, lockMemory: options.lockMemory });
  const database = await openDatabase({ remote: options.remote, ...options.paths });
  const running = new Switch(options, dpif, nics, database, systemClock);
  running.register(services);
  await running.ready();
  return {
    close: async (cleanup) => {
      await running.close(cleanup);
      await io.close();
    },
  };
};

/** The parts of a running switch, put together over any datapath and database. */
export class Switch {
  readonly #dpif: Dpif;
  readonly #nics: NicModels;
  readonly #database: FollowedDatabase;
  readonly #clock: Clock;
  readonly #options: DaemonOptions;
  readonly #backer: SlowPath;
  readonly #reconciler: Reconciler;
  readonly #api: ApiServer;

  constructor(options: DaemonOptions, dpif: Dpif, nics: NicModels, database: FollowedDatabase, clock: Clock) {
    this.#options = options;
    this.#dpif = dpif;
    this.#nics = nics;
    this.#database = database;
    this.#clock = clock;
    this.#backer = createBacker(dpif, clock);
    this.#api = new ApiServer(
      {
        clock,
        bridges: () => this.#reconciler.bridges().map(({ ofproto }) => ofproto),
        bridge: (name) => this.#reconciler.bridge(name)?.ofproto,
      },
      options.paths.rundir,
    );
    this.#reconciler = new Reconciler({
      replica: database.replica,
      dpif,
      clock,
      dummy: options.dummy,
      capabilities: () => datapathCapabilities(this.#backer.vlanLimit()),
      systemStatistics: () => systemStatistics(options.paths.rundir),
      createOfproto: (name) => this.#backer.createOfproto(name),
      createConnmgr: (ofproto) => new Connmgr(ofproto, { rundir: options.paths.rundir, clock }),
      configure: (otherConfig, isRestoring) => {
        this.#backer.configure(readSettings(otherConfig));
        this.#backer.awaitFlows(isRestoring);
        this.#api.configure(otherConfig['api-listen']);
        return this.#nics.configure(otherConfig);
      },
      ...(database.server ? { fixedColumns: { ovs_version: OVS_VERSION, db_version: DB_VERSION } } : {}),
    });
  }

  /** Adds the commands and reports of the switch to the shell's. */
  register({ commands, memory }: SwitchServices): void {
    const drops = new DropCounters(this.#dpif);
    const withTestHooks = process.env['WEFT_TEST_HOOKS'] === '1';
    commands.register(
      ...switchCommands({
        dpif: this.#dpif,
        reconciler: this.#reconciler,
        clock: this.#clock,
        slowPath: this.#backer,
        withDummy: this.#options.dummy !== 'off',
        withTestHooks,
      }),
      nicShowCommand(this.#nics),
      ...(withTestHooks ? [nicKillCommand(this.#nics)] : []),
      {
        name: 'coverage/show',
        usage: '',
        minArgs: 0,
        maxArgs: 0,
        handler: () => {
          drops.update();
          return coverageText();
        },
      },
    );
    memory.register(() => this.#memoryCounts());
  }

  /** One thread handles upcalls and revalidates; counts of nothing are left out, as by Open vSwitch. */
  #memoryCounts(): Record<string, number> {
    const bridges = this.#reconciler.bridges();
    const flows = bridges.flatMap(({ ofproto }) => ofproto.tableStats().map(({ activeCount }) => activeCount));
    const counts = {
      ports: this.#dpif.ports().length,
      rules: flows.reduce((sum, count) => sum + count, 0),
      'udpif keys': this.#dpif.flowCount(),
      ...(bridges.length === 0 ? {} : { handlers: 1, revalidators: 1 }),
    };
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  }

  /** Resolves once the database's configuration is in force, or the database lets us wait. */
  async ready(): Promise<void> {
    if (this.#database.server) await this.#ensureRoot();
    const timeout = new Promise<void>((resolve) => {
      this.#clock.after(FIRST_PASS_TIMEOUT_MS, resolve);
    });
    // A switch that waits for another one to go leaves the API's socket to that one, too.
    const opened = this.#reconciler.firstPass.then(() => this.#api.open());
    await Promise.race([opened, timeout]);
  }

  async close(cleanup: boolean): Promise<void> {
    await this.#api.close();
    await this.#reconciler.close(cleanup);
    this.#backer.close();
    await this.#closeDatapath(cleanup);
    await this.#nics.close();
    await this.#database.close();
  }

  /** Taps outlive the switch, with their addresses, unless it cleans up; the process' end stops the threads. */
  async #closeDatapath(cleanup: boolean): Promise<void> {
    if (cleanup) {
      await this.#dpif.close();
      return;
    }
    for (const port of this.#dpif.ports()) {
      if (port.type !== 'internal' && port.type !== 'tap') await this.#dpif.portDel(port.odpPort);
    }
  }

  /** A new database has no Open_vSwitch row until somebody makes one. */
  async #ensureRoot(): Promise<void> {
    const { replica } = this.#database;
    await replica.synced();
    if (!replica.only('Open_vSwitch')) await replica.transact([ops.insert('Open_vSwitch', {})]);
  }
}
