// The NSH header (RFC 8300) of datapath flows and of `set` actions: `nsh(flags=2/0x3f,ttl=63,spi=0x5,si=255)`.

/** RFC 8300, 2.2: context headers of fixed length. */
export const MD_TYPE_1 = 1;

/**
 * The fields that `mask` has any bit of, where value and mask are flags, ttl, mdtype, np (a byte each), path word and four
 * context words. Only metadata of type 1 has context words; of `mdType` another, Open vSwitch shows zeroes.
 */
export function formatNsh(value: Uint8Array, mask: Uint8Array, mdType: number): string {
  const values = new DataView(value.buffer, value.byteOffset, value.length);
  const masks = new DataView(mask.buffer, mask.byteOffset, mask.length);
  const out: string[] = [];
  const byte = (name: string, at: number) => {
    const [n, bits] = [value[at]!, mask[at]!];
    if (bits !== 0) out.push(`${name}=${bits === 0xff ? n : `${hex(n, 2)}/${hex(bits, 2)}`}`);
  };
  const word = (name: string, n: number, bits: number, ones: number) => {
    if (bits !== 0) out.push(`${name}=${hex(n, 1)}${bits === ones ? '' : `/${hex(bits, 8)}`}`);
  };
  byte('flags', 0);
  byte('ttl', 1);
  byte('mdtype', 2);
  byte('np', 3);
  word('spi', values.getUint32(4) >>> 8, masks.getUint32(4) >>> 8, 0xffffff);
  byte('si', 7);
  for (let i = 0; i < 4; i++) {
    const at = 8 + 4 * i;
    if (mdType === MD_TYPE_1) word(`c${i + 1}`, values.getUint32(at), masks.getUint32(at), 0xffffffff);
    else out.push(`c${i + 1}=0x0`);
  }
  return `nsh(${out.join(',')})`;
}

const hex = (n: number, digits: number): string => `0x${n.toString(16).padStart(digits, '0')}`;
