// Addresses that bridges do not forward (IEEE 802.1Q table 8-1) and those of discovery protocols like them.

const RESERVED: ReadonlySet<string> = new Set([
  '00e02b000000',
  '00e02b000004',
  '00e02b000006',
  '01000c000000',
  '01000ccccccc',
  '01000ccccccd',
]);

export function isReserved(mac: Uint8Array): boolean {
  if (mac[0] !== 0x01 && !(mac[1] === 0xe0 && mac[2] === 0x2b)) return false;
  const text = Buffer.from(mac).toString('hex');
  return (
    text.startsWith('0180c200000') || RESERVED.has(text) || (text.startsWith('01000ccdcdc') && text >= '01000ccdcdcd')
  );
}
