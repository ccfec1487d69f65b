// Port `system`: an existing kernel interface, its frames taken and sent through AF_PACKET. The interface stays as the
// host configured it, but promiscuous while the port is there. It may come after the port, go, and come again; the
// port follows, and says why while it cannot work.
//
// Served by the control thread: one batch per readiness, so that a busy interface leaves the thread to others. What the
// kernel left to hardware (checksums, bursts to cut, VLAN tags taken out) is finished here, see ../kernel/offload.ts.

import { SyscallError } from '../../../lib/errors.ts';
import type { IoWatch } from '../../../lib/io-poller.ts';
import { logger } from '../../../lib/log.ts';
import { strerror } from '../../../lib/syscalls/net-libc.ts';
import { getLinkSpeed, setLink } from '../../../lib/syscalls/net-link.ts';
import {
  closePacketSocket,
  openPacketSocket,
  type ReceivedFrame,
  readPackets,
  sendPacket,
  withVlanTag,
} from '../../../lib/syscalls/net-packet.ts';
import type { LinkSpeed, PortSpec, PortStats } from '../../dpif.ts';
import { attempt } from '../kernel/attempt.ts';
import { SlowPortCounters } from '../kernel/counters.ts';
import { KernelLink } from '../kernel/link-monitor.ts';
import { finishOffload } from '../kernel/offload.ts';
import { driverStatus, noSuchDevice, openError } from '../kernel/status.ts';
import type { PortContext, PortDriver } from '../port.ts';

const log = logger('netdev_linux');

export class SystemPort implements PortDriver {
  #spec: PortSpec;
  readonly #context: PortContext;
  readonly #counters = new SlowPortCounters();
  #link: KernelLink | undefined;
  #fd = -1;
  /** The interface that the socket is bound to. */
  #ifindex: number | undefined;
  #watch: IoWatch | undefined;
  #error: string | undefined;

  constructor(spec: PortSpec, context: PortContext) {
    this.#spec = spec;
    this.#context = context;
  }

  get mac(): string | undefined {
    return this.#link?.link?.mac;
  }
  get mtu(): number | undefined {
    return this.#link?.link?.mtu;
  }
  get ifindex(): number | undefined {
    return this.#ifindex;
  }
  get linkUp(): boolean {
    return this.#fd >= 0 && (this.#link?.link?.carrier ?? false);
  }
  get adminUp(): boolean {
    return this.#fd >= 0 && (this.#link?.link?.adminUp ?? false);
  }
  get linkResets(): number {
    return this.#link?.linkResets ?? 0;
  }
  get linkSpeed(): LinkSpeed | undefined {
    return this.#fd >= 0 ? getLinkSpeed(this.#spec.name) : undefined;
  }
  get error(): string | undefined {
    return this.#error;
  }

  async open(): Promise<void> {
    try {
      this.#link = new KernelLink(this.#spec.name, this.#context.io, () => this.#linkChanged());
    } catch (error) {
      this.#error = openError(this.#spec.name, error);
      return;
    }
    this.#follow();
    if (this.#error !== undefined) log.warn(this.#error);
    this.#applyMtu();
  }

  async close(): Promise<void> {
    this.#unbind();
    this.#link?.close();
    this.#link = undefined;
  }

  setAdminUp(up: boolean): void {
    const ifindex = this.#ifindex;
    if (ifindex === undefined) return;
    attempt(this.#spec.name, `set ${up ? 'up' : 'down'}`, () => setLink(ifindex, { adminUp: up }));
  }

  async reconfigure(spec: PortSpec): Promise<boolean> {
    if (spec.name !== this.#spec.name || spec.type !== this.#spec.type) return false;
    this.#spec = spec;
    // A refused socket (EPERM, ENOBUFS) is tried again with every reconfiguration; a missing interface announces itself.
    this.#follow();
    this.#applyMtu();
    return true;
  }

  status(): Record<string, string> {
    return this.#fd >= 0 ? driverStatus(this.#spec.name) : {};
  }

  stats(): PortStats {
    return this.#counters.kernelStats(this.#fd >= 0 ? this.#link?.refresh()?.stats : undefined);
  }

  send(frame: Uint8Array): boolean {
    return this.#counters.sent(frame, this.#fd >= 0 && sendPacket(this.#fd, frame));
  }

  /** Binds to the interface that has the name now. */
  #follow(): void {
    const link = this.#link?.link;
    if (link && link.ifindex === this.#ifindex) return;
    this.#unbind();
    if (!link) {
      this.#error = noSuchDevice(this.#spec.name);
      return;
    }
    try {
      this.#fd = openPacketSocket(link.ifindex);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#error = `could not add network device ${this.#spec.name} to ofproto (${strerror(error.errno)})`;
      return;
    }
    this.#ifindex = link.ifindex;
    this.#error = undefined;
    this.#watch = this.#context.io.watch(this.#fd, () => this.#drain());
  }

  #linkChanged(): void {
    const before = this.#error;
    this.#follow();
    if (this.#error !== undefined && this.#error !== before) log.warn(this.#error);
    if (this.#error === undefined && before !== undefined) this.#applyMtu();
    this.#context.changed();
  }

  #drain(): void {
    if (this.#fd < 0) return;
    try {
      const batch = readPackets(this.#fd);
      this.#counters.rxDropped += batch.truncated;
      for (const received of batch.frames) this.#receive(received);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      log.warn(`error receiving Ethernet packet on ${this.#spec.name}: ${strerror(error.errno)}`);
      this.#unbind();
      this.#error = openError(this.#spec.name, error);
      this.#context.changed();
    }
  }

  #receive({ frame, offload, vlan }: ReceivedFrame): void {
    const deliver = (packet: Uint8Array) => {
      const whole = vlan ? withVlanTag(packet, vlan) : packet;
      this.#counters.received(whole);
      this.#context.receive(whole);
    };
    if (!offload) deliver(frame);
    else if (!finishOffload(frame, offload, deliver)) this.#counters.rxDropped++;
  }

  #applyMtu(): void {
    const { mtu } = this.#spec;
    const link = this.#link?.link;
    if (mtu === undefined || this.#fd < 0 || !link || link.mtu === mtu) return;
    attempt(this.#spec.name, `set MTU ${mtu}`, () => setLink(link.ifindex, { mtu }));
    this.#link?.refresh();
  }

  #unbind(): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#fd >= 0) closePacketSocket(this.#fd);
    this.#fd = -1;
    this.#ifindex = undefined;
  }
}
