// The style, executed: rules that a reviewer would otherwise have to remember.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');
const sources = files.filter((file) => /^(lib|datapath|ofproto|src|bench)\/.*\.ts$/.test(file));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Who may import whom: the first matching rule of a file decides. */
const ROOMS: readonly (readonly [from: RegExp, mayImport: RegExp])[] = [
  [/^datapath\/layout\//, /^datapath\/layout\//],
  [/^datapath\/hot\//, /^datapath\/(hot|layout)\//],
  [/^bench\/guest\/hot\//, /^(bench\/guest\/hot|datapath\/layout)\//],
  [/^lib\//, /^lib\//],
  [/^datapath\//, /^(datapath|lib)\//],
  [/^ofproto\//, /^(ofproto|lib)\/|^datapath\/(dpif\.ts|layout\/flow-key\.ts)$/],
  [/^src\//, /^(src|ofproto|datapath|lib)\//],
  [/^bench\//, /^(bench|src|ofproto|datapath|lib)\//],
];

describe('tidy', () => {
  it('imports run one way', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const rule = ROOMS.find(([from]) => from.test(file));
      for (const [, specifier] of read(file).matchAll(/from '(\.[^']+)'/g)) {
        const target = join(dirname(file), specifier!);
        if (!rule?.[1].test(target)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('every source file opens by saying what it is', () => {
    const silent = sources.filter((file) => !/^(#!.*\n)?(\/\/|\/\*)/.test(read(file)));
    expect(silent).toEqual([]);
  });

  it('files stay readable: at most 400 lines unless the first comment says why', () => {
    const long = sources.filter((file) => {
      const text = read(file);
      return text.split('\n').length > 401 && !/^(#!.*\n)?(\/\/.*\n)*\/\/.*\bLong because\b/.test(text);
    });
    expect(long).toEqual([]);
  });

  it('the hot module has no runtime, no static data and none of the instructions that a guest page could kill us with', () => {
    const text = read('dist/datapath/hot/hot.wat');
    const found = ['memory.copy', 'memory.fill', 'memory.grow', 'atomic.wait', '(data ', '~lib/rt', '(global '].filter(
      (word) => text.includes(word),
    );
    expect(found).toEqual([]);
  });
});
