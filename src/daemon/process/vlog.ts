// Which log record goes where: levels per module and destination, as -v and vlog/set change them and vlog/list shows
// them (ovs-appctl(8), "Logging Commands").

import { UserError } from '../../../lib/errors.ts';
import { LEVELS, type Level, type LogRecord, logger, logModules } from '../../../lib/log.ts';
import { formatRecord } from './log-pattern.ts';
import { DEFAULT_FACILITY, facilityNumber } from './syslog-facility.ts';
import { OVS_MODULES } from './vlog-modules.ts';

export const DESTINATIONS = ['console', 'syslog', 'file'] as const;
export type Destination = (typeof DESTINATIONS)[number];

/** Where records end: `text` formats the record by its destination's pattern, for outputs that write text. */
export interface LogOutput {
  write(record: LogRecord, text: () => string): void;
  /** Writes what is still queued, from a process that is about to die. */
  flush(): void;
  /** Takes no more records; resolves when those that it took are written. */
  close(): Promise<void>;
}

const DEFAULT_PATTERNS: Readonly<Record<Destination, string>> = {
  console: '%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m',
  syslog: 'ovs|%05N|%c%T|%p|%m',
  file: '%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m',
};
/** What comes before the text on the wire to syslogd (RFC 3164). */
export const SYSLOG_PREFIX = '<%B> %D{%h %e %T} %E %A: ';

type Levels = Record<Destination, Level>;

function isOneOf<T extends string>(values: readonly T[], word: string): word is T {
  return (values as readonly string[]).includes(word);
}

export class Vlog {
  readonly program: string;
  /** The process or thread as `%t` shows it; empty for the main one. */
  readonly subprogram: string;
  readonly patterns: Record<Destination, string> = { ...DEFAULT_PATTERNS };
  facility = DEFAULT_FACILITY;
  readonly #default: Levels;
  readonly #levels = new Map<string, Levels>();
  readonly #outputs: Partial<Record<Destination, LogOutput>> = {};
  #serial = 0;

  constructor(program: string, consoleLevel: Level, subprogram = '') {
    this.program = program;
    this.subprogram = subprogram;
    this.#default = { console: consoleLevel, syslog: 'info', file: 'info' };
    logger('vlog');
  }

  /** Routes what passes the levels of `destination` to `output`; resolves when the one before has written its records. */
  setOutput(destination: Destination, output: LogOutput | undefined): Promise<void> {
    const before = this.#outputs[destination];
    if (output) this.#outputs[destination] = output;
    else delete this.#outputs[destination];
    return before?.close() ?? Promise.resolve();
  }

  hasOutput(destination: Destination): boolean {
    return this.#outputs[destination] !== undefined;
  }

  /** Where a record comes in: give this to setLogSink(). */
  readonly sink = (record: LogRecord): void => {
    const levels = this.#levels.get(record.module) ?? this.#default;
    const rank = LEVELS.indexOf(record.level);
    let serial = 0;
    for (const destination of DESTINATIONS) {
      if (rank > LEVELS.indexOf(levels[destination])) continue;
      serial ||= ++this.#serial;
      this.#outputs[destination]?.write(record, () => this.format(this.patterns[destination], record, serial));
    }
  };

  format(pattern: string, record: LogRecord, serial: number): string {
    const { program, subprogram, facility } = this;
    return formatRecord(pattern, record, { program, subprogram, facility, serial });
  }

  flush(): void {
    for (const destination of DESTINATIONS) this.#outputs[destination]?.flush();
  }

  /** Resolves when every destination has what it was given. */
  async close(): Promise<void> {
    await Promise.all(DESTINATIONS.map((destination) => this.setOutput(destination, undefined)));
  }

  /** Known modules: Open vSwitch's, so that its users' flags and scripts stay valid, and weft's own. */
  modules(): string[] {
    return [...new Set([...OVS_MODULES, ...logModules()])].sort();
  }

  level(module: string, destination: Destination): Level {
    return (this.#levels.get(module) ?? this.#default)[destination];
  }

  setLevel(module: string | undefined, destination: Destination | undefined, level: Level): void {
    const destinations = destination ? [destination] : DESTINATIONS;
    const change = (levels: Levels) => {
      for (const each of destinations) levels[each] = level;
    };
    if (module !== undefined) {
      const levels = this.#levels.get(module) ?? { ...this.#default };
      change(levels);
      this.#levels.set(module, levels);
      return;
    }
    change(this.#default);
    for (const levels of this.#levels.values()) change(levels);
  }

  /** Applies one -v or vlog/set argument. Throws UserError that names the wrong word. */
  applySpec(spec: string): void {
    const [, keyword, rest = ''] = /^(pattern|facility)(?::(.*))?$/is.exec(spec) ?? [];
    if (keyword?.toLowerCase() === 'pattern') this.#applyPattern(rest);
    else if (keyword) this.#applyFacility(rest);
    else this.#applyLevels(spec);
  }

  #applyPattern(rest: string): void {
    const [, name = '', pattern = ''] = /^([^:]*):?(.*)$/s.exec(rest) ?? [];
    if (name === '') throw new UserError('missing destination');
    const destination = name.toLowerCase();
    if (destination === 'any') for (const each of DESTINATIONS) this.patterns[each] = pattern;
    else if (isOneOf(DESTINATIONS, destination)) this.patterns[destination] = pattern;
    else throw new UserError(`unknown destination "${name}"`);
  }

  #applyFacility(name: string): void {
    if (facilityNumber(name) === undefined) throw new UserError('invalid facility');
    this.facility = name.toLowerCase();
  }

  #applyLevels(spec: string): void {
    let module: string | undefined;
    let destination: Destination | undefined;
    let level: Level | undefined;
    const modules = this.modules();
    for (const typed of spec.split(/[ ,:]+/).filter((part) => part !== '')) {
      const word = typed.toLowerCase();
      if (word === 'any') continue;
      if (isOneOf(DESTINATIONS, word)) {
        if (destination) throw new UserError('cannot specify multiple destinations');
        destination = word;
      } else if (isOneOf(LEVELS, word)) {
        if (level) throw new UserError('cannot specify multiple levels');
        level = word;
      } else {
        const known = modules.find((name) => name.toLowerCase() === word);
        if (known === undefined) throw new UserError(`no destination, level, or module "${typed}"`);
        if (module !== undefined) throw new UserError('cannot specify multiple modules');
        module = known;
      }
    }
    this.setLevel(module, destination, level ?? 'dbg');
  }

  /** The text of vlog/list. */
  list(): string {
    const row = (module: string) => {
      const cells = DESTINATIONS.map((each) => this.level(module, each).toUpperCase().padStart(4));
      return `${module.padEnd(16)}  ${cells.join('       ')}`;
    };
    const head = ['                 console    syslog    file', '                 -------    ------    ------'];
    return [...head, ...this.modules().map(row)].join('\n');
  }

  /** The text of vlog/list-pattern. */
  listPatterns(): string {
    return [
      '         prefix                            format',
      '         ------                            ------',
      `SYSLOG   ${SYSLOG_PREFIX.trimEnd().padEnd(34)}${this.patterns.syslog}`,
      `CONSOLE  ${'none'.padEnd(34)}${this.patterns.console}`,
      `FILE     ${'none'.padEnd(34)}${this.patterns.file}`,
    ].join('\n');
  }
}
