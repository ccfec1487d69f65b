// A guest's memory can go away under the datapath: every access must then trap in wasm, and the process live.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../support/unmapped-page.mjs', import.meta.url));
const failedMapping = fileURLToPath(new URL('../support/failed-mapping.mjs', import.meta.url));

describe('access to memory that is not there', () => {
  it('traps for every kind of access, unmapped or truncated, and the process lives', () => {
    const results = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as Record<
      string,
      string
    >;
    expect(Object.keys(results)).toHaveLength(16);
    expect(new Set(Object.values(results))).toEqual(new Set(['trap']));
  });
});

describe('a mapping that fails', () => {
  it('leaves what was in its place', () => {
    const output = execFileSync(process.execPath, [failedMapping], { encoding: 'utf8' });
    expect(JSON.parse(output.trim().split('\n').at(-1)!)).toEqual({
      socket: 'ENODEV, kept',
      hugepages: 'ENOMEM, kept',
    });
  });
});
