// dpdk-testpmd as a guest: DPDK's own virtio-user front-end, driven from its prompt.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export const haveTestpmd = spawnSync('dpdk-testpmd', ['--version']).error === undefined;

let made = 0;

export class Testpmd {
  readonly #child: ChildProcess;
  output = '';
  /** Without what goes to stderr, which can come in the middle of the prompt. */
  #stdout = '';

  /** Waits at its prompt, without forwarding, with one virtio-user device for each of `devices` (their devargs). */
  constructor(devices: readonly string[], args: readonly string[] = []) {
    // Forwarding on core 0, where no PMD of a switch under test runs.
    const eal = ['-l', '0,1', '--main-lcore=1', '--no-huge', '-m', '128', '--no-pci', '--no-telemetry'];
    const prefix = `--file-prefix=weft-${process.pid}-${made++}`;
    const vdevs = devices.map((device, index) => `--vdev=net_virtio_user${index},${device}`);
    const app = ['--', '-i', '--total-num-mbufs=2048', ...args];
    // testpmd keeps back what it prints when nobody looks at it on a terminal.
    this.#child = spawn('stdbuf', ['-oL', 'dpdk-testpmd', ...eal, prefix, ...vdevs, ...app]);
    this.#child.stdout!.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  command(text: string): void {
    this.#child.stdin!.write(`${text}\n`);
  }

  /** Resolves at the prompt: the devices are there. Throws when testpmd ended, with what it said. */
  async prompt(timeoutMs = 60_000): Promise<void> {
    await this.#waitFor('prompt', timeoutMs, () => this.#stdout.includes('testpmd>'));
  }

  /** What testpmd counts on one of its ports. */
  async portStats(port: number): Promise<{ rxPackets: number; txPackets: number; rxBytes: number; txBytes: number }> {
    const from = this.#stdout.length;
    this.command(`show port stats ${port}`);
    const pattern = /RX-packets: (\d+) .*RX-bytes: +(\d+)[\s\S]*TX-packets: (\d+) .*TX-bytes: +(\d+)\s/;
    await this.#waitFor('statistics', 10_000, () => pattern.test(this.#stdout.slice(from)));
    const found = pattern.exec(this.#stdout.slice(from))!.slice(1).map(Number);
    const [rxPackets = 0, rxBytes = 0, txPackets = 0, txBytes = 0] = found;
    return { rxPackets, rxBytes, txPackets, txBytes };
  }

  async #waitFor(what: string, timeoutMs: number, done: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!done()) {
      if (this.#child.exitCode !== null) throw new Error(`testpmd ended: ${this.output}`);
      if (performance.now() > deadlineMs) throw new Error(`testpmd: no ${what}: ${this.output}`);
      await sleep(20);
    }
  }

  async quit(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.command('quit');
    await exited;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
