// What a NIC model is configured with: the card, its functions, and what is behind each vport. Plain data, which travels
// to the card's thread; model-options.ts makes it of what an operator wrote.

import type { PortType } from '../../dpif.ts';
import type { Vport } from '../provider.ts';

export type EswitchMode = 'legacy' | 'switchdev';
export const VF_MAX = 128;
/** VF `n` is vport `n + 1`; WIRE is 0. */
export const vportOfVf = (vf: number): Vport => vf + 1;
export const vfOfVport = (vport: Vport): number => vport - 1;
/** The physical function's own vport, which it has in legacy mode only: in switchdev mode it is the wire's representor. */
export const PF: Vport = 255;
/** The card's side of vport `v`'s representor is port REPRESENTORS + v of the eSwitch. */
export const REPRESENTORS = 512;

/** What is behind a vport: a port of the card's own datapath. */
export interface EndSettings {
  readonly type: PortType;
  /** The device's name for `tap` and `system`, the socket's or the dummy's for the others. */
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** `auto`: as the port in weft is; the others whatever that is. */
export type LinkState = 'auto' | 'enable' | 'disable';

export interface FunctionSettings {
  readonly mac: string;
  /** Port VLAN, of legacy mode; 0: none. */
  readonly vlan: number;
  /** May use other addresses than its own and be promiscuous (legacy mode). */
  readonly trust: boolean;
  /** Wants all frames of its VLAN; only a trusted function gets them. */
  readonly promisc: boolean;
  readonly spoofchk: boolean;
  readonly link: LinkState;
  /** Mbit/s that the function may send; 0: no limit. */
  readonly rateMbps: number;
  readonly end: EndSettings;
}

export interface CardSettings {
  readonly mode: EswitchMode;
  readonly vfs: number;
  readonly tableSize: number;
  /** Outputs of one flow at most. */
  readonly outputMax: number;
  /** From a flow's arrival until it is in force, in microseconds. */
  readonly insertLatencyUs: number;
  /** Flows a second that the firmware takes; 0: no limit. */
  readonly insertRate: number;
  /** Where the card's polling thread runs; undefined: the last core that no PMD thread has. */
  readonly core: number | undefined;
  /** Without a sign of life for so many seconds, the card is reset; 0: never. */
  readonly watchdogS: number;
  readonly wire: EndSettings;
  /** By VF. */
  readonly functions: readonly FunctionSettings[];
}
