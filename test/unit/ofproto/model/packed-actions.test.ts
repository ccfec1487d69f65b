import { describe, expect, it } from 'vitest';
import { Reader } from '../../../../lib/cursors.ts';
import type { OfAction } from '../../../../ofproto/model/actions.ts';
import { newFlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { OFP10_VERSION, OFP14_VERSION } from '../../../../ofproto/model/messages.ts';
import { PackedActions } from '../../../../ofproto/model/packed-actions.ts';
import { Rule } from '../../../../ofproto/tables/rule.ts';
import { parseActions } from '../../../../ofproto/text/parse-actions.ts';
import { ActionCache } from '../../../../ofproto/wire/action-cache.ts';
import { actionBytes, decodeActions } from '../../../../ofproto/wire/actions.ts';

const take = (text: string, version = OFP14_VERSION, cache = new ActionCache(decodeActions)) =>
  cache.take(new Reader(actionBytes(parseActions(text), version)), version);
const ruleOf = (taken: { actions: readonly OfAction[]; packed?: PackedActions | undefined }) =>
  new Rule(0, { ...newFlowMod('add'), ...taken }, 0);

describe('PackedActions', () => {
  it('are what they were, over many blocks and two versions', () => {
    const cache = new ActionCache(decodeActions);
    const made = Array.from({ length: 300 }, (_, i) => {
      const version = i % 7 === 0 ? OFP10_VERSION : OFP14_VERSION;
      const text = `set_field:${i}->reg0,mod_dl_dst:02:00:00:00:00:${(i % 90) + 10},output:${i + 1}`;
      const taken = take(text, version, cache);
      expect(taken.packed).toBeInstanceOf(PackedActions);
      return { actions: taken.actions, rule: ruleOf(taken) };
    });
    for (const { actions, rule } of made) {
      expect(rule.stats(0).actions).toEqual(actions);
      // A dump leaves nothing behind; who asks for good gets the same list each time.
      expect(rule.stats(0).actions).not.toBe(rule.stats(0).actions);
      expect(rule.actions).toEqual(actions);
      expect(rule.actions).toBe(rule.actions);
    }
  });

  it('give way to those that a modify sets', () => {
    const rule = ruleOf(take('output:4711'));
    expect(rule.isPlain).toBe(true);
    const group = parseActions('group:5');
    rule.actions = group;
    expect(rule.isPlain).toBe(false);
    expect(rule.actions).toBe(group);
  });

  it('are left out when the flow has other actions than came', () => {
    const actions = parseActions('output:1');
    expect(ruleOf({ actions, packed: take('output:4711').packed }).actions).toBe(actions);
  });

  it('are no lists that concern somebody outside of the flow', () => {
    expect(ruleOf({ actions: parseActions('meter:1') }).isPlain).toBe(false);
    for (const text of ['group:1', 'clone(output:1)', 'learn(table=1)', 'conjunction(1,1/2)']) {
      const taken = take(text);
      const rule = ruleOf(taken);
      expect(rule.isPlain).toBe(false);
      expect(rule.actions).toBe(taken.actions);
    }
  });

  it('are not made of what came before, which flows share', () => {
    const cache = new ActionCache(decodeActions);
    take('output:7', OFP14_VERSION, cache);
    const second = take('output:7', OFP14_VERSION, cache);
    expect(second.packed).toBe(undefined);
    expect(take('output:7', OFP14_VERSION, cache).actions).toBe(second.actions);
  });
});
