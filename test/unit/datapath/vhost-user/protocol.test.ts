// Payload decoders: what the protocol allows passes, everything else names its rule.
import { describe, expect, it } from 'vitest';
import { MemoryTable } from '../../../../datapath/port/vhost-user/memory-table.ts';
import * as protocol from '../../../../datapath/port/vhost-user/protocol.ts';
import { ProtocolError } from '../../../../lib/errors.ts';
import { message, u64, vringState } from '../../../support/guest/front-end.ts';

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

interface RegionFields {
  guestAddr?: bigint;
  size?: bigint;
  userAddr?: bigint;
  mmapOffset?: bigint;
}

function memTable(regions: readonly RegionFields[], count = regions.length): Uint8Array {
  const payload = new Uint8Array(8 + regions.length * 32);
  const view = new DataView(payload.buffer);
  view.setUint32(0, count, true);
  for (const [index, region] of regions.entries()) {
    view.setBigUint64(8 + index * 32, region.guestAddr ?? 0n, true);
    view.setBigUint64(16 + index * 32, region.size ?? 0x1000n, true);
    view.setBigUint64(24 + index * 32, region.userAddr ?? 0x7f00_0000_0000n, true);
    view.setBigUint64(32 + index * 32, region.mmapOffset ?? 0n, true);
  }
  return payload;
}

describe('decodeHeader()', () => {
  it('reads request, size and need_reply', () => {
    const header = message(5, new Uint8Array(0), protocol.VHOST_USER_NEED_REPLY, 264).subarray(0, 12);
    expect(protocol.decodeHeader(header)).toEqual({ request: 5, needReply: true, size: 264 });
  });

  it('refuses another version, and a size beyond every request', () => {
    const wrongVersion = message(1);
    wrongVersion[4] = 2;
    expect(codeOf(() => protocol.decodeHeader(wrongVersion))).toBe('vhost-user-version');
    const tooLong = message(1, new Uint8Array(0), 0, 0xffff_ffff);
    expect(codeOf(() => protocol.decodeHeader(tooLong))).toBe('vhost-user-payload-size');
  });
});

describe('ring decoders', () => {
  it('take a power of two up to 32768 as a size', () => {
    expect(protocol.decodeVringNum(vringState(3, 32768))).toEqual({ index: 3, value: 32768 });
    for (const size of [0, 3, 65536, 0xffff_ffff]) {
      expect(codeOf(() => protocol.decodeVringNum(vringState(0, size)))).toBe('vhost-user-ring-size');
    }
  });

  it('refuse rings that this back-end does not have', () => {
    expect(codeOf(() => protocol.decodeVringState(vringState(protocol.RINGS_MAX, 0)))).toBe('vhost-user-ring-index');
    expect(codeOf(() => protocol.decodeVringFd(u64(0xff), 1))).toBe('vhost-user-ring-index');
  });

  it('refuse a base of more than 16 bits', () => {
    expect(codeOf(() => protocol.decodeVringBase(vringState(0, 0x10000)))).toBe('vhost-user-ring-base');
  });

  it('want a descriptor exactly when the no-fd bit is clear', () => {
    expect(protocol.decodeVringFd(u64(1), 1)).toEqual({ index: 1, hasFd: true });
    expect(protocol.decodeVringFd(u64(0x101), 0)).toEqual({ index: 1, hasFd: false });
    expect(codeOf(() => protocol.decodeVringFd(u64(1), 0))).toBe('vhost-user-fds');
    expect(codeOf(() => protocol.decodeVringFd(u64(0x101), 1))).toBe('vhost-user-fds');
  });

  it('check the payload length first', () => {
    expect(codeOf(() => protocol.decodeVringAddr(new Uint8Array(39)))).toBe('vhost-user-payload-size');
    expect(codeOf(() => protocol.decodeU64(new Uint8Array(9)))).toBe('vhost-user-payload-size');
    expect(codeOf(() => protocol.decodeEmpty(new Uint8Array(1)))).toBe('vhost-user-payload-size');
  });
});

describe('decodeMemTable()', () => {
  it('reads one to eight regions, with room to spare behind them', () => {
    const padded = new Uint8Array(264);
    padded.set(memTable([{ guestAddr: 0x1000n }]));
    expect(protocol.decodeMemTable(padded, 1)).toEqual([
      { guestAddr: 0x1000n, size: 0x1000n, userAddr: 0x7f00_0000_0000n, mmapOffset: 0n },
    ]);
  });

  it('refuses counts that do not fit the payload, the descriptors or the protocol', () => {
    expect(codeOf(() => protocol.decodeMemTable(memTable([]), 0))).toBe('vhost-user-memory-count');
    expect(codeOf(() => protocol.decodeMemTable(memTable([{}], 9), 8))).toBe('vhost-user-memory-count');
    expect(codeOf(() => protocol.decodeMemTable(memTable([{}], 2), 2))).toBe('vhost-user-payload-size');
    expect(codeOf(() => protocol.decodeMemTable(memTable([{}]), 0))).toBe('vhost-user-fds');
    expect(codeOf(() => protocol.decodeMemTable(memTable([{}]), 2))).toBe('vhost-user-fds');
    expect(codeOf(() => protocol.decodeMemTable(new Uint8Array(4), 0))).toBe('vhost-user-payload-size');
  });

  it('refuses regions without size, and ends beyond 2^64', () => {
    expect(codeOf(() => protocol.decodeMemTable(memTable([{ size: 0n }]), 1))).toBe('vhost-user-memory-empty');
    const high = 0xffff_ffff_ffff_f000n;
    for (const region of [{ guestAddr: high }, { userAddr: high }, { mmapOffset: high }]) {
      const table = memTable([{ ...region, size: 0x2000n }]);
      expect(codeOf(() => protocol.decodeMemTable(table, 1))).toBe('vhost-user-memory-overflow');
    }
  });
});

describe('MemoryTable', () => {
  const region = (guestAddr: bigint, userAddr: bigint, size = 0x1000n) => ({
    guestAddr,
    userAddr,
    size,
    mmapOffset: 0n,
  });

  it('finds guest addresses by user address, whole 64 bits of them', () => {
    const table = new MemoryTable([region(0x1000n, 0x7fff_ffff_0000n), region(0x7fff_0000_0000n, 0x9000n)]);
    expect(table.guestAddrOf(0x7fff_ffff_0fffn)).toBe(0x1fffn);
    expect(table.guestAddrOf(0x9010n)).toBe(0x7fff_0000_0010n);
    expect(table.guestAddrOf(0xa000n)).toBeUndefined();
    expect(table.guestAddrOf(0x8fffn)).toBeUndefined();
  });

  it('refuses regions that overlap in either address', () => {
    expect(codeOf(() => new MemoryTable([region(0n, 0n), region(0xfffn, 0x10000n)]))).toBe('vhost-user-memory-overlap');
    expect(codeOf(() => new MemoryTable([region(0n, 0n), region(0x1000n, 0xfffn)]))).toBe('vhost-user-memory-overlap');
    expect(new MemoryTable([region(0n, 0n), region(0x1000n, 0x1000n)]).regions.length).toBe(2);
  });

  it('removes only a region that it has', () => {
    const table = new MemoryTable([region(0n, 0n)]).with(region(0x1000n, 0x1000n));
    expect(table.without(region(0n, 0n)).regions).toEqual([region(0x1000n, 0x1000n)]);
    expect(codeOf(() => table.without(region(0n, 0n, 0x2000n)))).toBe('vhost-user-memory-unknown');
  });
});
