// Commands that need no switch: parse-flow, parse-flows, ofp-parse, ofp-print.

import { readFileSync } from 'node:fs';
import { UserError } from '../../../../lib/errors.ts';
import { systemErrorText } from '../../../../lib/system-error.ts';
import { MessageReader } from '../../../../ofproto/connmgr/message-reader.ts';
import { type FlowMod, OfError } from '../../../../ofproto/model/flow-mod.ts';
import { OFP12_VERSION, type OfMessage } from '../../../../ofproto/model/messages.ts';
import { decodeMessage, encodeMessage } from '../../../../ofproto/wire/index.ts';
import { newXid } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { readFlow, readFlowFile } from '../flow-input.ts';
import { chooseProtocol } from '../flow-protocol.ts';
import { hexDump } from '../hex-dump.ts';
import { formatFlowMod, formatMessage, withoutResetCounts } from '../print-message.ts';
import { messageTitle } from '../titles.ts';

/** Prints flows as a switch would read them: encoded and decoded again. */
function printFlows(ctx: CommandContext, mods: readonly FlowMod[]): void {
  const version = ctx.settings.versions.at(-1)!;
  const protocol = chooseProtocol(mods, version, ctx.settings);
  for (const mod of mods) {
    const sent: OfMessage = {
      type: 'flow_mod',
      xid: newXid(),
      format: protocol.format,
      mod,
      tableInCommand: protocol.tableId,
    };
    const [bytes] = encodeMessage(sent, version);
    const title = `${messageTitle(sent, version)} (xid=0x${sent.xid.toString(16)})`;
    ctx.print(`${title}: ${decodedText(bytes!, version, protocol.tableId)}\n`);
  }
}

function decodedText(bytes: Uint8Array, version: number, tableId: boolean): string {
  try {
    const got = decodeMessage(bytes, { flowModTableId: tableId });
    if (got.type !== 'flow_mod') return '';
    return formatFlowMod(version < OFP12_VERSION ? withoutResetCounts(got.mod) : got.mod, {}, tableId);
  } catch (error) {
    if (error instanceof OfError) return `***decode error: ${error.code}***\n${hexDump(bytes).trimEnd()}`;
    throw error;
  }
}

export async function parseFlowCommand(ctx: CommandContext, [text]: readonly string[]): Promise<void> {
  printFlows(ctx, [readFlow(text!, ctx.settings.strict ? undefined : 'add', {})]);
}

export async function parseFlowsCommand(ctx: CommandContext, [path]: readonly string[]): Promise<void> {
  printFlows(ctx, readFlowFile(path!, undefined, {}));
}

function printBytes(ctx: CommandContext, bytes: Uint8Array): void {
  try {
    ctx.print(formatMessage(decodeMessage(bytes), bytes[0]!));
  } catch (error) {
    if (!(error instanceof OfError)) throw error;
    ctx.print(`***decode error: ${error.code}***\n${hexDump(bytes)}`);
  }
}

export async function ofpPrint(ctx: CommandContext, [hex]: readonly string[]): Promise<void> {
  const digits = hex!.replace(/[\s.:]/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
    throw new UserError('trailing garbage following hex bytes');
  printBytes(ctx, Uint8Array.from(Buffer.from(digits, 'hex')));
}

/** Prints every message of a captured stream. */
export async function ofpParse(ctx: CommandContext, [path]: readonly string[]): Promise<void> {
  const reader = new MessageReader();
  try {
    reader.push(readFileSync(path === '-' ? 0 : path!));
  } catch (error) {
    throw new UserError(`${path}: open failed (${systemErrorText(error)})`);
  }
  for (let bytes = reader.next(); bytes; bytes = reader.next()) printBytes(ctx, bytes);
  if (reader.bufferedBytes > 0) throw new UserError(`${path}: unexpected end of file with partial message`);
}
