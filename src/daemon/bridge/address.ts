// A bridge's Ethernet address and datapath id, by Open vSwitch's rules: other_config:hwaddr, else the lowest address of
// its ports; the datapath id is other_config:datapath-id, else that address.

import { createHash } from 'node:crypto';

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** An address as a bridge could take it over. */
export interface AddressCandidate {
  readonly mac: string | undefined;
  readonly isInternal: boolean;
}

/** Lower-cases an Ethernet address; undefined when it is none, or not one interface's (multicast, zero). */
export function parseMac(text: string | undefined): string | undefined {
  const mac = text?.trim().toLowerCase();
  if (mac === undefined || !MAC.test(mac) || mac === '00:00:00:00:00:00') return undefined;
  return firstByte(mac) & 1 ? undefined : mac;
}

/**
 * The address that the bridge's local port shall have; undefined leaves it with its own. Made-up (locally administered)
 * addresses do not count, and internal ports only when no other port has one.
 */
export function pickBridgeMac(hwaddr: string | undefined, ports: readonly AddressCandidate[]): string | undefined {
  const forced = parseMac(hwaddr);
  if (forced !== undefined) return forced;
  const usable = ports.filter(({ mac }) => {
    const parsed = parseMac(mac);
    return parsed !== undefined && !(firstByte(parsed) & 2);
  });
  const outside = usable.filter(({ isInternal }) => !isInternal);
  return (outside.length > 0 ? outside : usable).map(({ mac }) => mac!.toLowerCase()).sort()[0];
}

/** other_config:datapath-id is 16 hex digits, or 0x and up to 16; zero is none. */
export function parseDatapathId(text: string | undefined): bigint | undefined {
  const digits = text === undefined ? undefined : /^(?:0x([0-9a-f]{1,16})|([0-9a-f]{16}))$/i.exec(text);
  const id = digits ? BigInt(`0x${digits[1] ?? digits[2]}`) : 0n;
  return id === 0n ? undefined : id;
}

/** Bridge.datapath_id: 16 hex digits. */
export function formatDatapathId(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}

/** The bridge's datapath id; `seed` names a bridge that has neither an id nor an address. */
export function pickDatapathId(configured: string | undefined, mac: string | undefined, seed: string): bigint {
  const forced = parseDatapathId(configured);
  if (forced !== undefined) return forced;
  const parsed = parseMac(mac) ?? madeUpMac(seed);
  return BigInt(`0x${parsed.replaceAll(':', '')}`);
}

/** A locally administered address that is the same for the same seed. */
export function madeUpMac(seed: string): string {
  const bytes = createHash('sha256').update(seed).digest().subarray(0, 6);
  bytes[0] = (bytes[0]! & 0xfc) | 2;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function firstByte(mac: string): number {
  return Number.parseInt(mac.slice(0, 2), 16);
}
