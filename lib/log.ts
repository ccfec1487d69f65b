// Logging by module, with Open vSwitch's module names and levels. Every part of weft logs through a Logger that
// is handed to it or made here; where records go (terminal, JSON, ovs-vswitchd.log) is the daemon's business.

export const LEVELS = ['off', 'emer', 'err', 'warn', 'info', 'dbg'] as const;
export type Level = (typeof LEVELS)[number];
export type RecordLevel = Exclude<Level, 'off'>;

export interface LogRecord {
  readonly timeMs: number;
  readonly module: string;
  readonly level: RecordLevel;
  readonly text: string;
}

export type LogSink = (record: LogRecord) => void;

export interface Logger {
  emer(text: string): void;
  err(text: string): void;
  warn(text: string): void;
  info(text: string): void;
  dbg(text: string): void;
}

let sink: LogSink = () => {};
const modules = new Set<string>();

/** Routes every record of this thread to `target`. */
export function setLogSink(target: LogSink): void {
  sink = target;
}

/** Names of the modules that made a logger so far, sorted. */
export function logModules(): string[] {
  return [...modules].sort();
}

const moduleOf = new WeakMap<Logger, string>();

/** A logger for one module; `module` is Open vSwitch's name where it has one (bridge, vconn, dpif, netdev_dpdk). */
export function logger(module: string): Logger {
  modules.add(module);
  const emit = (level: RecordLevel) => (text: string) => sink({ timeMs: Date.now(), module, level, text });
  const made = { emer: emit('emer'), err: emit('err'), warn: emit('warn'), info: emit('info'), dbg: emit('dbg') };
  moduleOf.set(made, module);
  return made;
}

/** The module that a logger was made for. */
export function loggerModule(log: Logger): string {
  return moduleOf.get(log) ?? '';
}
