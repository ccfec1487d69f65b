// Every action and field as text: the flows of ofctl-syntax/ through weft-ofctl's parser, encoder, decoder and printer
// and through ovs-ofctl's. What is printed and how a flow is refused must be the same.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../lib/errors.ts';
import { readFlow } from '../../src/cli/ofctl/flow-input.ts';
import { runTool } from '../support/real-ovs.ts';

const WEFT = new URL('../../dist/src/cli/weft-ofctl.js', import.meta.url).pathname;

function linesOf(name: string): string[] {
  const text = readFileSync(new URL(`ofctl-syntax/${name}`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** The flows for one version of OpenFlow. */
const accepted = (version: string): string[] =>
  linesOf('accepted.flows').flatMap((line) => {
    const [versions, flow] = line.split(' | ') as [string, string];
    return versions.split(',').includes(version) ? [flow] : [];
  });

describe('flows as text', () => {
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-syntax-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** What parse-flows prints for each flow of the file. */
  function printed(program: string, args: readonly string[], version: string, file: string): string[] {
    const words = [...args, '-O', `OpenFlow${version}`, 'parse-flows', file];
    const text = execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const flows = text.split(/^(?=OFPT_|NXT_)/m).filter((part) => /^(OFPT|NXT)_/.test(part));
    return flows.map((flow) =>
      flow.replaceAll(/xid=0x[0-9a-f]+/g, 'xid=X').replaceAll(/^(00000000 {2}.. .. .. .. )(?:.. ){4}/gm, '$1'),
    );
  }

  it.each(['10', '11', '12', '13', '14', '15'])('are printed alike with OpenFlow%s', (version) => {
    const file = join(dir, version);
    writeFileSync(file, accepted(version).join('\n'));
    expect(printed(process.execPath, [WEFT], version, file)).toEqual(printed('ovs-ofctl', [], version, file));
  });

  it('are refused in the same words', async () => {
    for (const flow of linesOf('refused.flows')) {
      const { stderr } = await runTool(dir, 'ovs-ofctl', ['-O', 'OpenFlow13', 'parse-flow', flow]);
      expect(refusal(flow), flow).toBe(stderr.replaceAll(/^.*\|(WARN|ERR)\|.*\n/gm, ''));
    }
  });
});

function refusal(flow: string): string {
  try {
    readFlow(flow, 'add', {});
    return '';
  } catch (error) {
    if (error instanceof UserError) return `ovs-ofctl: ${error.message}\n`;
    throw error;
  }
}
