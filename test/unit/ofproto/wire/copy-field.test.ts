// copy_field: what came as OpenFlow's own goes out as it where the version has it, as Open vSwitch has it.
import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../../../lib/cursors.ts';
import { decodeActions, encodeActions } from '../../../../ofproto/wire/actions.ts';

const OPENFLOW15 = '001c00180020000000000000000100040001020400000000';
const ONF13 = 'ffff00204f4e46000c8000000020000000000000000100040001020400000000';
const NICIRA = 'ffff00180000232000060020000000000001000400010204';
const [V10, V13, V14, V15] = [1, 4, 5, 6] as const;

function again(hex: string, from: number, to: number): string {
  const w = new Writer();
  encodeActions(w, decodeActions(new Reader(Buffer.from(hex, 'hex')), from), to);
  return Buffer.from(w.finish()).toString('hex');
}

describe('copy_field', () => {
  it.each([
    ['of 1.5 in 1.5', OPENFLOW15, V15, V15, OPENFLOW15],
    ['of 1.5 in 1.4', OPENFLOW15, V15, V14, NICIRA],
    ['of 1.5 in 1.3', OPENFLOW15, V15, V13, ONF13],
    ['of 1.5 in 1.0', OPENFLOW15, V15, V10, NICIRA],
    ['of the extension in 1.3', ONF13, V13, V13, ONF13],
    ["of Nicira's move in 1.3", NICIRA, V13, V13, NICIRA],
    ["of Nicira's move in 1.5", NICIRA, V13, V15, OPENFLOW15],
  ])('%s', (_, hex, from, to, expected) => expect(again(hex, from, to)).toBe(expected));
});
