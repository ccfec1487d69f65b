// The build: the AssemblyScript hot modules first, then the TypeScript host programs, into dist/.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(tool, args) {
  const result = spawnSync(join(root, 'node_modules', '.bin', tool), args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Newest modification time below a folder, in milliseconds. */
function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return time;
}

/** Compiles one hot module when it is older than its sources. */
function compileHot(entry, out, sources) {
  if (!existsSync(join(root, entry))) return;
  const wasm = join(root, out);
  const newestSource = Math.max(...sources.map((folder) => newest(join(root, folder))));
  if (existsSync(wasm) && statSync(wasm).mtimeMs > newestSource) return;
  mkdirSync(dirname(wasm), { recursive: true });
  run('asc', [entry, '--config', 'asconfig.json', '--outFile', out, '--textFile', out.replace('.wasm', '.wat')]);
}

compileHot('datapath/hot/index.ts', 'dist/datapath/hot/hot.wasm', ['datapath/hot', 'datapath/layout']);
compileHot('bench/guest/hot/index.ts', 'dist/bench/guest/hot/guest.wasm', ['bench/guest/hot', 'datapath/layout']);
run('tsc', ['-p', 'tsconfig.build.json']);

for (const bin of [
  'src/weftd.js',
  'src/cli/weft-vsctl.js',
  'src/cli/weft-ofctl.js',
  'src/cli/weft-appctl.js',
  'bench/weft-bench.js',
]) {
  const path = join(root, 'dist', bin);
  if (existsSync(path)) chmodSync(path, 0o755);
}
for (const data of ['src/ovsdb/data', 'src/api/weft']) {
  if (existsSync(join(root, data))) cpSync(join(root, data), join(root, 'dist', data), { recursive: true });
}
