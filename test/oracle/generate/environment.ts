// What a generator knows while it makes one flow: chance, the version, and which headers the flow's match promises.
import type { Random } from '../../support/random-frames.ts';
import { type Feature, isOn } from '../features.ts';
import type { Version } from '../openflow-link.ts';
import type { FieldSpec } from './fields.ts';
import type { GeneratedPacket } from './packets.ts';

export interface Environment {
  readonly random: Random;
  readonly version: Version;
  readonly packets: readonly GeneratedPacket[];
  readonly tableId: number;
  readonly groupIds: readonly number[];
  /** Shorthands that the match implies: `ip` and `tcp` for a match on tcp. */
  readonly promised: ReadonlySet<string>;
  /** How deep actions are nested in others. */
  readonly depth: number;
}

/** The last table that flows are made for. */
export const LAST_TABLE = 5;

const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  tcp: ['ip'],
  udp: ['ip'],
  sctp: ['ip'],
  icmp: ['ip'],
  tcp6: ['ipv6'],
  udp6: ['ipv6'],
  sctp6: ['ipv6'],
  icmp6: ['ipv6'],
};

/** What a match that starts with `shorthand` promises. */
export function promises(shorthand: string): Set<string> {
  const first = shorthand.split(',')[0]!;
  return new Set([shorthand, first, ...(IMPLIED[first] ?? [])].filter((word) => word !== ''));
}

export function isAllowed(field: FieldSpec, { version, promised }: Pick<Environment, 'version' | 'promised'>): boolean {
  if (!isOn(field.feature)) return false;
  if (field.since !== undefined && version < field.since) return false;
  return field.needs === undefined || field.needs.some((need) => promised.has(need));
}

export const chance = ({ random }: { readonly random: Random }, percent: number): boolean =>
  random.below(100) < percent;
export const usable = (feature: Feature | undefined): boolean => isOn(feature);

/** A random number of so many bits, now and then all ones or nearly zero. */
export function randomBits(random: Random, bits: number): bigint {
  const shape = random.below(4);
  if (shape === 0) return BigInt(random.below(4)) & ((1n << BigInt(bits)) - 1n);
  if (shape === 1) return (1n << BigInt(bits)) - 1n;
  return BigInt(`0x${random.bytes(Math.ceil(bits / 8)).toString('hex')}`) & ((1n << BigInt(bits)) - 1n);
}
