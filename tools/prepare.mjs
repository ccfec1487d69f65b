// What `npm run demo` and `npm test` do first in a clean checkout: check Node, install packages, build. Plain JavaScript
// on Node's own modules, because nothing else exists yet.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TICK_MS = 5000;
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`weft needs Node.js 20.19 or newer; this is ${process.version}`);
  process.exit(1);
}

/** Runs one command, showing that it is alive; its output only when it fails. */
export function runStep(title, file, args) {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(0)} s`;
  console.log(`==> ${title}`);
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const tick = setInterval(() => console.log(`    still at it after ${seconds()}`), TICK_MS);
    const end = (code, text) => {
      clearInterval(tick);
      if (code !== 0) {
        console.error(`${text}\n'${[file, ...args].join(' ')}' failed`);
        process.exit(1);
      }
      console.log(`    done in ${seconds()}`);
      resolve();
    };
    child.on('error', (error) => end(1, error.message));
    child.on('close', (code) => end(code ?? 1, output));
  });
}

/** Whether every package that the lock file wants is there in that version (npm's own record of the install). */
function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

/** Installs npm packages unless they are there, and builds. */
export async function prepare() {
  if (!isInstalled()) {
    await runStep('installing npm packages (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund']);
  }
  await runStep('building: hot modules with AssemblyScript, programs with TypeScript', process.execPath, [
    join('tools', 'build.mjs'),
  ]);
}
