// Where log records end: a file or the terminal (syslogd: log-syslog.ts).

import { openSync } from 'node:fs';
import pino from 'pino';
import pretty from 'pino-pretty';
import { type LogRecord, logger, type RecordLevel } from '../../../lib/log.ts';
import { LogQueue } from './log-queue.ts';
import type { LogOutput } from './vlog.ts';

export type LogFormat = 'json' | 'text';

const log = logger('vlog');

const LOG_FILE_MODE = 0o640;

/** pino's names for our levels, in its JSON and its colours. */
const PINO_LEVEL: Readonly<Record<RecordLevel, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>> = {
  emer: 'fatal',
  err: 'error',
  warn: 'warn',
  info: 'info',
  dbg: 'debug',
};

/** Lines of text in their destination's pattern, or a JSON object per line: time in ms, level, module, msg. */
function queuedOutput(fd: number, format: LogFormat): LogOutput {
  const queue = new LogQueue(fd, (text) => log.warn(text));
  const json = format === 'json' ? makePino(queue) : undefined;
  return {
    write: (record, text) => {
      if (json) writePino(json, record);
      else queue.write(`${text()}\n`);
    },
    flush: () => queue.flush(),
    close: () => queue.close(),
  };
}

function makePino(stream: pino.DestinationStream): pino.Logger {
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ base: null, timestamp: false, level: 'trace', formatters }, stream);
}

function writePino(target: pino.Logger, record: LogRecord): void {
  target[PINO_LEVEL[record.level]]({ time: record.timeMs, module: record.module }, record.text);
}

/** Coloured lines for a person at a terminal. */
function terminalOutput(fd: number): LogOutput {
  const stream = pretty({
    colorize: true,
    destination: fd,
    sync: true,
    ignore: 'module',
    messageFormat: '{module}: {msg}',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  const target = makePino(stream);
  return { write: (record) => writePino(target, record), flush: () => {}, close: async () => {} };
}

/** Standard error: colours on a terminal, else Open vSwitch's lines, or JSON when asked for. */
export function consoleOutput(format: LogFormat, isTerminal: boolean): LogOutput {
  const stderr = 2;
  return isTerminal && format === 'text' ? terminalOutput(stderr) : queuedOutput(stderr, format);
}

/** Appends to the file at `path`, created when missing. Throws the system's error when it cannot be opened. */
export function fileOutput(path: string, format: LogFormat): LogOutput {
  return queuedOutput(openSync(path, 'a', LOG_FILE_MODE), format);
}
