// A card for tests: its functions are devices on the rings that weft drives, which do what the test says, right or wrong.
//
//   const card = new TestCard('card0');              // one function: vport 1
//   nics.add(card);
//   await rig.dpif.portAdd({ name: 'vf0', type: 'vf', options: { nic: 'card0' } });
//   card.function.deliver(frame);                    // what weft receives
//   card.function.takeSent();                        // what weft sent
import koffi from 'koffi';
import { toOffset } from '../../../datapath/arena/offset.ts';
import { KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import { DEVICE_ADDRESS_BASE } from '../../../datapath/layout/memory-map.ts';
import type {
  NicCapabilities,
  NicPort,
  NicProvider,
  PairDoorbells,
  QueuePair,
  RingMemory,
  RingPlace,
} from '../../../datapath/nic/provider.ts';
import { NO_METERS } from '../../../datapath/nic/provider.ts';
import { UserError } from '../../../lib/errors.ts';
import { MAP_SHARED, mmap, munmap, PROT_READ, PROT_WRITE } from '../../../lib/syscalls/memory.ts';

const HEADER_SIZE = 12;
const VIRTQ_USED_F_NO_NOTIFY = 1;

/** The device's side of one ring: takes what is available, gives it back as used. */
export class DeviceRing {
  readonly size: number;
  readonly #view: DataView;
  readonly #base: bigint;
  readonly #place: RingPlace;
  taken = 0;
  used = 0;

  constructor(view: DataView, base: bigint, place: RingPlace) {
    this.size = place.size;
    this.#view = view;
    this.#base = base;
    this.#place = place;
  }

  get availIndex(): number {
    return Atomics.load(new Uint16Array(this.#view.buffer, this.#at(this.#place.avail) + 2, 1), 0);
  }

  /** Heads of the buffers that the device holds and has not taken yet. */
  take(): number | undefined {
    if (this.availIndex === this.taken) return undefined;
    const head = this.#view.getUint16(this.#at(this.#place.avail) + 4 + (this.taken % this.size) * 2, true);
    this.taken = (this.taken + 1) & 0xffff;
    return head;
  }

  descriptor(head: number): { bytes: Uint8Array; flags: number } {
    const at = this.#at(this.#place.desc) + head * 16;
    const offset = this.#at(this.#view.getBigUint64(at, true));
    const len = this.#view.getUint32(at + 8, true);
    return { bytes: new Uint8Array(this.#view.buffer, offset, len), flags: this.#view.getUint16(at + 12, true) };
  }

  /** Writes a used entry, whatever it says; seen at setUsedIndex(). */
  writeUsed(id: number, len: number): void {
    const at = this.#at(this.#place.used) + 4 + (this.used % this.size) * 8;
    this.#view.setUint32(at, id, true);
    this.#view.setUint32(at + 4, len, true);
    this.used = (this.used + 1) & 0xffff;
  }

  /** Asks the driver to ring the doorbell, or not. */
  setNotify(wanted: boolean): void {
    this.#view.setUint16(this.#at(this.#place.used), wanted ? 0 : VIRTQ_USED_F_NO_NOTIFY, true);
  }

  setUsedIndex(index = this.used): void {
    Atomics.store(new Uint16Array(this.#view.buffer, this.#at(this.#place.used) + 2, 1), 0, index);
  }

  #at(address: bigint): number {
    return Number(address - this.#base);
  }
}

export class TestFunction implements NicPort {
  readonly vport = 1;
  readonly mac = '02:00:00:00:00:07';
  readonly mtu = 1500;
  readonly linkSpeed = undefined;
  readonly error = undefined;
  readonly queuePairMax = 4;
  linkUp = true;
  /** Set before the port is opened: registers of this many bits, in the last bytes of the ring memory, see bell(). */
  doorbellBits: 16 | 32 | undefined;
  rx: readonly DeviceRing[] = [];
  tx: readonly DeviceRing[] = [];
  attached = 0;
  /** What was last asked by setLinkUp(). */
  askedUp = true;
  readonly #listeners: (() => void)[] = [];
  readonly #resets: (() => void)[] = [];
  #bells: DataView | undefined;
  #mapping: { at: bigint; size: number } | undefined;

  status(): Record<string, string> {
    return { vf: '0' };
  }

  stats(): Record<string, number> {
    return { vf_rx_packets: 7 };
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  onReset(listener: () => void): void {
    this.#resets.push(listener);
  }

  setLink(up: boolean): void {
    this.linkUp = up;
    for (const listener of this.#listeners) listener();
  }

  async attach(memory: RingMemory, pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[] | undefined> {
    this.#unmap();
    const at = mmap(0n, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0n);
    this.#mapping = { at, size: memory.size };
    const view = new DataView(koffi.view(at, memory.size));
    this.rx = pairs.map(({ rx }) => new DeviceRing(view, memory.address, rx));
    this.tx = pairs.map(({ tx }) => new DeviceRing(view, memory.address, tx));
    this.attached++;
    this.#bells = new DataView(view.buffer, memory.size - 8, 8);
    const bits = this.doorbellBits;
    if (bits === undefined) return undefined;
    const end = Number(memory.address) - DEVICE_ADDRESS_BASE + memory.size;
    const bell = (offset: number, value: number) => ({ offset: toOffset(offset), value, bits });
    return pairs.map(() => ({ rx: bell(end - 8, 0x10002), tx: bell(end - 4, 0x10003) }));
  }

  /** What was last written to the register of the rings of a direction. */
  bell(direction: 'rx' | 'tx'): number {
    return this.#bells!.getUint32(direction === 'rx' ? 0 : 4, true);
  }

  clearBells(): void {
    this.#bells!.setBigUint64(0, 0n);
  }

  async detach(): Promise<void> {
    this.#unmap();
  }

  async setLinkUp(up: boolean): Promise<void> {
    this.askedUp = up;
  }

  /** As if the function had been reset: its rings are forgotten. */
  reset(): void {
    this.#unmap();
    for (const listener of this.#resets) listener();
  }

  /** Puts frames into the next receive buffers; how many there were buffers for. */
  deliver(frames: readonly Uint8Array[], queue = 0): number {
    const ring = this.rx[queue]!;
    let done = 0;
    for (const frame of frames) {
      const head = ring.take();
      if (head === undefined) break;
      const { bytes } = ring.descriptor(head);
      bytes.fill(0, 0, HEADER_SIZE);
      bytes.set(frame, HEADER_SIZE);
      ring.writeUsed(head, HEADER_SIZE + frame.length);
      done++;
    }
    ring.setUsedIndex();
    return done;
  }

  /** Frames that weft has sent since the last look. `keep`: their buffers are not given back. */
  takeSent(queue = 0, keep = false): Uint8Array[] {
    const ring = this.tx[queue]!;
    const frames: Uint8Array[] = [];
    for (let head = ring.take(); head !== undefined; head = ring.take()) {
      frames.push(ring.descriptor(head).bytes.slice(HEADER_SIZE));
      if (!keep) ring.writeUsed(head, 0);
    }
    ring.setUsedIndex();
    return frames;
  }

  /** The mapping must not be looked at any more. */
  #unmap(): void {
    this.rx = [];
    this.tx = [];
    if (this.#mapping) munmap(this.#mapping.at, this.#mapping.size);
    this.#mapping = undefined;
  }
}

/** Forwards nothing by itself: a table of no flows. */
export class TestCard implements NicProvider {
  readonly name: string;
  readonly capabilities: NicCapabilities = {
    matches: new Uint8Array(KEY_SIZE),
    actions: new Set(),
    outputMax: 0,
    tableSize: 0,
    counters: false,
    outputCounters: false,
    meters: NO_METERS,
  };
  readonly function = new TestFunction();
  #held = false;

  constructor(name: string) {
    this.name = name;
  }

  openPort(): NicPort {
    if (this.#held) throw new UserError('the function is taken');
    this.#held = true;
    return this.function;
  }

  async closePort(): Promise<void> {
    this.#held = false;
  }

  async insert(): Promise<readonly []> {
    return [];
  }

  async remove(): Promise<readonly []> {
    return [];
  }

  async query(): Promise<readonly []> {
    return [];
  }

  async setMeters(): Promise<readonly []> {
    return [];
  }

  async removeMeters(): Promise<readonly []> {
    return [];
  }

  async queryMeters(): Promise<readonly []> {
    return [];
  }

  async resetFunction(): Promise<void> {
    this.function.reset();
  }

  onReset(): void {}

  async describe(): Promise<string> {
    return this.name;
  }

  async close(): Promise<void> {}
}
