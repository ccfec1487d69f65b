// Run in a process of its own: maps over a thread's area what cannot be mapped, each failing only when the kernel has
// made room for it already, and prints the error and whether what was there is still there.
import { readFileSync } from 'node:fs';
import { Arena } from '../../dist/datapath/arena/arena.js';
import { MIB } from '../../dist/datapath/layout/memory-map.js';
import { MFD_CLOEXEC, MFD_HUGETLB, memfd } from '../../dist/lib/syscalls/memory.js';
import { AF_UNIX, SOCK_STREAM, socket } from '../../dist/lib/syscalls/socket.js';

const PATTERN = 0x5eed;

const arena = new Arena();
arena.backThread(1);
const at = arena.threadArea(1);
const word = (at + 40) >> 2;
Atomics.store(arena.views.u32, word, PATTERN);

function tryMapping(fd, size) {
  try {
    arena.mapFile(at, fd, 0n, size);
    return 'mapped';
  } catch (error) {
    return `${error.code}, ${Atomics.load(arena.views.u32, word) === PATTERN ? 'kept' : 'lost'}`;
  }
}

/** More hugepages than the machine has: what a lost race for them looks like. */
function tooManyHugepages() {
  const read = (name) => Number(readFileSync(`/sys/kernel/mm/hugepages/hugepages-2048kB/${name}`, 'utf8'));
  return (read('nr_hugepages') + read('nr_overcommit_hugepages') + 8) * 2 * MIB;
}

const hugeSize = tooManyHugepages();
const results = {
  socket: tryMapping(socket(AF_UNIX, SOCK_STREAM), 16 * MIB),
  hugepages: tryMapping(memfd('weft-test', hugeSize, MFD_CLOEXEC | MFD_HUGETLB), hugeSize),
};
console.log(JSON.stringify(results));
process.exit(0);
