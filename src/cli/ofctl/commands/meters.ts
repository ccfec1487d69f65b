// Commands about meters: add-meter, mod-meter, del-meter(s), and the dumps. All need OpenFlow 1.3.

import { UserError } from '../../../../lib/errors.ts';
import { type MeterCommand, type MeterMod, OFPM } from '../../../../ofproto/model/groups.ts';
import { parseMeterId, parseMeterMod } from '../../../../ofproto/text/parse-meter.ts';
import type { OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { printAnswer } from './dumps.ts';
import { sendChanges } from './flows.ts';
import { printing } from './queues.ts';

const OFP13_VERSION = 4;
const NEEDED = 'OXM-OpenFlow13,OXM-OpenFlow14,OXM-OpenFlow15';

function checkVersion(client: OfClient): void {
  if (client.version >= OFP13_VERSION) return;
  const minor = client.version - 1;
  const allowed = ['OpenFlow10,NXM', 'OpenFlow11', 'OXM-OpenFlow12'][minor];
  throw new UserError(`none of the usable flow formats (${NEEDED}) is among the allowed flow formats (${allowed})`);
}

function send(ctx: CommandContext, name: string, mod: MeterMod): Promise<void> {
  return ctx.with(name, async (client) => {
    checkVersion(client);
    await sendChanges(client, [{ type: 'meter_mod', mod }]);
  });
}

const changing =
  (command: MeterCommand) =>
  (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> =>
    send(ctx, name!, parseMeterMod(text!, command));

export const addMeter = changing('add');
export const modMeter = changing('modify');

export const delMeters = (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> =>
  send(ctx, name!, { command: 'delete', flags: 0, bands: [], meterId: meterIn(text) });

/** `meter=N`; every meter when nothing is said. Throws UserError. */
function meterIn(text: string | undefined): number {
  if (text === undefined) return OFPM.ALL;
  const [, value] = /^meter[=:](.*)$/.exec(text) ?? [];
  if (value === undefined) throw new UserError(`field ${text} missing value`);
  return parseMeterId(value);
}

const asking =
  (type: 'meter_config_request' | 'meter_stats_request') =>
  (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> => {
    const meterId = meterIn(text);
    return ctx.with(name!, async (client) => {
      checkVersion(client);
      await printing(ctx, client, () => printAnswer(ctx, client, { type, meterId }));
    });
  };

export const dumpMeters = asking('meter_config_request');
export const meterStats = asking('meter_stats_request');

export const meterFeatures = (ctx: CommandContext, [name]: readonly string[]): Promise<void> =>
  ctx.with(name!, async (client) => {
    checkVersion(client);
    await printAnswer(ctx, client, { type: 'meter_features_request' });
  });
