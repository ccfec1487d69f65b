import { describe, expect, it } from 'vitest';
import { bpduOfFrame, decodeBpdu, encodeBpdu, frameOfBpdu } from '../../../../ofproto/spanning-tree/bpdu.ts';

/** What Open vSwitch 3.1 sent. */
const FRAME =
  '0180c2000000aa55aa55001400264242030000000000' + '8000aa66aa660000000000028000aa66aa66000180040101140002000f00';

describe('BPDUs', () => {
  const frame = Buffer.from(FRAME, 'hex');

  it('reads a Configuration BPDU and writes it as it was', () => {
    const bpdu = decodeBpdu(bpduOfFrame(frame)!);
    expect(bpdu).toMatchObject({
      type: 'config',
      config: { rootId: 0x8000aa66aa660000n, rootPathCost: 2, portId: 0x8004, maxAgeMs: 20_000, helloTimeMs: 2000 },
    });
    expect(Buffer.from(frameOfBpdu(encodeBpdu(bpdu), frame.subarray(6, 12))).toString('hex')).toBe(FRAME);
  });

  it('ignores padding, and refuses other LLC frames and lengths that lie', () => {
    expect(bpduOfFrame(Buffer.concat([frame, Buffer.alloc(8)]))).toHaveLength(35);
    for (const [at, byte] of [
      [14, 0x41],
      [16, 0x13],
      [13, 0xff],
      [13, 0x02],
    ] as const) {
      const other = Buffer.from(frame);
      other[at] = byte;
      expect(bpduOfFrame(other)).toBeUndefined();
    }
    expect(bpduOfFrame(frame.subarray(0, 16))).toBeUndefined();
  });

  it('RST BPDUs have a type, a version and a last byte of their own', () => {
    const config = decodeBpdu(bpduOfFrame(frame)!);
    if (config.type !== 'config') throw new Error('not a config');
    const bytes = encodeBpdu({ type: 'rst', config: config.config });
    expect(Buffer.from(bytes.subarray(0, 4)).toString('hex')).toBe('00000202');
    expect(bytes).toHaveLength(36);
    expect(decodeBpdu(bytes)).toEqual({ type: 'rst', config: config.config });
  });
});
