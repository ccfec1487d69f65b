// nic/*: cards and functions.

import { examineNics } from '../../../datapath/nic/doctor.ts';
import type { Command } from '../../unixctl/command.ts';
import type { NicModels } from '../nic-models.ts';

export function nicCommands(): Command[] {
  return [{ name: 'nic/doctor', usage: '', minArgs: 0, maxArgs: 0, handler: () => examineNics() }];
}

/** `nic/show [NIC]`: the cards that functions of vf ports come from. */
export function nicShowCommand(nics: NicModels): Command {
  return { name: 'nic/show', usage: '[nic]', minArgs: 0, maxArgs: 1, handler: ([name]) => nics.show(name) };
}

/** Test hook `weft/nic-kill NIC`: a model's thread ends at once. */
export function nicKillCommand(nics: NicModels): Command {
  return {
    name: 'weft/nic-kill',
    usage: 'nic',
    minArgs: 1,
    maxArgs: 1,
    handler: async ([name]) => {
      await nics.kill(name!);
      return '';
    },
  };
}
