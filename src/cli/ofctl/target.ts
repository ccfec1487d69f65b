// Where a switch named on the command line answers: a bridge's socket in the run directory, a socket file, or a
// connection method.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../lib/errors.ts';
import { type ControllerTarget, isPassive, parseTarget } from '../../../ofproto/connmgr/target.ts';

/** Finds the switch `name`; `suffix` is `mgmt` or `snoop`. Throws UserError. */
export function findSwitch(name: string, rundir: string, suffix: 'mgmt' | 'snoop' = 'mgmt'): ControllerTarget {
  if (name.includes(':')) return active(name);
  const path = join(rundir, `${name}.${suffix}`);
  if (isSocket(path)) return { kind: 'unix', path };
  if (isSocket(name)) return { kind: 'unix', path: name };
  throw new UserError(`${name} is not a bridge or a socket`);
}

function active(text: string): ControllerTarget {
  const target = parseTarget(text);
  if (isPassive(target)) throw new UserError(`${text}: is for listening, not for connecting`);
  return target;
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
