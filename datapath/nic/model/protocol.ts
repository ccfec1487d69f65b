// How the switch and the card's thread talk: commands, each answered when the card has done it and in the order in which
// they were sent, and events that the card sends by itself. A command's arguments and result are those of the method
// that carries it out.

import type { LogRecord } from '../../../lib/log.ts';
import type { DpMeterStats } from '../../dpif.ts';
import type { GuestRegion, RingSetup } from '../../port/vhost-user/services.ts';
import type {
  FlowHandle,
  HardwareCounts,
  HardwareMeter,
  InsertResult,
  QueuePair,
  RingMemory,
  Vport,
} from '../provider.ts';
import type { PackedFlows } from './packed-flows.ts';
import type { CardSettings } from './settings.ts';

/** What the card knows of a vport that the switch may ask for at any time. */
export interface VportState {
  readonly vport: Vport;
  readonly mac: string;
  readonly linkUp: boolean;
  readonly mtu: number | undefined;
  readonly error: string | undefined;
  /** What is behind the vport, in its own words. */
  readonly end: Readonly<Record<string, string>>;
  readonly attached: boolean;
  readonly counters: VportCounters;
}

/**
 * Packets by where they came from and what became of them. From the function: received = forwarded by flows + missed +
 * spoofed; policed and disabled ones were not received. To the function: what was meant for it = sent + dropped.
 */
export interface VportCounters {
  readonly rxPackets: bigint;
  readonly rxBytes: bigint;
  readonly txPackets: bigint;
  readonly txBytes: bigint;
  readonly txDropped: bigint;
  /** Packets that no flow of the card matched: to the representor (switchdev) or to the firmware (legacy). */
  readonly missed: bigint;
  readonly spoofed: bigint;
  readonly policed: bigint;
  readonly disabled: bigint;
  readonly txNoBuffer: bigint;
  readonly txLinkDown: bigint;
  /** The representor's: missed = to the switch + dropped there. */
  readonly toSwitch: bigint;
  readonly toSwitchDropped: bigint;
  readonly fromSwitch: bigint;
}

export interface CardState {
  readonly core: number | undefined;
  readonly flows: number;
  readonly meters: number;
  readonly vports: readonly VportState[];
  /** Addresses that the legacy eSwitch knows. */
  readonly addresses: readonly { readonly vport: Vport; readonly vlan: number; readonly mac: string }[];
  /** Drop reason to packets, of all ports. */
  readonly drops: Readonly<Record<string, bigint>>;
}

/** A call of a VhostDevice (datapath/port/vhost-user/services.ts) whose rings the card serves. */
export type DeviceCall =
  | { readonly call: 'setMemory'; readonly regions: readonly GuestRegion[] }
  | { readonly call: 'addMemory'; readonly region: GuestRegion }
  | { readonly call: 'removeMemory'; readonly region: Omit<GuestRegion, 'fd'> }
  | { readonly call: 'startRing'; readonly index: number; readonly ring: RingSetup }
  | { readonly call: 'setRingEnabled'; readonly index: number; readonly enabled: boolean }
  | { readonly call: 'setCallFd'; readonly index: number; readonly fd: number }
  | { readonly call: 'stopRing'; readonly index: number }
  | { readonly call: 'close' };

export interface CardCommands {
  /** Takes new settings over, as far as they can change while the card runs (needsReset). */
  configure(settings: CardSettings): Promise<void>;
  insert(flows: PackedFlows): Promise<readonly InsertResult[]>;
  remove(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]>;
  query(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]>;
  setMeters(meters: readonly HardwareMeter[]): Promise<readonly (string | undefined)[]>;
  removeMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]>;
  queryMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]>;
  attach(vport: Vport, memory: RingMemory, pairs: readonly QueuePair[]): Promise<void>;
  detach(vport: Vport): Promise<void>;
  setLinkUp(vport: Vport, up: boolean): Promise<void>;
  resetFunction(vport: Vport): Promise<void>;
  /** Answers where a ring stopped. */
  device(vport: Vport, call: DeviceCall): Promise<number>;
  /** A frame arrives at a vport whose end is a dummy. */
  inject(vport: Vport, frame: Uint8Array): Promise<void>;
  /** Frames that leave by a dummy are sent as events from now on. */
  watch(vport: Vport): Promise<void>;
  describe(): Promise<CardState>;
  /** Test hook: answers nothing from now on. `thread`: does nothing else either. */
  hang(what: 'firmware' | 'thread'): Promise<void>;
  close(): Promise<void>;
}

export type CommandName = keyof CardCommands;

export type CardCommand = {
  [K in CommandName]: { readonly id: number; readonly name: K; readonly args: Parameters<CardCommands[K]> };
}[CommandName];

export type CardMessage =
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'state'; readonly vports: readonly VportState[] }
  | { readonly type: 'sent'; readonly vport: Vport; readonly frame: Uint8Array }
  | { readonly type: 'ring-broken'; readonly vport: Vport; readonly index: number; readonly reason: string }
  /** The card is well: its polling thread looks at queues, and commands are being carried out. */
  | { readonly type: 'pulse' }
  | { readonly type: 'log'; readonly record: LogRecord };

/** What the card's thread is started with. */
export interface CardWorkerData {
  readonly name: string;
  readonly rundir: string;
  readonly settings: CardSettings;
  /** lib/syscalls/descriptors.ts */
  readonly ledger: Int32Array;
  /** Of the process when it began (datapath/pmd/cores.ts). */
  readonly allowedCores: readonly number[];
}

/** Whether the card must start anew to take `after` over. */
export function needsReset(before: CardSettings, after: CardSettings): boolean {
  return before.mode !== after.mode || before.vfs !== after.vfs;
}
