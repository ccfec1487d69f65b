// Builds once before the tests that start workers or programs: Node 20 loads no .ts in workers.
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export default function setup(): void {
  execFileSync('node', ['tools/build.mjs'], { cwd: root, stdio: 'inherit' });
}
