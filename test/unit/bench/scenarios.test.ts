import { describe, expect, it } from 'vitest';
import { GUEST_ADDRS, UDP_DST_PORT } from '../../../bench/guest/template.ts';
import { accessList, SCENARIOS } from '../../../bench/scenarios.ts';

describe('accessList()', () => {
  const rules = accessList();

  it('has twenty masks before the rule that forwards', () => {
    const masks = rules.map((rule) => /(tp_dst|nw_src)=[^/]+\/([^,]+)/.exec(rule)?.slice(1).join('/'));
    expect(new Set(masks.slice(0, 20)).size).toBe(20);
    expect(rules.at(-1)).toContain('actions=output');
  });

  it('matches none of the generated traffic before that', () => {
    for (const rule of rules.slice(0, 20)) {
      const port = /tp_dst=(0x[0-9a-f]+)\/(0x[0-9a-f]+)/.exec(rule);
      const address = /nw_src=([\d.]+)\/([\d.]+)/.exec(rule);
      const number = (quad = '') => quad.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
      const [actual, value, mask] = port
        ? [UDP_DST_PORT, Number(port[1]), Number(port[2])]
        : [GUEST_ADDRS[0], number(address?.[1]), number(address?.[2])];
      expect((actual & mask) >>> 0, rule).not.toBe(value);
    }
  });
});

describe('SCENARIOS', () => {
  it('have names of their own and flows for each one', () => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
    const thousand = SCENARIOS.find(({ name }) => name === 'flows-1000')?.flows() ?? [];
    expect(new Set(thousand).size).toBe(1000);
    expect(thousand[999]).toContain('nw_dst=10.16.3.232');
  });
});
