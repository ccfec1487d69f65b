// dpif/show-dp-features and dpif/set-dp-features: what the datapath can do, in Open vSwitch's words.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import { datapathFeatures, type Feature } from '../datapath-features.ts';
import { type CommandContext, findBridge } from './context.ts';

function features({ slowPath }: CommandContext): Feature[] {
  return datapathFeatures(slowPath.vlanLimit?.() ?? 1);
}

export function featureCommands(context: CommandContext): Command[] {
  return [
    command('dpif/show-dp-features', 'bridge', [1, 1], ([name]) => {
      findBridge(context, name!);
      const word = (value: boolean | number) => (typeof value === 'number' ? value : value ? 'Yes' : 'No');
      return features(context)
        .map(({ title, value }) => `${title}: ${word(value)}`)
        .join('\n');
    }),
    command('dpif/set-dp-features', 'bridge', [1, 3], (args) => setFeature(context, args)),
  ];
}

/** Shows all, or one: none of them can be switched off. */
function setFeature(context: CommandContext, [bridge, name, value]: readonly string[]): string {
  findBridge(context, bridge!);
  const shown = features(context).filter((one) => name === undefined || one.name === name);
  if (shown.length === 0) return 'Unexpected support field';
  if (value !== undefined && value !== String(shown[0]!.value)) throw new UserError(`${name} cannot be changed`);
  if (value !== undefined) return '';
  return shown
    .map((one) => `${one.name} (${one.title}) : [run time]:${one.value}, [boot time]:${one.value}`)
    .join('\n');
}
