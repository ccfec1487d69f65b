// Ports `internal` and `tap`: a TAP device named like the port. To the host it is an interface with the switch on its
// wire. An `internal` port takes Interface.mac, a `tap` does not. As in Open vSwitch the device starts down (whoever
// configures addresses sets it up) and is persistent: it keeps addresses and state while the switch is away, and goes
// when the port goes. It may be moved to another network namespace; frames flow on, but its link is out of sight then.
//
// Served by the control thread: one frame per system call, at most SLICE_MAX per readiness, so that a busy device
// leaves the thread to others; the poller calls again while frames wait.

import type { IoWatch } from '../../../lib/io-poller.ts';
import { logger } from '../../../lib/log.ts';
import { getLinkSpeed, setLink } from '../../../lib/syscalls/net-link.ts';
import {
  closeTap,
  isTapAttached,
  openTap,
  readTap,
  setTapPersistent,
  writeTap,
} from '../../../lib/syscalls/net-tun.ts';
import type { LinkSpeed, PortSpec, PortStats } from '../../dpif.ts';
import { attempt } from '../kernel/attempt.ts';
import { SlowPortCounters } from '../kernel/counters.ts';
import { KernelLink } from '../kernel/link-monitor.ts';
import { driverStatus, noSuchDevice, openError } from '../kernel/status.ts';
import type { PortContext, PortDriver } from '../port.ts';

const log = logger('netdev_linux');

const SLICE_MAX = 64;
/** The largest frame of a TAP device: the kernel's maximum MTU for one, 65521, and an Ethernet and a VLAN header. */
const FRAME_MAX = 65_536 + 18;

/** Frames are handed on before the next read, so every TAP port of a thread reads into one buffer. */
let readBuffer: Uint8Array | undefined;

export class TapPort implements PortDriver {
  #spec: PortSpec;
  readonly #context: PortContext;
  readonly #counters = new SlowPortCounters();
  #fd = -1;
  #watch: IoWatch | undefined;
  #link: KernelLink | undefined;
  #error: string | undefined;
  #lastMac: string | undefined;

  constructor(spec: PortSpec, context: PortContext) {
    this.#spec = spec;
    this.#context = context;
  }

  get mac(): string | undefined {
    return this.#link?.link?.mac ?? this.#lastMac;
  }
  get mtu(): number | undefined {
    return this.#link?.link?.mtu;
  }
  get ifindex(): number | undefined {
    return this.#link?.link?.ifindex;
  }
  /** In another namespace the carrier cannot be seen; frames tell. */
  get linkUp(): boolean {
    return this.#isOpen && (this.#link?.link?.carrier ?? true);
  }
  get adminUp(): boolean {
    return this.#isOpen && (this.#link?.link?.adminUp ?? true);
  }
  get linkResets(): number {
    return this.#link?.linkResets ?? 0;
  }
  get linkSpeed(): LinkSpeed | undefined {
    return this.#isOpen ? getLinkSpeed(this.#spec.name) : undefined;
  }
  get error(): string | undefined {
    return this.#error;
  }
  get #isOpen(): boolean {
    return this.#fd >= 0;
  }

  async open(): Promise<void> {
    const { name } = this.#spec;
    try {
      this.#fd = openTap(name);
      setTapPersistent(this.#fd, true);
      this.#link = new KernelLink(name, this.#context.io, () => this.#linkChanged());
      this.#lastMac = this.#link.link?.mac;
    } catch (error) {
      const before = this.#error;
      this.#error = openError(name, error);
      if (this.#error !== before) log.warn(`could not create tap device ${name}: ${(error as Error).message}`);
      this.#release();
      return;
    }
    this.#error = undefined;
    this.#applySettings();
    this.#watch = this.#context.io.watch(this.#fd, () => this.#drain());
  }

  async close(): Promise<void> {
    this.#release();
  }

  setAdminUp(up: boolean): void {
    const ifindex = this.ifindex;
    if (ifindex === undefined) return;
    attempt(this.#spec.name, `set ${up ? 'up' : 'down'}`, () => setLink(ifindex, { adminUp: up }));
    this.#link?.refresh();
  }

  async reconfigure(spec: PortSpec): Promise<boolean> {
    if (spec.name !== this.#spec.name || spec.type !== this.#spec.type) return false;
    this.#spec = spec;
    if (this.#error === undefined) {
      this.#applySettings();
      return true;
    }
    // Tried again in place: a port that came and went with every reconfiguration would take its megaflows along.
    await this.open();
    if (this.#isOpen) this.#context.changed();
    return true;
  }

  status(): Record<string, string> {
    return this.#isOpen ? driverStatus(this.#spec.name) : {};
  }

  stats(): PortStats {
    return this.#counters.kernelStats(undefined);
  }

  send(frame: Uint8Array): boolean {
    return this.#counters.sent(frame, this.#isOpen && writeTap(this.#fd, frame));
  }

  /** Makes the device's address and MTU what the spec asks for; a refusal is logged and leaves the port working. */
  #applySettings(): void {
    const link = this.#link?.link;
    if (!link) return;
    const mac = this.#spec.type === 'internal' ? this.#spec.mac?.toLowerCase() : undefined;
    const { mtu } = this.#spec;
    if (mac !== undefined && mac !== link.mac)
      attempt(this.#spec.name, `set address ${mac}`, () => setLink(link.ifindex, { mac }));
    if (mtu !== undefined && mtu !== link.mtu)
      attempt(this.#spec.name, `set MTU ${mtu}`, () => setLink(link.ifindex, { mtu }));
    this.#link?.refresh();
  }

  #drain(): void {
    readBuffer ??= new Uint8Array(FRAME_MAX);
    for (let count = 0; count < SLICE_MAX && this.#isOpen; count++) {
      const length = readTap(this.#fd, readBuffer);
      if (length < 0) this.#checkAttached();
      if (length <= 0) return;
      const frame = readBuffer.subarray(0, length);
      this.#counters.received(frame);
      this.#context.receive(frame);
    }
  }

  #linkChanged(): void {
    if (!this.#link?.link) this.#checkAttached();
    else this.#lastMac = this.#link.link.mac;
    this.#context.changed();
  }

  /** Somebody removed the device under us: the descriptor is of no more use. */
  #checkAttached(): void {
    if (!this.#isOpen || isTapAttached(this.#fd)) return;
    this.#error = noSuchDevice(this.#spec.name);
    log.warn(`tap device ${this.#spec.name} was removed`);
    this.#release();
    this.#context.changed();
  }

  #release(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#link?.close();
    this.#link = undefined;
    if (this.#fd < 0) return;
    if (isTapAttached(this.#fd)) attempt(this.#spec.name, 'remove the device', () => setTapPersistent(this.#fd, false));
    closeTap(this.#fd);
    this.#fd = -1;
  }
}
