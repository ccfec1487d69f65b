// options of a `vf` port that concern weft's side of it: the card's name and the shape of the rings, by the names that
// Open vSwitch has for DPDK ports. What else is there is for the card.

import { UserError } from '../../../lib/errors.ts';
import type { PortSpec } from '../../dpif.ts';
import { PCI_CARD } from '../../nic/vfio/pci-card.ts';

const MTU_DEFAULT = 1500;
const RING_SIZE_DEFAULT = 512;
const RING_SIZE_MIN = 64;
const RING_SIZE_MAX = 4096;
/** Ethernet header and two tags on top of the MTU, as Open vSwitch allows. */
const L2_OVERHEAD = 14 + 8;

export interface VfOptions {
  readonly nic: string;
  readonly pairs: number;
  readonly rxSize: number;
  readonly txSize: number;
  /** Interface.mtu_request. */
  readonly mtu: number | undefined;
}

/** Throws UserError for options that mean nothing. */
export function vfOptions({ options, mtu }: PortSpec): VfOptions {
  const nic = options['nic'] ?? (options['pci'] === undefined ? undefined : PCI_CARD);
  if (!nic) throw new UserError('neither options:nic (a card) nor options:pci (a PCI address) is set');
  return {
    nic,
    pairs: number(options, 'n_rxq', 1, 1, 16),
    rxSize: ringSize(options, 'n_rxq_desc'),
    txSize: ringSize(options, 'n_txq_desc'),
    mtu,
  };
}

/** The MTU in force, and the longest frame that it allows. */
export function frameSizes(wanted: number | undefined, functionMtu: number | undefined) {
  const mtu = wanted ?? functionMtu ?? MTU_DEFAULT;
  return { mtu, frameMax: mtu + L2_OVERHEAD };
}

function ringSize(options: PortSpec['options'], name: string): number {
  const size = number(options, name, RING_SIZE_DEFAULT, RING_SIZE_MIN, RING_SIZE_MAX);
  if (Number.isInteger(Math.log2(size))) return size;
  throw new UserError(`options:${name}=${size} is not a power of two`);
}

function number(options: PortSpec['options'], name: string, fallback: number, min: number, max: number): number {
  const text = options[name];
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UserError(`options:${name}=${text} is no number from ${min} to ${max}`);
}
