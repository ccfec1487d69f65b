import { describe, expect, it } from 'vitest';
import { decodeSlowFrame, encodeLacpFrame } from '../../../../ofproto/bonds/lacp-pdu.ts';

/** As Open vSwitch sent it. */
const FRAME = Buffer.from(
  `0180c2000002aa55aa550011880901010114fffeaa66aa6600010001ffff00013f0000000214fffeaa66aa660002000bffff000b3c000000${'0310'.padEnd(136, '0')}`,
  'hex',
);
const INFO = { sysPriority: 0xfffe, portPriority: 0xffff };
const PDU = {
  actor: { ...INFO, sysId: Uint8Array.from(Buffer.from('aa66aa660001', 'hex')), key: 1, portId: 1, state: 0x3f },
  partner: { ...INFO, sysId: Uint8Array.from(Buffer.from('aa66aa660002', 'hex')), key: 11, portId: 11, state: 0x3c },
};

describe('LACPDU', () => {
  it('is encoded byte for byte as Open vSwitch encodes it', () => {
    expect(Buffer.from(encodeLacpFrame(Buffer.from('aa55aa550011', 'hex'), PDU)).toString('hex')).toBe(
      FRAME.toString('hex'),
    );
  });

  it('is decoded, behind a tag too', () => {
    expect(decodeSlowFrame(FRAME)).toEqual(PDU);
    const tagged = Buffer.concat([FRAME.subarray(0, 12), Buffer.from('81000005', 'hex'), FRAME.subarray(12)]);
    expect(decodeSlowFrame(tagged)).toEqual(PDU);
  });

  it('that does not hold together is bad', () => {
    for (let size = 0; size < FRAME.length; size++) expect(decodeSlowFrame(FRAME.subarray(0, size))).toBe('bad');
    for (const at of [14, 16, 17, 36, 37]) {
      const wrong = Uint8Array.from(FRAME);
      wrong[at]! ^= 0x40;
      expect(decodeSlowFrame(wrong), `byte ${at}`).toBe('bad');
    }
  });

  it('is not what a marker is', () => {
    const marker = Uint8Array.from(FRAME);
    marker[14] = 2;
    expect(decodeSlowFrame(marker)).toBe('marker');
  });
});
