// netdev-dummy/*: frames into dummy ports, for tests that drive the switch from outside.

import { type DummyEnd, dummyPorts, findDummyEnd } from '../../../datapath/port/dummy/dummy-port.ts';
import { UserError } from '../../../lib/errors.ts';
import type { Command } from '../../unixctl/command.ts';
import { composePacket } from './dp-flow-packet.ts';

export function dummyCommands(): Command[] {
  return [
    {
      name: 'netdev-dummy/receive',
      usage: 'name [--qid queue_id] packet|flow [--len packet_len]',
      minArgs: 2,
      maxArgs: Number.POSITIVE_INFINITY,
      handler: receive,
    },
    { name: 'netdev-dummy/conn-state', usage: '[netdev]', minArgs: 0, maxArgs: 1, handler: connState },
    { name: 'netdev-dummy/set-admin-state', usage: '[netdev] up|down', minArgs: 1, maxArgs: 2, handler: setAdminState },
  ];
}

const FRAME_MAX = 65_535;
/** Passes through the datapath, with an upcall each, that a frame is waited for. */
const PASSES_MAX = 8;

async function receive([name, ...words]: readonly string[]): Promise<string> {
  const port = findDummyEnd(name!);
  const frames: Uint8Array[] = [];
  const rest = withoutQueue(words);
  for (let i = 0; i < rest.length; i++) {
    if (rest[i + 1] === '--len') {
      frames.push(parseFrame(rest[i]!, parseLength(rest[i + 2])));
      i += 2;
    } else frames.push(parseFrame(rest[i]!));
  }
  for (const frame of frames) await port.inject(frame);
  // Answered when the frames, and what they are sent around for, have been dealt with: a test can look at once.
  for (let turn = 0; turn < PASSES_MAX; turn++) await new Promise((resolve) => setImmediate(resolve));
  return '';
}

/** A dummy port has one queue, number 0. */
function withoutQueue(words: readonly string[]): readonly string[] {
  const [word, queue] = words;
  if (word !== '--qid' || queue === undefined) return words;
  if ((Number.parseInt(queue, 10) || 0) !== 0) throw new UserError('bad rx queue id.');
  return words.slice(2);
}

/** A frame in hex digits, or a datapath flow that describes one. */
function parseFrame(text: string, length?: number): Uint8Array {
  if (/^([0-9a-f]{2}){14,}$/i.test(text)) return Buffer.from(text, 'hex');
  return composePacket(text, length);
}

/** The shortest frame that may be asked for, without FCS. */
const ETH_TOTAL_MIN = 60;

function parseLength(text: string | undefined): number {
  const length = Number.parseInt(text ?? '', 10);
  if (!(length >= ETH_TOTAL_MIN)) throw new UserError('too small packet len');
  if (length > FRAME_MAX) throw new UserError(`a packet has at most ${FRAME_MAX} bytes`);
  return length;
}

function connState([name]: readonly string[]): string {
  const ports = dummyPorts().filter((port) => name === undefined || port.name === name);
  // Open vSwitch answers like this for what it does not know, and it is no error.
  if (name !== undefined && ports.length === 0) return `${name}: unknown`;
  return ports
    .filter((port) => port.connectionState !== undefined)
    .map((port) => `${port.name}: ${port.connectionState}`)
    .join('\n');
}

function setAdminState(args: readonly string[]): string {
  const state = args.at(-1);
  if (state !== 'up' && state !== 'down') throw new UserError('Invalid Admin State');
  const ports = args.length === 1 ? dummyPorts() : [named(args[0]!)];
  for (const port of ports) port.setAdminUp(state === 'up');
  return 'OK';
}

function named(name: string): DummyEnd {
  try {
    return findDummyEnd(name);
  } catch {
    throw new UserError('Unknown Dummy Interface');
  }
}
