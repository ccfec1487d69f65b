// Commands about the connection itself: probe, ping, and the listeners monitor and snoop.

import { randomBytes } from 'node:crypto';
import { UserError } from '../../../../lib/errors.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';
import type { FlowMonitorRequest } from '../../../../ofproto/model/messages.ts';
import { parseInteger } from '../../../../ofproto/text/lexer.ts';
import { parseMatchText } from '../../../../ofproto/text/parse-flow.ts';
import { type Names, parseTable, portFromText } from '../../../../ofproto/text/ports.ts';
import type { ErrorReply, OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { hexDump } from '../hex-dump.ts';
import { formatMessage } from '../print-message.ts';

export async function probe(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, (client) => client.ask({ type: 'echo_request', data: new Uint8Array(0) }, 'echo_reply'));
}

const PINGS = 10;
const HEADER_SIZE = 8;
const PAYLOAD_MAX = 65535 - HEADER_SIZE;

export async function ping(ctx: CommandContext, [name, sizeText = '64']: readonly string[]): Promise<void> {
  const size = Number(parseInteger(sizeText) ?? -1n);
  if (size < 0 || size > PAYLOAD_MAX) throw new UserError(`payload must be between 0 and ${PAYLOAD_MAX} bytes`);
  await ctx.with(name!, async (client) => {
    for (let i = 0; i < PINGS; i++) {
      const data = randomBytes(size);
      const start = performance.now();
      const [reply] = await client.ask({ type: 'echo_request', data }, 'echo_reply');
      const ms = (performance.now() - start).toFixed(1);
      if (!reply || Buffer.compare(data, reply.data) !== 0) throw new UserError(`${name}: echo reply differs`);
      ctx.print(`${size} bytes from ${name}: xid=${reply.xid.toString(16).padStart(8, '0')} time=${ms} ms\n`);
    }
  });
}

/** Many echoes, one after another, and how fast they went. */
export async function benchmark(ctx: CommandContext, [name, ...numbers]: readonly string[]): Promise<void> {
  const [size, count] = numbers.map((text) => Number(parseInteger(text) ?? 0n)) as [number, number];
  if (size < 0 || size > PAYLOAD_MAX) throw new UserError(`payload must be between 0 and ${PAYLOAD_MAX} bytes`);
  const messageSize = size + HEADER_SIZE;
  ctx.print(`Sending ${count} packets * ${messageSize} bytes (with header) = ${count * messageSize} bytes total\n`);
  await ctx.with(name!, async (client) => {
    const startMs = performance.now();
    const data = new Uint8Array(size);
    for (let i = 0; i < count; i++) await client.ask({ type: 'echo_request', data }, 'echo_reply');
    const ms = performance.now() - startMs;
    const perSecond = (amount: number) => Math.floor((amount * 1000) / Math.max(ms, 0.001));
    const rates = `(${perSecond(count)} packets/s) (${perSecond(count * messageSize)} bytes/s)`;
    ctx.print(`Finished in ${ms.toFixed(1)} ms ${rates}\n`);
  });
}

/** NXFMF_* bits that monitor's words take away from "everything". */
const MONITOR_FLAGS: Readonly<Record<string, number>> = {
  '!initial': 1,
  '!add': 2,
  '!delete': 4,
  '!modify': 8,
  '!actions': 16,
  '!own': 32,
};

function parseWatch(text: string, id: number, names: Names): FlowMonitorRequest {
  let flags = 0x3f;
  let [outPort, tableId]: [number, number] = [OFPP.ANY, 255];
  const fields: string[] = [];
  for (const item of text.split(/[\s,]+/).filter((word) => word !== '')) {
    const flag = MONITOR_FLAGS[item];
    const [key, value = ''] = item.split('=');
    if (flag) flags &= ~flag;
    else if (key === 'table') tableId = parseTable(value, names);
    else if (key === 'out_port') outPort = portFromText(value, names) ?? badPort(value);
    else fields.push(item);
  }
  const match = parseMatchText(fields.join(','), names);
  return { id, command: 'add', flags, outPort, outGroup: OFPP.ANY, tableId, match };
}

function badPort(text: string): never {
  throw new UserError(`${text} is not a valid OpenFlow port`);
}

/** Prints what the switch sends, until the connection or the process ends. */
export async function monitor(ctx: CommandContext, [name, ...words]: readonly string[]): Promise<void> {
  const client = await ctx.connect(name!);
  const miss = words.find((word) => /^\d+$/.test(word));
  const invalidTtl = words.includes('invalid_ttl');
  if (miss !== undefined || invalidTtl) {
    const [config] = await client.ask({ type: 'get_config_request' }, 'get_config_reply');
    const missSendLen = miss === undefined ? config!.missSendLen : Number(miss);
    await client.commit({
      type: 'set_config',
      frag: config!.frag,
      missSendLen,
      invalidTtlToController: invalidTtl,
    });
  }
  const watches = words.filter((word) => word.startsWith('watch:'));
  const unknown = words.find((word) => word !== miss && word !== 'invalid_ttl' && !word.startsWith('watch:'));
  if (unknown !== undefined) throw new UserError(`${unknown}: unsupported "monitor" argument`);
  await watch(ctx, client, name!, watches);
  await setPacketInFormat(ctx, client);
  await listen(ctx, client, name!);
}

async function watch(ctx: CommandContext, client: OfClient, name: string, watches: readonly string[]): Promise<void> {
  if (watches.length === 0) return;
  const names = await ctx.namesToAccept(name);
  const monitors = watches.map((word, id) => parseWatch(word.slice('watch:'.length), id, names));
  const parts = await client.ask({ type: 'flow_monitor_request', monitors }, 'flow_monitor_reply');
  for (const part of parts) ctx.print(formatMessage(part, client.version));
}

/** The newest format that the switch takes, unless the user named one. */
async function setPacketInFormat(ctx: CommandContext, client: OfClient): Promise<void> {
  const wanted = ctx.settings.packetInFormat;
  if (wanted !== undefined) {
    await client.commit({ type: 'set_packet_in_format', format: wanted });
    return;
  }
  for (const format of ['nxt_packet_in2', 'nxt_packet_in'] as const) {
    const [error] = await client.change([{ type: 'set_packet_in_format', format }]);
    if (!error) return;
  }
}

/** Unasked messages go to standard error, as ovs-ofctl has it: standard output is for answers. */
async function listen(ctx: CommandContext, client: OfClient, name: string): Promise<void> {
  const names = await ctx.namesToShow(name);
  for (;;) {
    try {
      const { message } = await client.recv();
      if (message.type === 'echo_request') {
        client.sendAs(message.xid, { type: 'echo_reply', data: message.data });
        continue;
      }
      const time = ctx.settings.timestamp ? `${new Date().toISOString().replace('T', ' ').replace('Z', '')}: ` : '';
      process.stderr.write(time + formatMessage(message, client.version, names));
    } catch (error) {
      // A message that cannot be read is shown and does not end the session.
      if (!(error instanceof OfError)) throw error;
      process.stderr.write(`***decode error: ${error.code}***\n`);
    }
  }
}

/** Like monitor, on the socket where the switch repeats what it says to its controllers. */
export async function snoop(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  const client = await ctx.connect(name!, 'snoop');
  await listen(ctx, client, name!);
}

/** What an error reply prints, on standard error. */
export function errorText(error: ErrorReply): string {
  try {
    return formatMessage(error.reply, error.version);
  } catch (failure) {
    if (!(failure instanceof OfError)) throw failure;
    return `OFPT_ERROR: ${error.reply.code}\n${hexDump(error.reply.data)}`;
  }
}
