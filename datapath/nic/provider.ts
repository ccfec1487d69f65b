// What a NIC with an embedded switch (eSwitch) offers weft: functions whose packets a port carries, and a flow table that
// forwards without the host. A vendor's driver implements NicProvider; nothing else of the datapath knows the card.
//
// A provider is slow and far away, as hardware is: every operation is asynchronous, operations are carried out in the
// order of the calls, and a promise resolves when the card has done what was asked, not when it has heard of it.

import type { DpAction, SetHeader } from '../actions.ts';
import type { Offset } from '../arena/offset.ts';
import type { DpMeterBand, DpMeterStats, LinkSpeed } from '../dpif.ts';
import type { VhostDevice } from '../port/vhost-user/services.ts';

/** A port of the card's eSwitch; the provider's own numbers. 0 is the wire (the physical port). */
export type Vport = number;
export const WIRE: Vport = 0;

/** Datapath actions by the name that offload/show gives them; `set` is one for each header that can be written. */
export type OffloadAction = Exclude<DpAction['type'], 'set'> | `set(${SetHeader})`;

export interface NicCapabilities {
  /** KEY_SIZE bytes (datapath/layout/flow-key.ts): the bits of a key that a flow of the card may match. */
  readonly matches: Uint8Array;
  readonly actions: ReadonlySet<OffloadAction>;
  /** Outputs of one flow at most: 1 means no mirror copies. */
  readonly outputMax: number;
  /** Flows at most. */
  readonly tableSize: number;
  /** Whether flows count packets and bytes and say when they were last used. */
  readonly counters: boolean;
  /** Whether a flow whose outputs are not all given each of its packets, whole, counts them apart (HardwareCounts.sent). */
  readonly outputCounters: boolean;
  readonly meters: MeterCapabilities;
}

/** Nothing is the word for a card without meters. */
export interface MeterCapabilities {
  /** Meters at most. */
  readonly max: number;
  /** Bands of one meter at most. */
  readonly bandMax: number;
  readonly bandTypes: ReadonlySet<DpMeterBand['type']>;
}

export const NO_METERS: MeterCapabilities = { max: 0, bandMax: 0, bandTypes: new Set() };

/** A meter, by the switch's number of it. All flows that name it share its buckets. */
export interface HardwareMeter {
  readonly id: number;
  readonly bands: readonly DpMeterBand[];
}

/** A flow as the card knows it, from insert() until remove() or a reset. */
export type FlowHandle = number;

export interface HardwareFlow {
  /** KEY_SIZE bytes; in_port is a Vport. Flows of one card never overlap. */
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  /** Outputs name Vports, meters are those of setMeters(). */
  readonly actions: readonly DpAction[];
}

/** `full`: the table; `unsupported`: the card refused this flow (`reason` for people); `reset`: the card went away. */
export type InsertResult =
  | { readonly handle: FlowHandle }
  | { readonly refused: 'full' | 'unsupported' | 'reset'; readonly reason: string };

export interface HardwareCounts {
  readonly packets: bigint;
  readonly bytes: bigint;
  /** Milliseconds since a packet used the flow; undefined when none has. */
  readonly idleMs: number | undefined;
  /** Union of TCP flags seen. */
  readonly tcpFlags: number;
  /**
   * What each output was given, in the order of the actions, nested ones in their place: of a flow whose outputs do not all
   * have what the flow counts, because a meter may drop packets before, or their length decides, or they are cut.
   */
  readonly sent?: readonly OutputCounts[] | undefined;
}

export interface OutputCounts {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Memory that both sides of a port's rings see. */
export interface RingMemory {
  /** A file descriptor that can be mapped; stays the caller's. */
  readonly fd: number;
  readonly size: number;
  /** The address by which ring addresses and descriptors name its first byte. */
  readonly address: bigint;
  /** Where the first byte is in this process: VFIO maps a range of the process's memory, not a file. */
  readonly processAddress: bigint;
}

/** Who a card's rings are made for: virtio-net devices, or Intel's 82574L. */
export type RingKind = 'virtio' | 'e1000e';

/**
 * A split virtqueue (virtio 1.2, 2.7) in ring memory; addresses as descriptors have them. Of an 82574L's ring there is
 * `desc` only.
 */
export interface RingPlace {
  /** Descriptors, a power of two. */
  readonly size: number;
  readonly desc: bigint;
  readonly avail: bigint;
  readonly used: bigint;
  /** Bytes of each buffer: the 82574L is told. */
  readonly bufferSize?: number;
}

export interface QueuePair {
  /** The card fills these buffers. */
  readonly rx: RingPlace;
  /** The card sends these buffers. */
  readonly tx: RingPlace;
}

/** A register of a mapped BAR that is written after new buffers were offered (virtio 1.2, 4.1.5.2). */
export interface Doorbell {
  readonly offset: Offset;
  readonly value: number;
  readonly bits: 16 | 32;
}

export interface PairDoorbells {
  readonly rx: Doorbell;
  readonly tx: Doorbell;
}

/**
 * One function as a port of weft sees it: in switchdev mode the function's representor, in legacy mode the function
 * itself. weft is the driver of a virtio-net device here (virtio 1.2, 5.1; VIRTIO_F_VERSION_1, so headers of 12 bytes).
 */
export interface NicPort {
  readonly vport: Vport;
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly linkUp: boolean;
  readonly linkSpeed: LinkSpeed | undefined;
  /** Queue pairs at most; 1 when absent. */
  readonly queuePairMax?: number;
  /** Buffers of a queue at most; absent: any number. */
  readonly queueSizeMax?: number;
  /** `virtio` when absent. */
  readonly ringKind?: RingKind;
  /** Why it does not work, for Interface.error. */
  readonly error: string | undefined;
  /** Interface.status, with the function's own words (`vf`, `trust`, `spoofchk`, ...). */
  status(): Record<string, string>;
  /** The card's counters of the function: received = sent + dropped by reason + queued. */
  stats(): Record<string, number | bigint>;
  onChange(listener: () => void): void;
  /**
   * Gives the card the rings; it may touch `memory` until detach() has resolved, or a reset was told. Answers where to ring,
   * one for each pair; undefined from a card that polls.
   */
  attach(memory: RingMemory, pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[] | undefined>;
  detach(): Promise<void>;
  /** Called when the function has lost its rings, alone or with the whole card: they are attached anew. */
  onReset(listener: () => void): void;
  /** Takes over changed options in place; false, or absent, when the port has to be opened anew. */
  reconfigure?(options: Readonly<Record<string, string>>): Promise<boolean>;
  setLinkUp(up: boolean): Promise<void>;
}

export interface NicProvider {
  /** As options:nic names it. */
  readonly name: string;
  readonly capabilities: NicCapabilities;
  /** The function's port. Throws UserError when the card has no such function or another port holds it. */
  openPort(options: Readonly<Record<string, string>>): NicPort;
  closePort(port: NicPort): Promise<void>;

  /** One result for each flow, in order. */
  insert(flows: readonly HardwareFlow[]): Promise<readonly InsertResult[]>;
  /** When it resolves no packet is forwarded by these flows any more. Answers their last counts; undefined: unknown handle. */
  remove(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]>;
  query(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]>;

  /**
   * Makes meters, or replaces them: buckets are full then, and counters begin anew. When it resolves no packet is measured
   * by what was there before. One answer for each, in order: undefined, or why the card will not have it.
   */
  setMeters(meters: readonly HardwareMeter[]): Promise<readonly (string | undefined)[]>;
  /** Of meters that no flow names any more. Answers their last counts; undefined: unknown. */
  removeMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]>;
  queryMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]>;

  /** Brings a function back to its first state (function level reset); its rings and flows are gone. */
  resetFunction(vport: Vport): Promise<void>;
  /**
   * The card has not answered for long: resolves when it was found to be slow but well, or has been reset, so that it forwards
   * nothing. Absent: nobody can tell, and nobody can stop it.
   */
  check?(): Promise<void>;
  /** Called when the card has lost everything it was told: all handles are void. Ports are told by themselves. */
  onReset(listener: () => void): void;
  /**
   * A function's virtqueues, for a guest whose control path is elsewhere (vDPA): they take the place of whatever used the
   * function, until the device is closed. Absent, or undefined, where there is no such thing: without
   * representors (legacy mode) the function is the port's.
   */
  functionDevice?(vport: Vport): VhostDevice | undefined;
  /** For `nic/show`. */
  describe(): Promise<string>;
  close(): Promise<void>;
}
