// `npm run demo`: installs and builds what is not there yet, saying so, then runs the built demo.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

await prepare();
const demo = spawn(process.execPath, ['--no-liftoff', join(root, 'dist', 'bench', 'demo', 'demo-main.js')], {
  stdio: 'inherit',
});
// The terminal sends an interrupt to both: the demo cleans up, this waits for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => demo.kill(signal));
demo.on('close', (code) => process.exit(code ?? 1));
