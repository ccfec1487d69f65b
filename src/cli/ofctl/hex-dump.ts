// Bytes in rows of sixteen with their offset and printable characters.

/** `00000000  01 02 ... -09 ... |........|`, each row with a newline. */
export function hexDump(bytes: Uint8Array): string {
  let out = '';
  for (let row = 0; row < bytes.length; row += 16) {
    const cells = Array.from({ length: 16 }, (_, i) => {
      const byte = bytes[row + i];
      return byte === undefined ? '  ' : byte.toString(16).padStart(2, '0');
    });
    const text = Array.from({ length: 16 }, (_, i) => printable(bytes[row + i])).join('');
    const half = bytes[row + 7] === undefined ? ' ' : '-';
    out += `${row.toString(16).padStart(8, '0')}  ${cells.slice(0, 8).join(' ')}${half}${cells.slice(8).join(' ')} |${text}|\n`;
  }
  return out;
}

function printable(byte: number | undefined): string {
  if (byte === undefined) return ' ';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
}
