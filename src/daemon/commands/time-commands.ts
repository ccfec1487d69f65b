// time/*: the daemon's clock in the hands of a test.

import { systemClock } from '../../../lib/clock.ts';
import { UserError } from '../../../lib/errors.ts';
import type { Command } from '../../unixctl/command.ts';

export function timeCommands(): Command[] {
  return [
    {
      name: 'time/stop',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      handler: () => {
        systemClock.stop();
        return '';
      },
    },
    { name: 'time/warp', usage: '[large_msecs] msecs', minArgs: 1, maxArgs: 2, handler: warp },
  ];
}

/** `time/warp 5000 100` lets five seconds pass in steps of a tenth. */
async function warp(args: readonly string[]): Promise<string> {
  const [total, step] = args.map(Number);
  if (!args.every((arg) => /^\d+$/.test(arg)) || total === 0 || step === 0) throw new UserError('invalid MSECS');
  await systemClock.warp(total!, step);
  return 'warped';
}
