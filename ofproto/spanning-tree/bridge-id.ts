// Identifiers of bridges and ports (IEEE 802.1D-2004, 9.2.5, 9.2.7): a priority with an address or a number behind it. Both
// are compared as unsigned numbers, the lower being the better; a bridge's 64 bits are held in a bigint.

export type BridgeId = bigint;
/** Priority in the upper bits, port number in the lower: 8 and 8 of them (STP), or 4 and 12 (RSTP). */
export type PortId = number;

const ADDRESS_BITS = 48n;
const ADDRESS_MASK = (1n << ADDRESS_BITS) - 1n;

export function bridgeId(priority: number, address: Uint8Array): BridgeId {
  return (BigInt(priority) << ADDRESS_BITS) | BigInt(`0x${Buffer.from(address).toString('hex')}`);
}

export const priorityOf = (id: BridgeId): number => Number(id >> ADDRESS_BITS);

const addressHex = (id: BridgeId): string => (id & ADDRESS_MASK).toString(16).padStart(12, '0');

/** `aa:bb:cc:dd:ee:ff` */
export const addressText = (id: BridgeId): string => addressHex(id).match(/../g)!.join(':');

/** `8000.aabbccddeeff`, as Bridge.status has it. */
export const stpIdText = (id: BridgeId): string => `${priorityOf(id).toString(16).padStart(4, '0')}.${addressHex(id)}`;

/** `8.000.aabbccddeeff`: priority, system ID extension and address, as Bridge.rstp_status has it. */
export function rstpIdText(id: BridgeId): string {
  const [priority, ...extension] = priorityOf(id).toString(16).padStart(4, '0');
  return `${priority}.${extension.join('')}.${addressHex(id)}`;
}

export const portIdText = (id: PortId): string => id.toString(16).padStart(4, '0');
