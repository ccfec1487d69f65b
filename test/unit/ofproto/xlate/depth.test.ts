// How deep tables may call one another: ovs-actions(7), "Resubmit recursion".
import { describe, expect, it } from 'vitest';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

/** The datapath actions for a packet when table `n` holds `actionsOf(n)`. */
function actionsFor(tables: number, actionsOf: (table: number) => string): string {
  const fixture = new SwitchFixture();
  for (let n = 0; n < tables; n++) fixture.flowMod(`table=${n},actions=${actionsOf(n)}`);
  fixture.dpif.miss(fixture.key('in_port=1'), 60);
  const [megaflow] = fixture.megaflows();
  return /actions:(.*)$/.exec(megaflow!)![1]!;
}

describe('table recursion', () => {
  it('has no limit towards later tables', () => {
    expect(actionsFor(200, (n) => (n === 199 ? 'output:2' : `resubmit(,${n + 1})`))).toBe('2');
  });

  it('ends after 64 steps to earlier tables or the same', () => {
    const back = (first: number) => (n: number) =>
      n === 0 ? `resubmit(,${first})` : n === 1 ? 'output:2' : `resubmit(,${n - 1})`;
    expect(actionsFor(66, back(65))).toBe('2');
    expect(actionsFor(67, back(66))).toBe('drop');
  });

  it("counts a packet-out's own step to a table, which a packet that comes in does not take", () => {
    const fixture = new SwitchFixture();
    fixture.flowMod('table=0,actions=resubmit(,0)');
    const steps = (text: string) => text.match(/^ *0\. /gm)!.length;
    expect(steps(fixture.br0.trace({ flow: 'in_port=1,ip' }))).toBe(65);
    expect(steps(fixture.br0.trace({ flow: 'in_port=1,ip', actions: 'resubmit(,0)' }))).toBe(64);
  });

  it('cannot exhaust the stack', () => {
    const nested = (n: number) => `clone(clone(resubmit(,${(n + 1) % 250})))`;
    expect(actionsFor(250, nested)).toBe('drop');
    expect(actionsFor(1, () => `${'clone('.repeat(600)}output:2${')'.repeat(600)}`)).toBe('drop');
  });

  it('cannot double the work without end', () => {
    expect(actionsFor(1, () => `${'check_pkt_larger(100)->reg0[0],'.repeat(40)}output:2`)).toBe('drop');
  });
});
