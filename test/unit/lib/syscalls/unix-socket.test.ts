// Unix sockets with descriptors, against themselves: what is passed arrives, what does not fit is not leaked.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { close, eventfd, eventfdDrain, eventfdSignal, isOpen } from '../../../../lib/syscalls/fd.ts';
import { WOULD_BLOCK } from '../../../../lib/syscalls/libc.ts';
import { accept } from '../../../../lib/syscalls/socket.ts';
import { receiveWithFds, sendWithFds, unixConnect, unixListen } from '../../../../lib/syscalls/unix-socket.ts';

const bytes = (size: number) => new Uint8Array(new ArrayBuffer(size));
const openFds = () => readdirSync('/proc/self/fd').length;

describe('unix sockets with descriptors', () => {
  let folder: string;
  let listener: number;
  let near: number;
  let far: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-socket-'));
    listener = unixListen(join(folder, 's'));
    near = unixConnect(join(folder, 's'));
    far = accept(listener);
  });
  afterEach(() => {
    for (const fd of [listener, near, far]) close(fd);
    rmSync(folder, { recursive: true });
  });

  it('receiveWithFds() installs the descriptors that sendWithFds() passed', () => {
    const event = eventfd();
    expect(sendWithFds(near, Uint8Array.of(1, 2, 3), [event, event])).toBe(3);
    const target = bytes(16);
    const { size, fds, fdsTruncated } = receiveWithFds(far, target, 8);
    expect([size, fds.length, fdsTruncated]).toEqual([3, 2, false]);
    expect([...target.subarray(0, 3)]).toEqual([1, 2, 3]);
    eventfdSignal(fds[1]!);
    expect(eventfdDrain(event)).toBe(1n);
    for (const fd of [event, ...fds]) close(fd);
    expect(fds.some(isOpen)).toBe(false);
  });

  it('receiveWithFds() installs no more than it was told to take', () => {
    const event = eventfd();
    const before = openFds();
    sendWithFds(near, bytes(1), Array<number>(9).fill(event));
    const received = receiveWithFds(far, bytes(1), 3);
    expect(received.fdsTruncated).toBe(true);
    expect(received.fds.length).toBe(3);
    expect(openFds()).toBe(before + 3);
    for (const fd of [event, ...received.fds]) close(fd);
  });

  it('says WOULD_BLOCK when nothing waits and 0 at the end', () => {
    expect(receiveWithFds(far, bytes(4), 8).size).toBe(WOULD_BLOCK);
    expect(accept(listener)).toBe(WOULD_BLOCK);
    close(near);
    expect(receiveWithFds(far, bytes(4), 8).size).toBe(0);
    near = eventfd();
  });

  it('names the path and the errno of what failed', () => {
    expect(() => unixConnect(join(folder, 'nobody'))).toThrow(/connect .*nobody: ENOENT/);
    expect(() => unixListen(join(folder, 's'))).toThrow(/EADDRINUSE/);
    expect(() => unixListen(`/${'x'.repeat(200)}`)).toThrow(/ENAMETOOLONG/);
  });
});
