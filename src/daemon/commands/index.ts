// Every command of the control socket that needs the switch.

import type { Command } from '../../unixctl/command.ts';
import { bondCommands } from './bond-commands.ts';
import { bridgeCommands } from './bridge-commands.ts';
import type { CommandContext } from './context.ts';
import { dpifCommands } from './dpif-commands.ts';
import { dummyCommands } from './dummy-commands.ts';
import { fdbCommands } from './fdb-commands.ts';
import { lacpCommands } from './lacp-commands.ts';
import { mdbCommands } from './mdb-commands.ts';
import { nicCommands } from './nic-commands.ts';
import { pmdCommands, pmdKillCommand } from './pmd-commands.ts';
import { timeCommands } from './time-commands.ts';
import { traceCommands } from './trace-commands.ts';
import { treeCommands } from './tree-commands.ts';
import { upcallCommands } from './upcall-commands.ts';

export type { Command } from '../../unixctl/command.ts';

export interface CommandSet extends CommandContext {
  /** Dummy ports can be made. */
  readonly withDummy: boolean;
  /** The environment asks for hooks that break things on purpose. */
  readonly withTestHooks: boolean;
}

export function switchCommands(set: CommandSet): Command[] {
  return [
    ...bridgeCommands(set),
    ...fdbCommands(set),
    ...mdbCommands(set),
    ...bondCommands(set),
    ...lacpCommands(set),
    ...treeCommands(set),
    ...traceCommands(set),
    ...dpifCommands(set),
    ...nicCommands(),
    ...pmdCommands(set),
    ...upcallCommands(set),
    ...(set.withDummy ? [...dummyCommands(), ...timeCommands()] : []),
    ...(set.withTestHooks ? [pmdKillCommand(set)] : []),
  ];
}
