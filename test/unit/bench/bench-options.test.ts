import { describe, expect, it } from 'vitest';
import { parseBenchOptions } from '../../../bench/bench-options.ts';
import { SCENARIOS } from '../../../bench/scenarios.ts';

describe('parseBenchOptions()', () => {
  it('measures weft alone by default, guests on the first core and the PMD on the last', () => {
    const options = parseBenchOptions([], 4);
    expect(options).toMatchObject({ peers: ['weft'], pmdCore: 3, guestCore: 0, runs: 5, offloadRuns: 3, start: true });
  });

  it('adds a peer, or measures it alone', () => {
    expect(parseBenchOptions(['--peer', 'ovs-dpdk'], 2).peers).toEqual(['weft', 'ovs-dpdk']);
    expect(parseBenchOptions(['--only', 'ovs-dpdk'], 2).peers).toEqual(['ovs-dpdk']);
  });

  it('knows all scenarios by name', () => {
    expect(parseBenchOptions(['--scenario', 'all'], 2).scenarios).toEqual(SCENARIOS);
    expect(parseBenchOptions(['--scenario', 'acl,normal'], 2)).toMatchObject({
      start: false,
      scenarios: [{ name: 'acl' }, { name: 'normal' }],
    });
  });

  it('takes the load scenario by name only', () => {
    expect(parseBenchOptions(['--scenario', 'load', '--flows', '50'], 2)).toMatchObject({
      load: true,
      flows: 50,
      scenarios: [],
    });
    expect(parseBenchOptions(['--scenario', 'all'], 2).load).toBe(false);
  });

  it.each([
    [['--scenario', 'fast'], 'expected one of port-forward-64'],
    [['--peer', 'vpp'], 'expected weft or ovs-dpdk'],
    [['--runs', '0'], 'expected a number from 1'],
    [['--duration', ''], 'expected a number from 0.1'],
    [['--pmd-core', '0'], 'need a core each'],
    [['--what'], 'usage:'],
  ])('refuses %j', (args, message) => {
    expect(() => parseBenchOptions(args, 2)).toThrow(message);
  });
});
