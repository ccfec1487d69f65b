// bfd/*, cfm/*, autoattach/* and qos/*: no port is watched by these protocols, nor shaped, and the commands say so as
// Open vSwitch does of a port without them.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import type { CommandContext } from './context.ts';

export function portMonitorCommands(context: CommandContext): Command[] {
  return [
    command('bfd/show', '[interface]', [0, 1], (args) => none(args, 'no such bfd object')),
    command('bfd/set-forwarding', '[interface] normal|false|true', [1, 2], (args) => set(args, 'no such BFD object')),
    command('cfm/show', '[interface]', [0, 1], (args) => none(args, 'no such CFM object')),
    command('cfm/set-fault', '[interface] normal|false|true', [1, 2], (args) => set(args, 'no such CFM object')),
    ...['status', 'show-isid', 'statistics'].map((name) => command(`autoattach/${name}`, '[bridge]', [0, 1], () => '')),
    command('qos/show', 'interface', [1, 1], ([name]) => `QoS not configured on ${ifaceName(context, name!)}`),
    command(
      'qos/show-types',
      'interface',
      [1, 1],
      ([name]) => `No QoS types supported for interface: ${ifaceName(context, name!)}`,
    ),
  ];
}

/** Every port's state, or a named one's. */
function none(args: readonly string[], problem: string): string {
  if (args.length > 0) throw new UserError(problem);
  return '';
}

function set(args: readonly string[], problem: string): string {
  if (!/^(normal|false|true)$/i.test(args.at(-1)!)) throw new UserError('unknown fault string');
  if (args.length > 1) throw new UserError(problem);
  return 'OK';
}

function ifaceName({ reconciler }: CommandContext, name: string): string {
  if (!reconciler.bridges().some((bridge) => bridge.iface(name))) throw new UserError('no such interface');
  return name;
}
