import { describe, expect, it } from 'vitest';
import { newFlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { Rule } from '../../../../ofproto/tables/rule.ts';
import { RuleIndex } from '../../../../ofproto/tables/rule-index.ts';

function ruleOf(hash: number, priority = 1): Rule {
  const rule = new Rule(0, { ...newFlowMod('add'), priority }, 0);
  rule.hash = hash;
  return rule;
}

function chained(index: RuleIndex, hash: number): Rule[] {
  const rules: Rule[] = [];
  for (let rule = index.chain(hash); rule; rule = rule.next) if (rule.hash === hash) rules.push(rule);
  return rules;
}

describe('RuleIndex', () => {
  it('chains the rules of one hash, highest priority first, equal ones as they came', () => {
    const index = new RuleIndex();
    const [low, high, first, second] = [ruleOf(7, 1), ruleOf(7, 9), ruleOf(7, 5), ruleOf(7, 5)];
    for (const rule of [low, high, first, second]) index.insert(rule);
    expect(chained(index, 7)).toEqual([high, first, second, low]);
    index.remove(high);
    index.remove(second);
    expect(chained(index, 7)).toEqual([first, low]);
    expect([...index.rules()]).toEqual([low, first]);
  });

  it('tells hashes 0 and 1 apart', () => {
    const index = new RuleIndex();
    const [zero, one] = [ruleOf(0), ruleOf(1)];
    index.insert(zero);
    expect(chained(index, 1)).toEqual([]);
    index.insert(one);
    expect(chained(index, 0)).toEqual([zero]);
    expect(chained(index, 1)).toEqual([one]);
    index.remove(zero);
    expect(chained(index, 0)).toEqual([]);
    expect(chained(index, 1)).toEqual([one]);
  });

  it('keeps what is there while others come and go, and their places collide', () => {
    const index = new RuleIndex();
    const there = new Set<Rule>();
    const made = Array.from({ length: 2000 }, (_, i) => ruleOf((((i * 0x9e37) | 0) % 512) | ((i % 3) << 20), i % 5));
    for (const [i, rule] of made.entries()) {
      index.insert(rule);
      there.add(rule);
      const old = made[i - 700];
      if (!old) continue;
      index.remove(old);
      there.delete(old);
    }
    expect(index.count).toBe(700);
    expect(new Set(index.rules())).toEqual(there);
    for (const rule of made) expect(chained(index, rule.hash).includes(rule)).toBe(there.has(rule));
  });
});
