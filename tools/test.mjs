// `npm test`: installs what the tests need (npm packages; Debian packages when root), builds, and runs every test.
// Arguments go to vitest. The last line says how many passed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, root, runStep } from './prepare.mjs';

/** Debian packages that tests drive, each with a file that shows it is there. */
const PACKAGES = {
  'openvswitch-switch': '/usr/sbin/ovs-vswitchd',
  'openvswitch-common': '/usr/bin/ovs-ofctl',
  'openvswitch-switch-dpdk': '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk',
  'openvswitch-testcontroller': '/usr/bin/ovs-testcontroller',
  dpdk: '/usr/bin/dpdk-devbind.py',
  'dpdk-dev': '/usr/bin/dpdk-testpmd',
  'librte-mempool-ring23': '/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_mempool_ring.so.23',
  'librte-net-virtio23': '/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_virtio.so.23',
  'librte-net-vhost23': '/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_vhost.so.23',
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
  'linux-image-amd64': '/usr/share/doc/linux-image-amd64',
  'busybox-static': '/bin/busybox',
  cpio: '/usr/bin/cpio',
  'python3-os-ken': '/usr/lib/python3/dist-packages/os_ken',
  iproute2: '/usr/sbin/ip',
  'iputils-ping': '/usr/bin/ping',
  tcpdump: '/usr/bin/tcpdump',
  procps: '/usr/sbin/sysctl',
};
/** 2 MiB pages: for the switches and guests of the tests that want them. */
const HUGE_PAGES = 512;
const HUGE_PAGES_FILE = '/proc/sys/vm/nr_hugepages';

async function installPackages() {
  const missing = Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name]));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    console.log(`not root: tests that need ${missing.join(', ')} will be skipped and say so`);
    return;
  }
  const env = ['env', ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1']];
  const apt = (...args) => [env[0], [...env[1], 'apt-get', '-q', ...args]];
  await runStep('reading package lists (apt-get update)', ...apt('update'));
  await runStep(`installing ${missing.join(', ')}`, ...apt('install', '-y', '--no-install-recommends', ...missing));
  // Debian starts a switch of its own on install, where there is a service manager: the tests start theirs.
  if (existsSync('/run/systemd/system')) spawnSync('systemctl', ['stop', 'openvswitch-switch'], { stdio: 'ignore' });
}

function reserveHugePages() {
  try {
    if (Number(readFileSync(HUGE_PAGES_FILE, 'utf8')) < HUGE_PAGES) writeFileSync(HUGE_PAGES_FILE, String(HUGE_PAGES));
  } catch {
    console.log('no hugepages could be reserved: tests use ordinary pages');
  }
}

await prepare();
await installPackages();
reserveHugePages();

const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
const report = join(folder, 'report.json');
const vitest = spawn(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
vitest.on('close', (code) => {
  let result = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numFailedTestSuites: 0 };
  if (existsSync(report)) result = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true, force: true });
  const failed = result.numFailedTests + (code !== 0 && result.numFailedTests === 0 ? 1 : 0);
  const skipped = result.numPendingTests > 0 ? `, ${result.numPendingTests} skipped` : '';
  console.log(`${result.numPassedTests} passed, ${failed} failed${skipped}`);
  process.exit(code === 0 && result.numPassedTests > 0 ? 0 : 1);
});
