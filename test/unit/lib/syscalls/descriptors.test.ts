// The ledger of a thread's descriptors.
import { describe, expect, it } from 'vitest';
import { createLedger, keepLedger, noteClosing, noteOpened, openIn } from '../../../../lib/syscalls/descriptors.ts';
import { close, eventfd, F_DUPFD_CLOEXEC, fcntl, isOpen } from '../../../../lib/syscalls/fd.ts';
import { memfd } from '../../../../lib/syscalls/memory.ts';

describe('a ledger of descriptors', () => {
  it('has what was opened and not closed since, by whichever call', () => {
    const ledger = createLedger();
    keepLedger(ledger);
    const [event, file] = [eventfd(), memfd('weft-test', 4096)];
    const copy = fcntl(file, F_DUPFD_CLOEXEC);
    expect(openIn(ledger)).toEqual([event, file, copy].sort((a, b) => a - b));
    close(file);
    expect(openIn(ledger)).toEqual([event, copy].sort((a, b) => a - b));
    for (const fd of openIn(ledger)) close(fd);
    expect(isOpen(event)).toBe(false);
    expect(openIn(ledger)).toEqual([]);
  });

  it('passes by what is no descriptor, and has room for high ones', () => {
    const ledger = createLedger();
    keepLedger(ledger);
    for (const fd of [-1, 31, 32, 63, 1 << 20]) expect(noteOpened(fd)).toBe(fd);
    expect(openIn(ledger)).toEqual([31, 32, 63]);
    for (const fd of [31, 32, 63]) noteClosing(fd);
    expect(openIn(ledger)).toEqual([]);
  });
});
