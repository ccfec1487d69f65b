// SIGBUS as SIGSEGV. A page behind the end of a truncated file raises SIGBUS, which V8 does not handle; V8's SIGSEGV
// handler turns the same fault in wasm code into a RuntimeError. So SIGBUS is sent on to that handler as if it were
// SIGSEGV, by 17 bytes of x86-64 in a page of their own:  mov edi, 11 ; mov rax, handler ; jmp rax

import koffi from 'koffi';
import { libc } from './libc.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, mmap, PROT_EXEC, PROT_READ, PROT_WRITE } from './memory.ts';

const SIGBUS = 7;
const SIGSEGV = 11;
const PAGE_SIZE = 4096;
/** struct sigaction of x86-64 Linux glibc: handler u64, mask 128 bytes, flags i32, pad, restorer u64. */
const SIGACTION_SIZE = 152;
const SA_HANDLER = 0;

/** Installs the forwarding; false where it cannot be (another architecture, no SIGSEGV handler). */
export function forwardBusErrors(): boolean {
  if (process.arch !== 'x64') return false;
  const sigaction = libc.func('int sigaction(int signum, const uint8_t *act, _Out_ uint8_t *oldact)');
  const action = Buffer.alloc(SIGACTION_SIZE);
  const installed = Buffer.alloc(SIGACTION_SIZE);
  if (sigaction(SIGSEGV, null, action) !== 0) return false;
  const handler = action.readBigUInt64LE(SA_HANDLER);
  if (handler <= 1n) return false;
  // Another datapath of this process has done it.
  if (sigaction(SIGBUS, null, installed) === 0 && installed.readBigUInt64LE(SA_HANDLER) > 1n) return true;
  const page = mmap(0n, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n);
  const code = Buffer.from([0xbf, SIGSEGV, 0, 0, 0, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0]);
  code.writeBigUInt64LE(handler, 7);
  koffi.encode(page, koffi.array('uint8_t', code.length), [...code]);
  action.writeBigUInt64LE(page, SA_HANDLER);
  return sigaction(SIGBUS, action, null) === 0;
}
