// The generator's command line.

import { parseArgs } from 'node:util';
import { UserError } from '../../lib/errors.ts';
import { FLOWS_MAX, FRAME_SIZE_MAX, FRAME_SIZE_MIN, GUESTS_MAX } from './hot/layout.ts';

export const USAGE = `usage: guest-main --guest side=a|b,role=tx|rx|both,connect=SOCKET|listen=SOCKET [--guest ...] [options]
  --mode saturating|touching   only move ring indexes, or write and check every frame (default: saturating)
  --pps N          pace transmission at N packets per second (implies touching)
  --size BYTES     frame size without FCS, ${FRAME_SIZE_MIN} to ${FRAME_SIZE_MAX} (default: 64)
  --flows N        distinct flows, sent round robin (default: 1)
  --ring N         virtqueue size, a power of two (default: 1024)
  --core N         pin this process to one core
  --duration S     start at once, stop after S seconds, print the totals and exit
  --interval-ms N  print statistics every N milliseconds while running
  --yield-us N     sleep N microseconds when a look at the rings moved nothing
  --spin N         steps to spin between two looks (default: 200)
  --indirect       negotiate INDIRECT_DESC and send from indirect descriptors
  --no-hugepages   guest RAM in ordinary pages
  --reattach       when the switch goes away, wait for it and go on with the same rings
stdin, one word a line: start, stop, stats, announce, first-packets, quit`;

export type Role = 'tx' | 'rx' | 'both';

export interface GuestSpec {
  readonly side: 0 | 1;
  readonly role: Role;
  readonly path: string;
  /** True: the guest listens on `path` and the switch connects. */
  readonly listen: boolean;
}

export interface GeneratorOptions {
  readonly guests: readonly GuestSpec[];
  readonly touching: boolean;
  /** Packets per second, 0 for as many as the switch takes. */
  readonly pps: number;
  readonly frameSize: number;
  readonly flowCount: number;
  readonly ringSize: number;
  readonly core: number | undefined;
  readonly durationMs: number | undefined;
  readonly intervalMs: number;
  readonly yieldUs: number;
  readonly spin: number;
  readonly indirect: boolean;
  readonly hugepages: boolean;
  /** Wait for a switch that went away, instead of ending. */
  readonly reattach: boolean;
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UserError(`--${name} ${text}: expected an integer from ${min} to ${max}`);
  }
  return value;
}

function powerOfTwo(name: string, text: string, min: number, max: number): number {
  const value = integer(name, text, min, max);
  if ((value & (value - 1)) !== 0) throw new UserError(`--${name} ${text}: expected a power of two`);
  return value;
}

function oneOf<T extends string>(name: string, text: string | undefined, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw new UserError(`${name} ${text ?? ''}: expected ${words.join(', ')}`);
  return word;
}

/** `side=a,role=tx,connect=/run/x.sock` */
export function parseGuest(text: string): GuestSpec {
  const fields = new Map(
    text.split(',').map((field): [string, string] => {
      const at = field.indexOf('=');
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  for (const key of fields.keys()) oneOf('--guest', key, ['side', 'role', 'connect', 'listen']);
  const listen = fields.has('listen');
  const path = fields.get(listen ? 'listen' : 'connect');
  if (!path || fields.size !== 3) throw new UserError(`--guest ${text}: expected side, role and connect or listen`);
  return {
    side: oneOf('side', fields.get('side'), ['a', 'b']) === 'a' ? 0 : 1,
    role: oneOf('role', fields.get('role'), ['tx', 'rx', 'both']),
    path,
    listen,
  };
}

/** Parses the generator's arguments; throws UserError with what was expected. */
export function parseGeneratorOptions(args: readonly string[]): GeneratorOptions {
  const { values } = parseWords(args);
  const guests = (values.guest ?? []).map(parseGuest);
  if (guests.length < 1 || guests.length > GUESTS_MAX) throw new UserError(`expected one or two --guest\n${USAGE}`);
  const pps = integer('pps', values.pps, 0, 100_000_000);
  return {
    guests,
    touching: oneOf('--mode', values.mode, ['saturating', 'touching']) === 'touching' || pps > 0,
    pps,
    frameSize: integer('size', values.size, FRAME_SIZE_MIN, FRAME_SIZE_MAX),
    flowCount: integer('flows', values.flows, 1, FLOWS_MAX),
    ringSize: powerOfTwo('ring', values.ring, 16, 32768),
    core: values.core === undefined ? undefined : integer('core', values.core, 0, 1023),
    durationMs: values.duration === undefined ? undefined : integer('duration', values.duration, 1, 86400) * 1000,
    intervalMs: integer('interval-ms', values['interval-ms'], 0, 3_600_000),
    yieldUs: integer('yield-us', values['yield-us'], 0, 1_000_000),
    spin: integer('spin', values.spin, 0, 1_000_000),
    indirect: values.indirect,
    hugepages: !values['no-hugepages'],
    reattach: values.reattach,
  };
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        guest: { type: 'string', multiple: true },
        mode: { type: 'string', default: 'saturating' },
        pps: { type: 'string', default: '0' },
        size: { type: 'string', default: '64' },
        flows: { type: 'string', default: '1' },
        ring: { type: 'string', default: '1024' },
        core: { type: 'string' },
        duration: { type: 'string' },
        'interval-ms': { type: 'string', default: '0' },
        'yield-us': { type: 'string', default: '0' },
        spin: { type: 'string', default: '200' },
        indirect: { type: 'boolean', default: false },
        'no-hugepages': { type: 'boolean', default: false },
        reattach: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n${USAGE}`);
  }
}
