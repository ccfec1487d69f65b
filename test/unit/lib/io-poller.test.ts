// The poller on real descriptors: level-triggered, writable on demand, quiet once closed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createIoPoller, type IoEvents } from '../../../lib/io-poller.ts';
import { close, eventfd, eventfdDrain, eventfdSignal, write } from '../../../lib/syscalls/fd.ts';
import { accept } from '../../../lib/syscalls/socket.ts';
import { unixConnect, unixListen } from '../../../lib/syscalls/unix-socket.ts';

const poller = createIoPoller();
const opened: number[] = [];
const own = (fd: number) => {
  opened.push(fd);
  return fd;
};
afterEach(async () => {
  await poller.close();
  for (const fd of opened.splice(0)) close(fd);
});

function socketPair(): [number, number] {
  const folder = mkdtempSync(join(tmpdir(), 'weft-poller-'));
  const listener = unixListen(join(folder, 's'));
  const near = own(unixConnect(join(folder, 's')));
  const far = own(accept(listener));
  close(listener);
  rmSync(folder, { recursive: true });
  return [near, far];
}

describe('createIoPoller()', () => {
  it('calls again until the descriptor is drained, and runs microtasks between calls', async () => {
    const fd = own(eventfd());
    let calls = 0;
    let microtasks = 0;
    poller.watch(fd, ({ readable }) => {
      expect(readable).toBe(true);
      expect(microtasks).toBe(calls);
      calls++;
      queueMicrotask(() => microtasks++);
      if (calls === 3) eventfdDrain(fd);
    });
    eventfdSignal(fd);
    await sleep(50);
    expect([calls, microtasks]).toEqual([3, 3]);
  });

  it('reports writable only when asked', async () => {
    const [near] = socketPair();
    const seen: IoEvents[] = [];
    const watch = poller.watch(near, (events) => {
      seen.push(events);
      watch.setWritable(false);
    });
    await sleep(20);
    expect(seen).toEqual([]);
    watch.setWritable(true);
    await sleep(20);
    expect(seen).toEqual([{ readable: false, writable: true, hangup: false }]);
  });

  it('reports a peer that is gone, also when it left bytes unread', async () => {
    const [near, far] = socketPair();
    write(near, Uint8Array.of(1), 1);
    close(far);
    opened.splice(opened.indexOf(far), 1);
    const events = await new Promise<IoEvents>((resolve) => {
      const watch = poller.watch(near, (got) => {
        watch.close();
        resolve(got);
      });
    });
    expect(events).toMatchObject({ readable: true, hangup: true });
  });

  it('is silent after close(), also towards what was noted already', async () => {
    const [one, two] = [own(eventfd(1)), own(eventfd(1))];
    const calls: number[] = [];
    const watches = [one, two].map((fd) =>
      poller.watch(fd, () => {
        calls.push(fd);
        for (const watch of watches) watch.close();
      }),
    );
    await sleep(30);
    expect(calls.length).toBe(1);
    expect(() => poller.watch(one, () => {})).not.toThrow();
  });
});
