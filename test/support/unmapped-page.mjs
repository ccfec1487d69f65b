// Run in a process of its own: touches an inaccessible page of the arena, and a page behind the end of a truncated file,
// with every kind of access that the hot module makes to guests, and prints what each one did.
import { ftruncateSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import asc from 'assemblyscript/asc';
import { Arena } from '../../dist/datapath/arena/arena.js';
import { toOffset } from '../../dist/datapath/arena/offset.js';
import { forwardBusErrors } from '../../dist/lib/syscalls/fault-signals.js';
import { memfd } from '../../dist/lib/syscalls/memory.js';

setFlagsFromString('--no-liftoff');
const source = `
export function loadByte(at: u32): u32 { return load<u8>(at); }
export function storeWord(at: u32): u32 { store<u64>(at, 1); return 0; }
export function loadVector(at: u32): u32 { return i32x4.extract_lane(v128.load(at), 0); }
export function storeVector(at: u32): u32 { v128.store(at, i32x4.splat(1)); return 0; }
export function atomicLoad(at: u32): u32 { return atomic.load<u16>(at); }
export function atomicStore(at: u32): u32 { atomic.store<u16>(at, 1); return 0; }
export function compareExchange(at: u32): u32 { return atomic.cmpxchg<u32>(at, 0, 1); }
export function atomicOr(at: u32): u32 { return atomic.or<u8>(at, 1); }
`;
const { binary, error } = await asc.compileString(source, {
  optimizeLevel: 3,
  runtime: 'stub',
  noExportMemory: true,
  importMemory: true,
  sharedMemory: true,
  initialMemory: 65536,
  maximumMemory: 65536,
  enable: ['simd', 'threads'],
  use: ['abort='],
});
if (error) throw error;
const arena = new Arena();
if (!forwardBusErrors()) throw new Error('SIGBUS is not forwarded');
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory: arena.memory } });
const hole = 0xc0000000;
const truncated = 0xd0000000;
const fd = memfd('truncated', 4096);
arena.mapFile(toOffset(truncated), fd, 0n, 4096);
ftruncateSync(fd, 0);
const results = {};
for (const [name, access] of Object.entries(exports)) {
  for (const [place, at] of Object.entries({ hole, truncated })) {
    try {
      access(at);
      results[`${name} ${place}`] = 'no trap';
    } catch (trap) {
      results[`${name} ${place}`] = trap instanceof WebAssembly.RuntimeError ? 'trap' : String(trap);
    }
  }
}
console.log(JSON.stringify(results));
process.exit(0);
