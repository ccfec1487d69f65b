// The connection manager of one bridge: its management socket, its snoop socket, its controllers, and what follows from
// which of them are connected (fail mode, whether table misses go up).

import { dirname, join, resolve } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { newFlowMod } from '../model/flow-mod.ts';
import {
  OFP10_VERSION,
  OFP11_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  OFP15_VERSION,
} from '../model/messages.ts';
import type { OfprotoApi } from '../ofproto-api.ts';
import { PROD_INTERVAL_MS, prod } from './admission.ts';
import { ASYNC_DEFAULT, ASYNC_NONE } from './async-config.ts';
import type { ConnmgrApi, ConnmgrOptions, FailMode, SwitchDescription } from './connmgr-api.ts';
import type { Controller, ControllerConfig, ControllerStatus } from './controller.ts';
import { FailModeMonitor } from './fail-mode.ts';
import type { WireVersion } from './hello.ts';
import { type InBandConfig, inBandRemotes } from './in-band-remotes.ts';
import { Listener } from './listener.ts';
import { OfConn, type OfConnOptions, type OfConnSettings } from './ofconn.ts';
import { SnoopListener } from './snoop.ts';
import { dial } from './stream.ts';
import { SwitchState } from './switch-state.ts';
import { isPassive, parseTarget } from './target.ts';

const log = logger('connmgr');

/** Bridge.protocols names of the versions weft has. */
const VERSIONS: Readonly<Record<string, WireVersion>> = {
  OpenFlow10: OFP10_VERSION,
  OpenFlow11: OFP11_VERSION,
  OpenFlow12: OFP12_VERSION,
  OpenFlow13: OFP13_VERSION,
  OpenFlow14: OFP14_VERSION,
  OpenFlow15: OFP15_VERSION,
};

const MAX_BACKOFF_DEFAULT_MS = 8000;
const PROBE_INTERVAL_DEFAULT_MS = 5000;
/** ovs-ofctl may sit in `monitor` for hours: ask rarely. */
const MANAGEMENT_PROBE_MS = 60_000;

/** Whoever asks for more gets this, as with Open vSwitch: a probe costs a busy controller its session. */
const PROBE_INTERVAL_LEAST_MS = 5000;

/** One row of the Controller table and what was made of it. */
interface Entry {
  config: ControllerConfig;
  /** What makes it another controller when it changes. */
  readonly key: string;
  /** Why nothing could be made of it. */
  error?: string;
  conn?: OfConn;
  listener?: Listener;
  readonly isPrimary: boolean;
}

export class Connmgr implements ConnmgrApi {
  readonly #ofproto: OfprotoApi;
  readonly #options: ConnmgrOptions;
  readonly #state: SwitchState;
  readonly #management: Listener;
  readonly #snoop: SnoopListener;
  readonly #failMode: FailModeMonitor;
  readonly #unsubscribe: () => void;
  readonly #listeners = new Set<() => void>();
  #versions: readonly WireVersion[] = Object.values(VERSIONS);
  #mode: FailMode = 'standalone';
  #inBand: InBandConfig = { isDisabled: false, managers: [] };
  #entries: Entry[] = [];
  #missesWanted = false;
  #stopProdding: (() => void) | undefined;
  #changePending = false;
  /** Until the controllers are known nothing is decided: a standalone bridge must not flood while it starts. */
  #configured = false;
  #closed = false;

  constructor(ofproto: OfprotoApi, options: ConnmgrOptions) {
    this.#ofproto = ofproto;
    this.#options = options;
    this.#state = new SwitchState(ofproto, () => this.#changed());
    const path = (suffix: string) => join(options.rundir, `${ofproto.name}.${suffix}`);
    this.#management = new Listener(ofproto.name, { kind: 'punix', path: path('mgmt') }, (name, ended) =>
      this.#accept(name, ended, { target: 'mgmt', inactivityProbeMs: MANAGEMENT_PROBE_MS }),
    );
    this.#snoop = new SnoopListener(path('snoop'), ofproto.name, () => this.#versions);
    this.#failMode = new FailModeMonitor(options.clock, (mode, control) => {
      if (control === 'lost') log.warn(`${ofproto.name}: no controller could be reached, failing open`);
      ofproto.setFailMode(mode, control);
    });
    this.#unsubscribe = this.#subscribe();
  }

  async listen(): Promise<void> {
    await this.#management.open();
    await this.#snoop.open();
  }

  setControllers(list: readonly ControllerConfig[]): void {
    this.#configured = true;
    const hadPrimaries = this.#hasPrimaries();
    const before = new Map(this.#entries.map((entry) => [entry.key, entry]));
    const wanted = new Map(list.map((config) => [`${isPrimary(config)} ${config.target}`, config]));
    this.#entries = [...wanted].map(([key, config]) => {
      const kept = before.get(key);
      before.delete(key);
      if (kept) reconfigure(kept, config);
      return kept ?? { config, key, isPrimary: isPrimary(config) };
    });
    // Old ones go first: a listener whose settings changed gets its port back.
    const gone = [...before.values()].map((entry) => closeEntry(entry));
    for (const entry of this.#entries) if (!isMade(entry)) this.#make(entry, gone);
    // With the first controller the table becomes its to fill; without the last the bridge starts over.
    if (hadPrimaries !== this.#hasPrimaries()) {
      this.#ofproto.flowMod(newFlowMod('delete'));
      this.#failMode.reset();
    }
    this.#ofproto.setInBand({ remotes: inBandRemotes(list, this.#inBand), queueId: this.#inBand.queueId });
    this.#evaluate();
  }

  setInBand(config: InBandConfig): void {
    this.#inBand = config;
  }

  setFailMode(mode: FailMode): void {
    this.#mode = mode;
    this.#evaluate();
  }

  setProtocols(names: readonly string[]): void {
    const known = names.filter((name) => VERSIONS[name] !== undefined);
    if (names.length > 0 && known.length === 0) {
      log.warn(`${this.#ofproto.name}: no supported version among protocols ${names.join(',')}; allowing all`);
    }
    const chosen = known.length > 0 ? known : Object.keys(VERSIONS);
    this.#versions = Object.keys(VERSIONS)
      .filter((name) => chosen.includes(name))
      .map((name) => VERSIONS[name] ?? OFP10_VERSION);
  }

  setDescription(description: SwitchDescription): void {
    this.#state.description = description;
  }

  status(): ControllerStatus[] {
    return this.#entries.map((entry) => statusOf(entry));
  }

  onStatusChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  reconnect(): void {
    for (const { conn, listener } of this.#entries) {
      conn?.rconn.reconnect();
      for (const client of listener?.conns ?? []) client.rconn.reconnect();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#failMode.stop();
    this.#stopProdding?.();
    this.#listeners.clear();
    await Promise.all([
      ...this.#entries.map((entry) => closeEntry(entry)),
      this.#management.close(),
      this.#snoop.close(),
    ]);
    this.#entries = [];
    this.#state.tlvTable.close();
  }

  #subscribe(): () => void {
    const { sessions } = this.#state;
    return this.#ofproto.subscribe({
      packetIn: (packetIn) => {
        for (const session of sessions) session.packetIn(packetIn);
      },
      flowChanged: (change) => {
        for (const session of sessions) session.monitors.changed(change);
      },
      flowRemoved: (removed) => {
        for (const session of sessions) session.flowRemoved(removed);
      },
      portStatus: (reason, desc) => {
        for (const session of sessions) session.portStatus(reason, desc);
      },
      tableStatus: (tableId, reason) => {
        const stats = this.#ofproto.tableStats().find((table) => table.tableId === tableId);
        if (stats) for (const session of sessions) session.tableStatus(reason, this.#state.tables.describe(stats));
      },
      portTreeState: (desc) => {
        for (const session of sessions) session.portTreeState(desc);
      },
    });
  }

  /** Starts what `entry` asks for, after `gone` has let go of its sockets. */
  #make(entry: Entry, gone: readonly Promise<void>[]): void {
    try {
      const controller = this.#understand(entry.config);
      const kind = entry.isPrimary ? 'primary' : 'service';
      log.info(`${this.#ofproto.name}: added ${kind} controller "${controller.target}"`);
      if (isPassive(controller.parsed)) this.#listenFor(entry, controller, gone);
      else this.#dialFor(entry, controller);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      entry.error = error.message;
      log.err(`${this.#ofproto.name}: ${error.message}`);
    }
  }

  #understand(config: ControllerConfig): Controller {
    const parsed = parseTarget(config.target);
    const { rundir } = this.#options;
    // Who may write the database must not reach arbitrary sockets and files of this machine through the switch.
    const allowed = parsed.kind === 'punix' ? join(resolve(rundir), `${this.#ofproto.name}.`) : `${resolve(rundir)}/`;
    if (
      'path' in parsed &&
      !(dirname(resolve(parsed.path)) === resolve(rundir) && resolve(parsed.path).startsWith(allowed))
    ) {
      throw new UserError(`${config.target}: only ${parsed.kind}:${allowed}* is permitted`);
    }
    return { ...config, parsed };
  }

  #dialFor(entry: Entry, controller: Controller): void {
    const name = `${this.#ofproto.name}<->${controller.target}`;
    entry.conn = this.#conn(name, controller, { isPrimary: entry.isPrimary, dial: () => dial(controller.parsed) });
    entry.conn.start();
  }

  #listenFor(entry: Entry, controller: Controller, gone: readonly Promise<void>[]): void {
    const listener = new Listener(this.#ofproto.name, controller.parsed, (name, ended) =>
      this.#accept(name, ended, entry.config, entry.isPrimary),
    );
    entry.listener = listener;
    Promise.all(gone)
      .then(() => listener.open())
      .catch((error: Error) => log.err(`${this.#ofproto.name}: ${controller.target}: ${error.message}`))
      .finally(() => this.#changed());
  }

  #accept(name: string, ended: () => void, config: ControllerConfig, isPrimaryConn = false): OfConn {
    return this.#conn(name, config, { isPrimary: isPrimaryConn, ended });
  }

  #conn(
    name: string,
    config: ControllerConfig,
    how: { isPrimary: boolean; dial?: () => ReturnType<typeof dial>; ended?: () => void },
  ): OfConn {
    const options: OfConnOptions = {
      rconn: { name, clock: this.#options.clock, versions: () => this.#versions, dial: how.dial },
      settings: settingsOf(config),
      isService: !how.isPrimary,
      ...(how.isPrimary ? { copy: (message: Uint8Array) => this.#snoop.copy(message) } : {}),
      ...(how.ended ? { ended: how.ended } : {}),
    };
    return new OfConn(this.#state, options);
  }

  /** Controllers that are connected, but have not taken the bridge on, get packets to look at. */
  #prodWhile(isOn: boolean): void {
    if (isOn === (this.#stopProdding !== undefined)) return;
    this.#stopProdding?.();
    this.#stopProdding = isOn ? this.#prodLater() : undefined;
  }

  #prodLater(): () => void {
    return this.#options.clock.after(PROD_INTERVAL_MS, () => {
      for (const entry of this.#primaries()) for (const conn of connsOf(entry)) conn.session?.packetIn(prod());
      this.#stopProdding = this.#prodLater();
    });
  }

  #hasPrimaries(): boolean {
    return this.#primaries().length > 0;
  }

  #primaries(): Entry[] {
    return this.#entries.filter((entry) => entry.isPrimary && (entry.conn ?? entry.listener));
  }

  /** Something moved: look at everything once this turn's changes are all in. */
  #changed(): void {
    if (this.#changePending || this.#closed) return;
    this.#changePending = true;
    queueMicrotask(() => {
      this.#changePending = false;
      if (this.#closed) return;
      this.#evaluate();
      for (const listener of this.#listeners) listener();
    });
  }

  #evaluate(): void {
    if (this.#configured) this.#updateFailMode();
    const missesWanted = [...this.#state.sessions].some((session) => session.wantsMisses);
    if (missesWanted === this.#missesWanted) return;
    this.#missesWanted = missesWanted;
    this.#ofproto.setMissToController(missesWanted);
  }

  #updateFailMode(): void {
    const primaries = this.#primaries();
    const conns = primaries.flatMap((entry) => connsOf(entry));
    this.#failMode.update({
      mode: this.#mode,
      probeIntervalsMs: primaries.map(({ config }) => probeIntervalMs(config)),
      anyAdmitted: conns.some((conn) => conn.isAdmitted),
    });
    this.#prodWhile(this.#failMode.isLost && conns.some((conn) => conn.rconn.isConnected));
  }
}

function isPrimary(config: ControllerConfig): boolean {
  return config.type === undefined ? !/^p/.test(config.target) : config.type === 'primary';
}

function probeIntervalMs({ inactivityProbeMs: asked = PROBE_INTERVAL_DEFAULT_MS }: ControllerConfig): number {
  return asked === 0 ? 0 : Math.max(asked, PROBE_INTERVAL_LEAST_MS);
}

function settingsOf(config: ControllerConfig): OfConnSettings {
  const { rateLimit = 0, burstLimit = Math.ceil(rateLimit / 4) } = config;
  return {
    probeIntervalMs: probeIntervalMs(config),
    maxBackoffMs: config.maxBackoffMs ?? MAX_BACKOFF_DEFAULT_MS,
    asyncConfig: config.enableAsyncMessages === false ? ASYNC_NONE : ASYNC_DEFAULT,
    rateLimit: rateLimit > 0 ? { perSecond: rateLimit, burst: burstLimit } : undefined,
  };
}

/** Other settings of a controller that stays do not cost it its connection. */
function reconfigure(entry: Entry, config: ControllerConfig): void {
  const settings = settingsOf(config);
  const isOther = JSON.stringify(settings) !== JSON.stringify(settingsOf(entry.config));
  entry.config = config;
  if (isOther) for (const conn of connsOf(entry)) conn.configure(settings);
}

function isMade({ conn, listener, error }: Entry): boolean {
  return conn !== undefined || listener !== undefined || error !== undefined;
}

async function closeEntry({ conn, listener }: Entry): Promise<void> {
  conn?.close();
  await listener?.close();
}

function connsOf({ conn, listener }: Entry): OfConn[] {
  return conn ? [conn] : [...(listener?.conns ?? [])];
}

function statusOf(entry: Entry): ControllerStatus {
  const { target } = entry.config;
  const conns = connsOf(entry);
  const shown = conns.find((conn) => conn.rconn.isConnected) ?? entry.conn;
  const lastError = entry.error ?? entry.listener?.error;
  const status: Record<string, string> = lastError === undefined ? {} : { last_error: lastError };
  if (shown) Object.assign(status, connectionStatus(shown));
  if (conns.length > 1) status['n_connections'] = String(conns.length);
  return {
    target,
    isConnected: shown?.rconn.isConnected ?? false,
    role: shown?.session?.controllerRole,
    status,
  };
}

function connectionStatus(conn: OfConn): Record<string, string> {
  const { lastError, state, sinceConnectMs, sinceDisconnectMs } = conn.rconn;
  const seconds = (ms: number) => String(Math.floor(ms / 1000));
  return {
    ...(lastError === undefined ? {} : { last_error: lastError }),
    state,
    ...(sinceConnectMs === undefined ? {} : { sec_since_connect: seconds(sinceConnectMs) }),
    ...(sinceDisconnectMs === undefined ? {} : { sec_since_disconnect: seconds(sinceDisconnectMs) }),
    ...conn.limiterCounters(),
  };
}
