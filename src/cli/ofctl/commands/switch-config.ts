// Commands that change ports and switch-wide settings: mod-port, get-frags, set-frags.

import { UserError } from '../../../../lib/errors.ts';
import type { OfPortDesc } from '../../../../ofproto/model/flow-mod.ts';
import type { FragHandling } from '../../../../ofproto/model/messages.ts';
import { portFromText } from '../../../../ofproto/text/ports.ts';
import { type CommandContext, portDescs } from '../context.ts';

type Flag = keyof OfPortDesc['config'];

/** What mod-port's words switch on (true) or off. */
const PORT_ACTIONS: Readonly<Record<string, readonly [flag: Flag, on: boolean]>> = {
  up: ['portDown', false],
  down: ['portDown', true],
  stp: ['noStp', false],
  'no-stp': ['noStp', true],
  receive: ['noRecv', false],
  'no-receive': ['noRecv', true],
  'receive-stp': ['noRecvStp', false],
  'no-receive-stp': ['noRecvStp', true],
  flood: ['noFlood', false],
  'no-flood': ['noFlood', true],
  forward: ['noFwd', false],
  'no-forward': ['noFwd', true],
  'packet-in': ['noPacketIn', false],
  'no-packet-in': ['noPacketIn', true],
  'no-up': ['portDown', true],
  'no-down': ['portDown', false],
};

const NO_FLAGS: OfPortDesc['config'] = {
  portDown: false,
  noRecv: false,
  noFwd: false,
  noPacketIn: false,
  noFlood: false,
  noStp: false,
  noRecvStp: false,
};

export async function modPort(ctx: CommandContext, [name, portText, word]: readonly string[]): Promise<void> {
  const descs = await ctx.with(name!, portDescs);
  const number = portFromText(portText!);
  const port = descs.find((desc) => desc.name === portText || desc.ofPort === number);
  if (!port) throw new UserError(`${name}: couldn't find port \`${portText}'`);
  // "noflood" is "no-flood".
  const dashed = word!.replace(/^no-?/, 'no-');
  const action = Object.hasOwn(PORT_ACTIONS, dashed) ? PORT_ACTIONS[dashed] : undefined;
  if (!action) throw new UserError(`unknown mod-port command '${word}'`);
  const [flag, on] = action;
  await ctx.with(name!, (client) =>
    client.commit({
      type: 'port_mod',
      ofPort: port.ofPort,
      hwAddr: port.hwAddr,
      config: { ...NO_FLAGS, [flag]: on },
      mask: { ...NO_FLAGS, [flag]: true },
      advertise: 0,
    }),
  );
}

const FRAGMENTS: readonly FragHandling[] = ['normal', 'drop', 'reassemble', 'nx-match'];

export async function getFrags(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, async (client) => {
    const [config] = await client.ask({ type: 'get_config_request' }, 'get_config_reply');
    ctx.print(`${config!.frag}\n`);
  });
}

export async function setFrags(ctx: CommandContext, [name, mode]: readonly string[]): Promise<void> {
  const frag = FRAGMENTS.find((known) => known === mode);
  if (!frag) throw new UserError(`${mode}: unknown fragment handling mode`);
  await ctx.with(name!, async (client) => {
    const ask = async () => (await client.ask({ type: 'get_config_request' }, 'get_config_reply'))[0]!;
    const { missSendLen, invalidTtlToController, frag: before } = await ask();
    if (before === frag) return;
    await client.commit({ type: 'set_config', frag, missSendLen, invalidTtlToController });
    // Switches without a mode ignore the request silently.
    const { frag: after } = await ask();
    if (after === frag) return;
    throw new UserError(
      `${name}: setting fragment handling mode failed (this switch probably doesn't support mode "${mode}")`,
    );
  });
}
