// The process that a user's `weftd --detach` is: it starts the daemon in a session of its own and returns when that
// is ready, or fails with it. The daemon's own messages reach the terminal until then.

import { endText, type Role, spawnRole } from './role.ts';

/** Resolves to this process's exit status. */
export function launch(role: Exclude<Role, 'launcher'>, report: (text: string) => void): Promise<number> {
  return new Promise((resolve) => {
    const child = spawnRole(role, true, () => {
      child.unref();
      resolve(0);
    });
    child.once('error', (error) => {
      report(`cannot start the daemon: ${error.message}`);
      resolve(1);
    });
    child.once('exit', (code, signal) => {
      // With an exit status the daemon has said itself what was wrong.
      if (signal) report(`the daemon died before it was ready, ${endText(code, signal)}`);
      resolve(code || 1);
    });
  });
}
