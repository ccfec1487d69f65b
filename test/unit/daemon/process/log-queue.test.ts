import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogQueue } from '../../../../src/daemon/process/log-queue.ts';

describe('LogQueue', () => {
  it('writes everything in order before close() resolves', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'weft-log-'));
    const queue = new LogQueue(openSync(join(dir, 'log'), 'a'), () => {});
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i} ü\n`);
    for (const line of lines) queue.write(line);
    await queue.close();
    expect(readFileSync(join(dir, 'log'), 'utf8')).toBe(lines.join(''));
    rmSync(dir, { recursive: true });
  });

  it('loses what does not fit on the disk, without waiting', async () => {
    const queue = new LogQueue(openSync('/dev/full', 'a'), () => {});
    for (let i = 0; i < 100; i++) queue.write('x\n');
    queue.flush();
    await queue.close();
  });

  it('bounds what waits, and reports the loss once it writes again', async () => {
    const reports: string[] = [];
    const fd = openSync('/dev/null', 'a');
    const queue = new LogQueue(fd, (text) => reports.push(text));
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 8; i++) queue.write(megabyte);
    await queue.close();
    expect(() => closeSync(fd)).toThrow('EBADF');
    expect(reports).toEqual(['3 log messages were lost (the queue was full)']);
  });
});
