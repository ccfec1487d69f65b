// Changes as one: the --bundle option, and the bundle command, whose file has flows, groups and packet-outs.

import { readFileSync } from 'node:fs';
import { UserError } from '../../../../lib/errors.ts';
import { systemErrorText } from '../../../../lib/system-error.ts';
import { type BundleControlType, OFP_NO_BUFFER, type OfMessage } from '../../../../ofproto/model/messages.ts';
import { parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import type { Names } from '../../../../ofproto/text/ports.ts';
import { encodeMessage } from '../../../../ofproto/wire/index.ts';
import { type ChangeDraft, newXid, type OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { readFlow } from '../flow-input.ts';
import { formatMessage } from '../print-message.ts';
import { parsePacketOut } from './packet-out.ts';

const BUNDLE_ID = 0;
const ATOMIC_ORDERED = 3;

/** Has all of them made, or none. Throws UserError, with the errors printed, when the switch refused some. */
export async function sendBundle(client: OfClient, drafts: Iterable<ChangeDraft>): Promise<void> {
  // The messages are numbered before the bundle is opened, as ovs-ofctl does it.
  const messages = Array.from(drafts, (draft) => ({ ...draft, xid: newXid() }) as unknown as OfMessage);
  const refused = [...(await control(client, 'open_request'))];
  if (refused.length === 0) {
    const added = await client.change(messages.map((message) => bundled(message, client.version)));
    refused.push(...added.flatMap(({ xid, code }) => failure(messages, xid, code)));
    refused.push(...(await commit(client, messages)));
  }
  for (const { code, message } of refused) {
    process.stderr.write(`Error ${code} for: ${formatMessage(message, client.version)}`);
  }
  if (refused.length > 0) throw new UserError(`talking to ${client.address} (Protocol error)`);
}

interface Refused {
  readonly code: string;
  readonly message: OfMessage;
}

function failure(messages: readonly OfMessage[], xid: number, code: string): Refused[] {
  const message = messages.find((one) => one.xid === xid);
  return message ? [{ code, message }] : [];
}

const bundled = (message: OfMessage, version: number) => ({
  xid: message.xid,
  type: 'bundle_add' as const,
  bundleId: BUNDLE_ID,
  flags: ATOMIC_ORDERED,
  bytes: encodeMessage(message, version)[0]!,
});

const controlOf = (type: BundleControlType) =>
  ({ type: 'bundle_control', bundleId: BUNDLE_ID, control: type, flags: ATOMIC_ORDERED }) as const;

async function control(client: OfClient, type: BundleControlType): Promise<Refused[]> {
  const xid = newXid();
  const { code } = await client.outcome(xid, controlOf(type), () => {});
  return code === undefined ? [] : [{ code, message: { ...controlOf(type), xid } }];
}

/** The error of the change that cannot be made comes before that of the bundle. */
async function commit(client: OfClient, messages: readonly OfMessage[]): Promise<Refused[]> {
  const refused: Refused[] = [];
  const xid = newXid();
  const { code } = await client.outcome(xid, controlOf('commit_request'), (error) =>
    refused.push(...failure(messages, error.xid, error.code)),
  );
  if (code !== undefined) refused.push({ code, message: { ...controlOf('commit_request'), xid } });
  return refused;
}

export async function bundle(ctx: CommandContext, [name, path]: readonly string[]): Promise<void> {
  const names = await ctx.namesToAccept(name!);
  const drafts = readBundle(path!, names);
  await ctx.with(name!, (client) => sendBundle(client, drafts));
}

/** A file (`-`: standard input) whose lines begin with `flow`, `group` or `packet-out`. Throws UserError. */
function readBundle(path: string, names: Names): ChangeDraft[] {
  const lines = readText(path).split('\n');
  return lines.flatMap((line, index) => {
    const text = line.replace(/#.*$/, '').trim();
    try {
      return text === '' ? [] : [parseLine(text, names)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path}:${index + 1}: ${error.message}`);
    }
  });
}

function parseLine(text: string, names: Names): ChangeDraft {
  const [, kind, rest] = /^([^\s,]+)[\s,]*(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'flow':
      return { type: 'flow_mod', format: 'standard', mod: readFlow(rest!, undefined, names), tableInCommand: false };
    case 'group':
      return { type: 'group_mod', mod: parseGroupMod(rest!, undefined, names) };
    case 'packet-out':
      return { type: 'packet_out', bufferId: OFP_NO_BUFFER, out: parsePacketOut(rest!, names) };
    default:
      throw new UserError(`Unsupported bundle message type: ${kind}`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: open failed (${systemErrorText(error)})`);
  }
}
