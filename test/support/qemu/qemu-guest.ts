// A virtual machine under QEMU's emulator on a vhost-user port, driven through its serial console.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestImage } from './initramfs.ts';

const BOOT_TIMEOUT_MS = 180_000;

export interface QemuOptions {
  readonly image: GuestImage;
  /** The vhost-user socket, and whether QEMU listens on it (dpdkvhostuserclient) or dials it. */
  readonly socket: string;
  readonly server: boolean;
  readonly ip: string;
  readonly mac: string;
  /** Where QEMU listens for its monitor (monitor.ts). */
  readonly monitor?: string;
  /** Waits there for a guest that migrates, in place of booting one; it goes on when the monitor says `cont`. */
  readonly incoming?: string;
}

export class QemuGuest {
  readonly #child: ChildProcess;
  #output = '';
  #commands = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (this.#output += text));
  }

  /** Starts the machine; resolves when its shell answers. */
  static async boot(options: QemuOptions): Promise<QemuGuest> {
    return QemuGuest.start(machine(options));
  }

  /** The machine that a guest migrates into: there is no shell before that. */
  static awaiting(options: QemuOptions): QemuGuest {
    return QemuGuest.#spawn(machine(options));
  }

  /** Starts QEMU with a serial console on its standard input and output; resolves when a shell answers there. */
  static async start(args: readonly string[]): Promise<QemuGuest> {
    const guest = QemuGuest.#spawn(args);
    try {
      await guest.#until(() => guest.#output.includes('# '), BOOT_TIMEOUT_MS, 'the shell');
      await guest.run('stty -echo', 30_000);
    } catch (error) {
      await guest.kill();
      throw error;
    }
    return guest;
  }

  static #spawn(args: readonly string[]): QemuGuest {
    return new QemuGuest(spawn('qemu-system-x86_64', args, { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** The file that is the guest's memory. */
  get memoryFile(): string {
    const folder = `/proc/${this.#child.pid}/fd`;
    const fd = readdirSync(folder).find((name) => readlinkSync(join(folder, name)).includes('memory-backend-memfd'));
    if (fd === undefined) throw new Error('QEMU has no memory file');
    return join(folder, fd);
  }

  /** Runs a shell command in the guest; what it printed. Rejects when its status is not 0. */
  async run(command: string, timeoutMs = 120_000): Promise<string> {
    const mark = `weft-end-${this.#commands++}`;
    const from = this.#output.length;
    this.#child.stdin!.write(`${command}; echo ${mark} $?\n`);
    // With echo on, the command line itself holds the mark: the answer is the one with a status behind it.
    const end = new RegExp(`${mark} (\\d+)`);
    await this.#until(() => end.test(this.#output.slice(from)), timeoutMs, command);
    const text = this.#output.slice(from);
    const status = Number(end.exec(text)![1]);
    if (status !== 0) throw new Error(`guest: '${command}' ended with ${status}:\n${text}`);
    return text.slice(0, text.search(end)).replaceAll('\r', '').trim();
  }

  /** Ends the machine as kill -9 does. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #until(done: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    while (!done()) {
      if (this.#child.exitCode !== null) throw new Error(`QEMU ended:\n${this.#output}`);
      if (Date.now() > deadlineMs) throw new Error(`guest: no end of ${what} in ${timeoutMs} ms:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function machine({ image, socket, server, ip, mac, monitor, incoming }: QemuOptions): string[] {
  const args = ['-M', 'q35,memory-backend=mem', '-cpu', 'max', '-m', '192', '-smp', '1', '-nodefaults', '-no-reboot'];
  args.push('-object', 'memory-backend-memfd,id=mem,size=192M,share=on');
  args.push('-display', 'none', '-monitor', 'none', '-serial', 'stdio');
  args.push('-kernel', image.kernel, '-initrd', image.initramfs);
  args.push('-append', `console=ttyS0 quiet panic=1 weft.ip=${ip}`);
  args.push('-chardev', `socket,id=vhost,path=${socket}${server ? ',server=on,wait=off' : ''}`);
  args.push('-netdev', 'vhost-user,id=net0,chardev=vhost');
  // QEMU 7.2 under TCG: a vhost-user device with MSI-X ends in a crash.
  args.push('-device', `virtio-net-pci,netdev=net0,mac=${mac},vectors=0`);
  if (monitor) args.push('-qmp', `unix:${monitor},server=on,wait=off`);
  if (incoming) args.push('-S', '-incoming', incoming);
  return args;
}
