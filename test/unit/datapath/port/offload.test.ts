// Finishing what the kernel left to hardware: checksums and bursts, honest and not.
import { describe, expect, it } from 'vitest';
import { checksumAdd, checksumFold, finishOffload } from '../../../../datapath/port/kernel/offload.ts';

const ETH = '020000000002' + '020000000001';
const PAYLOAD_SIZE = 3000;

/** A TCP burst: Ethernet, IP, TCP with ACK|PSH|FIN|CWR, PAYLOAD_SIZE bytes of a pattern. */
function tcpBurst(ipv6: boolean): { frame: Uint8Array; l4: number } {
  const ip = ipv6
    ? '86dd' + '60000000' + '0000' + '0640' + '20010db8000000000000000000000001' + '20010db8000000000000000000000002'
    : '0800' + '45000000fff0400040060000' + '0a000001' + '0a000002';
  const tcp = '03e80050' + 'fffffff0' + '00000001' + '5099ffff' + '00000000';
  const headers = Buffer.from(ETH + ip + tcp, 'hex');
  const payload = Buffer.alloc(PAYLOAD_SIZE, 0).map((_, index) => index % 251);
  return { frame: Buffer.concat([headers, payload]), l4: headers.length - 20 };
}

function segments(frame: Uint8Array, offload: Parameters<typeof finishOffload>[1]): Uint8Array[] | false {
  const out: Uint8Array[] = [];
  return finishOffload(frame, offload, (packet) => out.push(packet.slice())) ? out : false;
}

/** The sum over the transport segment and its pseudo header; 0 when the checksum is right. */
function l4Residue(packet: Uint8Array, l4: number, addresses: readonly [number, number], protocol: number): number {
  const sum = checksumAdd(packet, addresses[0], addresses[1], protocol + packet.length - l4);
  return checksumFold(checksumAdd(packet, l4, packet.length, sum));
}

describe('finishOffload()', () => {
  it('completes a checksum from the pseudo header sum', () => {
    const headers = `${ETH}0800450000210000400040110000${'0a000001'}${'0a000002'}03e80035000d0000`;
    const frame = Buffer.concat([Buffer.from(headers, 'hex'), Buffer.from('hello')]);
    const pseudo = checksumAdd(frame, 26, 34, 17 + frame.length - 34);
    frame.writeUInt16BE(~checksumFold(pseudo) & 0xffff, 40);
    const packets = segments(frame, { csumStart: 34, csumOffset: 6, gsoType: 0, gsoSize: 0 }) as Uint8Array[];
    expect(packets.map((packet) => l4Residue(packet, 34, [26, 34], 17))).toEqual([0]);
  });

  it.each([false, true])('cuts a TCP burst (IPv6: %s) into packets of the segment size with right headers', (ipv6) => {
    const { frame, l4 } = tcpBurst(ipv6);
    const packets = segments(frame, { csumStart: l4, csumOffset: 16, gsoType: ipv6 ? 4 : 0x81, gsoSize: 1448 });
    expect(packets).toHaveLength(3);
    const addresses = ipv6 ? ([22, 54] as const) : ([26, 34] as const);
    let done = 0;
    for (const [index, packet] of (packets as Uint8Array[]).entries()) {
      const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
      expect(view.getUint32(l4 + 4)).toBe((0xfffffff0 + done) >>> 0);
      const isLast = index === 2;
      expect(packet[l4 + 13]).toBe(0x10 | (isLast ? 0x09 : 0) | (index === 0 ? 0x80 : 0));
      expect(l4Residue(packet, l4, addresses, 6)).toBe(0);
      if (ipv6) {
        expect(view.getUint16(18)).toBe(packet.length - 54);
      } else {
        expect(view.getUint16(16)).toBe(packet.length - 14);
        expect(view.getUint16(18)).toBe((0xfff0 + index) & 0xffff);
        expect(checksumFold(checksumAdd(packet, 14, 34))).toBe(0);
      }
      expect(packet.subarray(l4 + 20)).toEqual(new Uint8Array(frame.subarray(l4 + 20 + done, l4 + 20 + done + 1448)));
      done += packet.length - l4 - 20;
    }
    expect(done).toBe(PAYLOAD_SIZE);
  });

  it('cuts a UDP burst', () => {
    const headers = Buffer.from(`${ETH}0800450000000000400040110000${'0a000001'}${'0a000002'}03e8003500000000`, 'hex');
    const frame = Buffer.concat([headers, Buffer.alloc(100, 7)]);
    const packets = segments(frame, { csumStart: 34, csumOffset: 6, gsoType: 5, gsoSize: 60 }) as Uint8Array[];
    expect(packets.map((packet) => packet.length)).toEqual([102, 82]);
    for (const packet of packets) expect(l4Residue(packet, 34, [26, 34], 17)).toBe(0);
  });

  it('leaves room in front of every segment for a VLAN tag', () => {
    const { frame, l4 } = tcpBurst(false);
    const offload = { csumStart: l4, csumOffset: 16, gsoType: 1, gsoSize: 1448 };
    finishOffload(frame, offload, (packet) => expect(packet.byteOffset).toBeGreaterThanOrEqual(4));
  });

  it('refuses bursts whose headers make no sense', () => {
    const { frame, l4 } = tcpBurst(false);
    const good = { csumStart: l4, csumOffset: 16, gsoType: 1, gsoSize: 1448 };
    expect(segments(frame, { ...good, gsoSize: 0 })).toBe(false);
    expect(segments(frame, { ...good, csumStart: l4 + 2 })).toBe(false);
    expect(segments(frame, { ...good, csumStart: 65_535 })).toBe(false);
    expect(segments(frame, { ...good, csumStart: undefined })).toBe(false);
    expect(segments(frame, { ...good, gsoType: 5 })).toBe(false);
    expect(segments(frame.subarray(0, 40), good)).toBe(false);
    expect(segments(frame, { csumStart: 2990, csumOffset: 65_535, gsoType: 0, gsoSize: 0 })).toBe(false);
    frame[l4 + 12] = 0x10;
    expect(segments(frame, good)).toBe(false);
  });
});
