// Log patterns: the %-escapes of ovs-appctl(8), "vlog/set PATTERN".

import { hostname } from 'node:os';
import type { LogRecord, RecordLevel } from '../../../lib/log.ts';
import { facilityNumber } from './syslog-facility.ts';

export interface PatternContext {
  readonly program: string;
  /** Empty for the main process. */
  readonly subprogram: string;
  /** Number of this message in this run, from 1; where a prefix is made, 0. */
  readonly serial?: number;
  readonly facility: string;
}

/** Severities of RFC 5424, 6.2.1. */
const SEVERITY: Readonly<Record<RecordLevel, number>> = { emer: 1, err: 3, warn: 4, info: 6, dbg: 7 };

/** The PRI of a syslog message. */
export function syslogPriority(level: RecordLevel, facility: string): number {
  return (facilityNumber(facility) ?? 3) * 8 + SEVERITY[level];
}

const ESCAPE = /%(-?)(0?)(\d*)([a-zA-Z%])(?:\{([^}]*)\})?/g;

/** Expands `pattern` for one record. Unknown escapes stay as they are. */
export function formatRecord(pattern: string, record: LogRecord, context: PatternContext): string {
  return pattern.replace(ESCAPE, (all, left: string, zero: string, width: string, code: string, arg?: string) => {
    const takesFormat = code === 'd' || code === 'D';
    const text = expand(code, takesFormat ? arg : undefined, record, context);
    if (text === undefined) return all;
    const size = Math.min(Number(width), 200);
    const padded = left ? text.padEnd(size) : text.padStart(size, zero ? '0' : ' ');
    return arg !== undefined && !takesFormat ? `${padded}{${arg}}` : padded;
  });
}

function expand(code: string, arg: string | undefined, record: LogRecord, context: PatternContext): string | undefined {
  switch (code) {
    case 'A':
      return context.program;
    case 'B':
      return String(syslogPriority(record.level, context.facility));
    case 'c':
      return record.module;
    case 'd':
      return formatTime(arg ?? '%Y-%m-%d %H:%M:%S', record.timeMs, false);
    case 'D':
      return formatTime(arg ?? '%Y-%m-%d %H:%M:%S', record.timeMs, true);
    case 'E':
      return hostname();
    case 'm':
      return record.text;
    case 'N':
      return String(context.serial ?? 0);
    case 'n':
      return '\n';
    case 'p':
      return record.level.toUpperCase();
    case 'P':
      return String(process.pid);
    case 'r':
      return String(Math.max(0, Math.round(record.timeMs - performance.timeOrigin)));
    case 't':
      return context.subprogram || 'main';
    case 'T':
      return context.subprogram && `(${context.subprogram})`;
    case '%':
      return '%';
    default:
      return undefined;
  }
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');
const two = (value: number) => String(value).padStart(2, '0');

/** strftime(3) for what log formats use, with `#` for digits of the second's fraction. */
function formatTime(format: string, timeMs: number, utc: boolean): string {
  const offsetMs = utc ? 0 : new Date(timeMs).getTimezoneOffset() * 60_000;
  const date = new Date(timeMs - offsetMs);
  const fraction = `${String(date.getUTCMilliseconds()).padStart(3, '0')}`;
  return format
    .replace(/%([a-zA-Z%])/g, (all, letter: string) => timePart(letter, date) ?? all)
    .replace(/#+/g, (run) => fraction.padEnd(run.length, '0').slice(0, run.length));
}

function timePart(letter: string, date: Date): string | undefined {
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const parts: Readonly<Record<string, string>> = {
    a: DAYS[date.getUTCDay()]!,
    b: MONTHS[date.getUTCMonth()]!,
    d: two(date.getUTCDate()),
    e: String(date.getUTCDate()).padStart(2),
    F: date.toISOString().slice(0, 10),
    h: MONTHS[date.getUTCMonth()]!,
    H: two(date.getUTCHours()),
    m: two(date.getUTCMonth() + 1),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    T: time,
    y: two(date.getUTCFullYear() % 100),
    Y: String(date.getUTCFullYear()),
    '%': '%',
  };
  return parts[letter];
}
