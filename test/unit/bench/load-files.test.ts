import { describe, expect, it } from 'vitest';
import { FLOW_FILES, fileText } from '../../../bench/load/flow-files.ts';
import { parseFlow } from '../../../ofproto/text/parse-flow.ts';

describe('FLOW_FILES', () => {
  it.each(FLOW_FILES)('$name: flows that can be read, no two with the same match', (file) => {
    const lines = fileText(file, 3000).trimEnd().split('\n');
    expect(new Set(lines.map((line) => line.replace(/,?(cookie=\d+|actions=.*)/g, ''))).size).toBe(3000);
    for (const line of lines.slice(0, 200)) expect(() => parseFlow(line, 'add')).not.toThrow();
  });
});
