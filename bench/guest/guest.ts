// One generator guest: its RAM, both virtqueues and its vhost-user connection. Ring work runs in the wasm module;
// this class prepares what the module moves, and reads its counters.

import { UserError } from '../../lib/errors.ts';
import { close, eventfd, eventfdSignal } from '../../lib/syscalls/fd.ts';
import { accept } from '../../lib/syscalls/socket.ts';
import { unixConnect, unixListen } from '../../lib/syscalls/unix-socket.ts';
import { FrontEnd, type Virtqueue } from './front-end.ts';
import * as layout from './hot/layout.ts';
import type { GeneratorOptions, GuestSpec } from './options.ts';
import { GUEST_ADDR, type GuestRam, mapRam, planRam, type RamPlan, type RingPlan } from './ram.ts';
import { buildTemplate } from './template.ts';
import { VIRTIO_F_INDIRECT_DESC, VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF } from './vhost-messages.ts';
import { isReadable } from './wait.ts';

const VRING_DESC_F_NEXT = 1;
const VRING_DESC_F_WRITE = 2;
const VRING_DESC_F_INDIRECT = 4;
const VRING_AVAIL_F_NO_INTERRUPT = 1;
const DESC_SIZE = 16;
const KICK_BITS = [2, 1] as const; // by queue index: receive, transmit

export interface GuestCounters {
  txPackets: number;
  rxPackets: number;
  rxBytes: number;
  /** Sequence numbers that never arrived, or have not yet. */
  gaps: number;
  /** Frames that arrived after a later one of their flow. */
  late: number;
  badChecksum: number;
  /** Frames that no generator sent. */
  foreign: number;
}

export class Guest {
  readonly #index: number;
  readonly #spec: GuestSpec;
  readonly #options: GeneratorOptions;
  readonly #memory: WebAssembly.Memory;
  readonly #control: DataView;
  readonly #plan: RamPlan;
  readonly #ram: GuestRam;
  readonly #ramView: DataView;
  readonly #kickFds = [eventfd(), eventfd()] as const;
  readonly #callFds = [eventfd(), eventfd()] as const;
  #listenFd = -1;
  #frontEnd: FrontEnd | undefined;
  #features = 0n;

  constructor(memory: WebAssembly.Memory, index: number, spec: GuestSpec, options: GeneratorOptions) {
    this.#memory = memory;
    this.#index = index;
    this.#spec = spec;
    this.#options = options;
    this.#control = new DataView(memory.buffer, layout.CONTROL_BASE + index * layout.CONTROL_SIZE, layout.CONTROL_SIZE);
    const pooled = !options.touching && options.flowCount > options.ringSize;
    if (pooled && options.indirect) throw new UserError('--indirect does not go with more flows than ring entries');
    const txBufferCount = pooled ? options.flowCount : options.ringSize;
    this.#plan = planRam(options.ringSize, options.frameSize, txBufferCount);
    this.#ram = mapRam(memory, index, this.#plan.size, options.hugepages);
    this.#ramView = new DataView(memory.buffer, this.#ram.offset, this.#ram.size);
    this.#writeControl(txBufferCount);
    this.#writeRings();
    if (spec.listen) this.#listenFd = unixListen(spec.path);
  }

  get path(): string {
    return this.#spec.path;
  }

  get features(): bigint {
    return this.#features;
  }

  get hugepages(): boolean {
    return this.#ram.hugepages;
  }

  /**
   * Tries once to connect or to accept; true when the device is up. After a switch has gone, the rings go on with the
   * next one from what the last one gave back, as QEMU has it.
   */
  tryAttach(): boolean {
    if (this.#spec.listen && !isReadable(this.#listenFd, 0)) return false;
    const fd = this.#spec.listen ? accept(this.#listenFd) : unixConnect(this.#spec.path);
    this.#frontEnd?.close();
    const frontEnd = new FrontEnd(fd);
    this.#frontEnd = frontEnd;
    const wanted = VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | (this.#options.indirect ? VIRTIO_F_INDIRECT_DESC : 0n);
    const { fd: ramFd, size, userAddr } = this.#ram;
    const queues = [this.#virtqueue(0, this.#plan.rx), this.#virtqueue(1, this.#plan.tx)];
    this.#features = frontEnd.start(wanted, { fd: ramFd, size, guestAddr: GUEST_ADDR, userAddr }, queues);
    for (const kick of this.#kickFds) eventfdSignal(kick);
    return true;
  }

  get isDetached(): boolean {
    return this.#frontEnd?.isClosed() ?? true;
  }

  get isBroken(): boolean {
    return this.#read(layout.BROKEN) !== 0;
  }

  /** Whether this guest is one that sends. */
  get transmits(): boolean {
    return this.#spec.role !== 'rx';
  }

  /** Allows `packets` more to be sent; CREDIT_UNLIMITED lifts the limit, 0 stops. */
  setCredit(packets: number): void {
    this.#write(layout.TX_CREDIT, packets);
  }

  get credit(): number {
    return this.#read(layout.TX_CREDIT);
  }

  /** Sends one frame of each of the first `count` flows, so that the switch learns where their addresses live. */
  announce(count: number): void {
    this.#write(layout.FLAGS, this.#read(layout.FLAGS) | layout.CONTROL_TX);
    this.setCredit(count);
  }

  /** Wakes a back-end that sleeps on its kick descriptors. */
  kickIfWanted(): void {
    const wanted = this.#read(layout.KICK);
    if (wanted === 0) return;
    this.#write(layout.KICK, 0);
    KICK_BITS.forEach((bit, queue) => {
      if (wanted & bit) eventfdSignal(this.#kickFds[queue as 0 | 1]);
    });
  }

  counters(): GuestCounters {
    const value = (index: number) => Number(this.#control.getBigUint64(layout.COUNTERS + index * 8, true));
    const [txPackets, rxPackets, gaps, late] = [value(0), value(1), value(3), value(4)];
    const rxBytes = this.#options.touching ? value(2) : rxPackets * this.#options.frameSize;
    return { txPackets, rxPackets, rxBytes, gaps: gaps - late, late, badChecksum: value(5), foreign: value(6) };
  }

  /** Stops the rings, as a guest's driver does, and closes everything. */
  close(): void {
    try {
      this.#frontEnd?.stop(2);
    } catch {
      // The switch is gone first: nothing is left to stop.
    }
    this.#frontEnd?.close();
    for (const fd of [...this.#kickFds, ...this.#callFds, this.#ram.fd]) close(fd);
    if (this.#listenFd >= 0) close(this.#listenFd);
  }

  #virtqueue(index: 0 | 1, ring: RingPlan): Virtqueue {
    const address = (offset: number) => this.#ram.userAddr + BigInt(offset);
    return {
      size: this.#options.ringSize,
      base: this.#ramView.getUint16(ring.used + 2, true),
      addresses: { desc: address(ring.desc), avail: address(ring.avail), used: address(ring.used) },
      kickFd: this.#kickFds[index],
      callFd: this.#callFds[index],
    };
  }

  #writeControl(txBufferCount: number): void {
    const { ringSize, frameSize, flowCount, touching } = this.#options;
    const inRam = (offset: number) => this.#ram.offset + offset;
    const tables = layout.TABLES_BASE + this.#index * layout.TABLES_SIZE;
    const template = buildTemplate(this.#spec.side, frameSize);
    const templateOffset = layout.TEMPLATE_BASE + this.#index * layout.TEMPLATE_SIZE;
    new Uint8Array(this.#memory.buffer, templateOffset, frameSize).set(template.bytes);
    const direction = { tx: layout.CONTROL_TX, rx: layout.CONTROL_RX, both: layout.CONTROL_TX | layout.CONTROL_RX };
    this.#write(layout.FLAGS, direction[this.#spec.role] | (touching ? layout.CONTROL_TOUCHING : 0));
    this.#write(layout.RING_SIZE, ringSize);
    this.#write(layout.FRAME_SIZE, frameSize);
    this.#write(layout.FLOW_COUNT, flowCount);
    this.#write(layout.TX_DESC, inRam(this.#plan.tx.desc));
    this.#write(layout.TX_AVAIL, inRam(this.#plan.tx.avail));
    this.#write(layout.TX_USED, inRam(this.#plan.tx.used));
    this.#write(layout.RX_DESC, inRam(this.#plan.rx.desc));
    this.#write(layout.RX_AVAIL, inRam(this.#plan.rx.avail));
    this.#write(layout.RX_USED, inRam(this.#plan.rx.used));
    this.#write(layout.RAM_OFFSET, this.#ram.offset);
    this.#control.setBigUint64(layout.RAM_GUEST_ADDR, GUEST_ADDR, true);
    this.#write(layout.TX_BUFFERS, inRam(this.#plan.txBuffers));
    this.#write(layout.TX_STRIDE, this.#plan.txStride);
    this.#write(layout.TX_BUFFER_COUNT, txBufferCount);
    this.#write(layout.TX_SEQUENCES, tables);
    this.#write(layout.RX_EXPECTED, tables + layout.FLOWS_MAX * 4);
    this.#write(layout.TEMPLATE, templateOffset);
    this.#write(layout.SRC_ADDR, template.srcAddr);
    this.#write(layout.DST_ADDR, template.dstAddr);
    this.#write(layout.IP_SUM, template.ipSum);
    this.#write(layout.UDP_SUM, template.udpSum);
  }

  /** Fills both descriptor tables and avail rings once; every receive buffer is available from the start. */
  #writeRings(): void {
    const { ringSize, frameSize, indirect } = this.#options;
    const { rx, tx, rxBuffers, txBuffers, txStride } = this.#plan;
    const header = layout.FRAME_OFFSET - layout.NET_HDR_SIZE;
    for (let slot = 0; slot < ringSize; slot++) {
      const rxBuffer = rxBuffers + slot * layout.RX_STRIDE + header;
      this.#desc(rx.desc + slot * DESC_SIZE, rxBuffer, layout.RX_ROOM, VRING_DESC_F_WRITE, 0);
      const txBuffer = txBuffers + slot * txStride + header;
      if (indirect) this.#indirectDesc(slot, txBuffer);
      else this.#desc(tx.desc + slot * DESC_SIZE, txBuffer, layout.NET_HDR_SIZE + frameSize, 0, 0);
      this.#ramView.setUint16(rx.avail + 4 + slot * 2, slot, true);
      this.#ramView.setUint16(tx.avail + 4 + slot * 2, slot, true);
    }
    for (const ring of [rx, tx]) this.#ramView.setUint16(ring.avail, VRING_AVAIL_F_NO_INTERRUPT, true);
    this.#ramView.setUint16(rx.avail + 2, ringSize, true);
    this.#write(layout.RX_POSTED, ringSize);
  }

  /** Header and frame as two entries of an indirect table (virtio 1.2, 2.7.5.3). */
  #indirectDesc(slot: number, buffer: number): void {
    const table = this.#plan.indirect + slot * 2 * DESC_SIZE;
    const size = layout.NET_HDR_SIZE;
    this.#desc(table, buffer, size, VRING_DESC_F_NEXT, 1);
    this.#desc(table + DESC_SIZE, buffer + size, this.#options.frameSize, 0, 0);
    this.#desc(this.#plan.tx.desc + slot * DESC_SIZE, table, 2 * DESC_SIZE, VRING_DESC_F_INDIRECT, 0);
  }

  #desc(at: number, buffer: number, size: number, flags: number, next: number): void {
    this.#ramView.setBigUint64(at, GUEST_ADDR + BigInt(buffer), true);
    this.#ramView.setUint32(at + 8, size, true);
    this.#ramView.setUint16(at + 12, flags, true);
    this.#ramView.setUint16(at + 14, next, true);
  }

  #read(field: number): number {
    return this.#control.getUint32(field, true);
  }

  #write(field: number, value: number): void {
    this.#control.setUint32(field, value, true);
  }
}
