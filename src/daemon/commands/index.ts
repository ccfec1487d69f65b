// Every command of the control socket that needs the switch.

import { type Command, command } from '../../unixctl/command.ts';
import { bondCommands } from './bond-commands.ts';
import { bridgeCommands } from './bridge-commands.ts';
import { conntrackCommands } from './conntrack-commands.ts';
import type { CommandContext } from './context.ts';
import { datapathCommands } from './datapath-commands.ts';
import { dpifCommands } from './dpif-commands.ts';
import { dummyCommands } from './dummy-commands.ts';
import { fdbCommands } from './fdb-commands.ts';
import { featureCommands } from './feature-commands.ts';
import { implementationCommands } from './implementation-commands.ts';
import { lacpCommands } from './lacp-commands.ts';
import { mdbCommands } from './mdb-commands.ts';
import { nicCommands } from './nic-commands.ts';
import { pmdCommands, pmdKillCommand } from './pmd-commands.ts';
import { portMonitorCommands } from './port-monitor-commands.ts';
import { timeCommands } from './time-commands.ts';
import { traceCommands } from './trace-commands.ts';
import { treeCommands } from './tree-commands.ts';
import { tunnelCommands } from './tunnel-commands.ts';
import { upcallCommands } from './upcall-commands.ts';

export type { Command } from '../../unixctl/command.ts';

export interface CommandSet extends CommandContext {
  /** Dummy ports can be made. */
  readonly withDummy: boolean;
  /** The environment asks for hooks that break things on purpose. */
  readonly withTestHooks: boolean;
}

export function switchCommands(set: CommandSet): Command[] {
  const commands = allCommands(set);
  return [...commands, dpctlList(commands)];
}

/** `dpctl/list-commands`, which ovs-dpctl has too. */
function dpctlList(commands: readonly Command[]): Command {
  const own = commands.filter(({ name }) => name.startsWith('dpctl/'));
  const line = (name: string, usage: string) => `  ${name.padEnd(28)}  ${usage}`;
  const name = 'dpctl/list-commands';
  return command(name, '', [0, 0], () =>
    ['The available commands are:', ...own.map((one) => line(one.name, one.usage)), line(name, '')].join('\n'),
  );
}

function allCommands(set: CommandSet): Command[] {
  return [
    ...bridgeCommands(set),
    ...fdbCommands(set),
    ...mdbCommands(set),
    ...bondCommands(set),
    ...lacpCommands(set),
    ...treeCommands(set),
    ...traceCommands(set),
    ...dpifCommands(set),
    ...datapathCommands(set),
    ...featureCommands(set),
    ...implementationCommands(set),
    ...conntrackCommands(set),
    ...tunnelCommands(),
    ...portMonitorCommands(set),
    ...nicCommands(),
    ...pmdCommands(set),
    ...upcallCommands(set),
    ...(set.withDummy ? [...dummyCommands(), ...timeCommands()] : []),
    ...(set.withTestHooks ? [pmdKillCommand(set)] : []),
  ];
}
