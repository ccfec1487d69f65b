// Commands for Nicira's extensions: the TLV table of Geneve options, and flushing of tracked connections.

import { UserError } from '../../../../lib/errors.ts';
import type { TlvMapping, TlvTableMod } from '../../../../ofproto/model/messages.ts';
import { parseInteger } from '../../../../ofproto/text/lexer.ts';
import type { CommandContext } from '../context.ts';
import { formatMessage } from '../print-message.ts';

/** `{class=0x102,type=0x80,len=4}->tun_metadata0`, several separated by commas. */
function parseMappings(text: string): TlvMapping[] {
  const one = /\s*\{([^}]*)\}->tun_metadata(\d+)\s*(?:,|$)/y;
  const mappings: TlvMapping[] = [];
  while (one.lastIndex < text.length) {
    const match = one.exec(text);
    if (!match) throw new UserError('invalid tlv mapping');
    const values = new Map(match[1]!.split(',').map((item) => item.split('=', 2) as [string, string]));
    const number = (key: string): number => {
      const value = parseInteger(values.get(key) ?? '');
      if (value === undefined) throw new UserError('invalid tlv mapping');
      return Number(value);
    };
    const option = { optionClass: number('class'), optionType: number('type'), optionLength: number('len') };
    mappings.push({ ...option, index: Number(match[2]) });
  }
  return mappings;
}

const change = (ctx: CommandContext, name: string, mod: TlvTableMod): Promise<void> =>
  ctx.with(name, (client) => client.commit({ type: 'tlv_table_mod', ...mod }));

export const addTlvMap = (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> =>
  change(ctx, name!, { command: 'add', mappings: parseMappings(text!) });

export const delTlvMap = (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> =>
  change(
    ctx,
    name!,
    text === undefined ? { command: 'clear', mappings: [] } : { command: 'delete', mappings: parseMappings(text) },
  );

export async function dumpTlvMap(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, async (client) => {
    const [reply] = await client.ask({ type: 'tlv_table_request' }, 'tlv_table_reply');
    ctx.print(formatMessage(reply!, client.version));
  });
}

export async function ctFlushZone(ctx: CommandContext, [name, text]: readonly string[]): Promise<void> {
  const zone = parseZone(text!);
  if (zone === undefined) throw new UserError(`invalid zone_id "${text}"`);
  await ctx.with(name!, (client) => client.commit({ type: 'ct_flush_zone', zone }));
}

function parseZone(text: string): number | undefined {
  const zone = parseInteger(text);
  return zone !== undefined && zone >= 0n && zone <= 0xffffn ? Number(zone) : undefined;
}

/** Only whole zones: tuples are for a switch that tracks connections. */
export async function ctFlush(ctx: CommandContext, [name, zoneText, ...tuples]: readonly string[]): Promise<void> {
  if (tuples.length > 0 || (zoneText !== undefined && !zoneText.startsWith('zone='))) {
    throw new UserError('ct-flush with a tuple is not supported');
  }
  const zone = zoneText === undefined ? undefined : parseZone(zoneText.slice('zone='.length));
  if (zoneText !== undefined && zone === undefined) throw new UserError('Failed to parse zone');
  await ctx.with(name!, (client) =>
    client.commit({ type: 'ct_flush', ipProto: 0, ...(zone !== undefined && { zone }) }),
  );
}
