// packet-out, in its two forms: `in_port=P,packet=HEX,actions=A`, and the older PORT ACTIONS PACKET...

import { UserError } from '../../../../lib/errors.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import type { PacketOut } from '../../../../ofproto/model/flow-mod.ts';
import { OFP_NO_BUFFER } from '../../../../ofproto/model/messages.ts';
import { keyValues } from '../../../../ofproto/text/lexer.ts';
import { parseActions } from '../../../../ofproto/text/parse-actions.ts';
import { type Names, portFromText } from '../../../../ofproto/text/ports.ts';
import type { CommandContext } from '../context.ts';

const PACKET_MIN = 14;

function parsePacket(text: string): Uint8Array {
  const digits = text.replace(/[\s:.]/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new UserError('bad hex digit in packet, or an odd number of them');
  }
  if (digits.length < 2 * PACKET_MIN) throw new UserError(`packet is shorter than ${PACKET_MIN} bytes`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function parsePort(text: string, names: Names): number {
  const port = text.toUpperCase() === 'NONE' ? OFPP.ANY : portFromText(text, names);
  if (port === undefined) throw new UserError(`${text} is not a valid OpenFlow port`);
  return port;
}

/** Parses the form of key=value pairs, in which actions come last. Throws UserError. */
export function parsePacketOut(text: string, names: Names): PacketOut {
  const start = text.search(/actions?\s*=/);
  let inPort: number = OFPP.CONTROLLER;
  let packet: Uint8Array | undefined;
  for (const { key, value, hasValue } of keyValues(start < 0 ? text : text.slice(0, start))) {
    if (!hasValue) throw new UserError(`field ${key} missing value`);
    if (key === 'in_port') inPort = parsePort(value, names);
    else if (key === 'packet') packet = parsePacket(value);
    else throw new UserError(`unknown keyword ${key}`);
  }
  if (!packet) throw new UserError('must specify packet');
  if (start < 0) throw new UserError('must specify an action');
  const actions = parseActions(text.slice(start).replace(/^actions?\s*=/, ''), names);
  return { inPort, packet, actions };
}

export async function packetOut(ctx: CommandContext, args: readonly string[]): Promise<void> {
  const [name, first, actionText, ...packets] = args;
  const names = await ctx.namesToAccept(name!);
  const outs =
    actionText === undefined ? [parsePacketOut(first!, names)] : olderForm(first!, actionText, packets, names);
  await ctx.with(name!, async (client) => {
    for (const out of outs) await client.commit({ type: 'packet_out', bufferId: OFP_NO_BUFFER, out });
  });
}

function olderForm(port: string, actionText: string, packets: readonly string[], names: Names): PacketOut[] {
  const inPort = parsePort(port, names);
  const actions = parseActions(actionText, names);
  return packets.map((packet) => ({ inPort, actions, packet: parsePacket(packet) }));
}
