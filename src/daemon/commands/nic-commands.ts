// nic/*: cards and functions.

import { examineNics } from '../../../datapath/nic/doctor.ts';
import type { Command } from '../../unixctl/command.ts';

export function nicCommands(): Command[] {
  return [{ name: 'nic/doctor', usage: '', minArgs: 0, maxArgs: 0, handler: () => examineNics() }];
}
