import { describe, expect, it } from 'vitest';
import type { FlowMod, FlowModCommand } from '../../../../ofproto/model/flow-mod.ts';
import { FlowTables } from '../../../../ofproto/tables/flow-tables.ts';
import type { Rule } from '../../../../ofproto/tables/rule.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { parseFlow, parseFlowStatsRequest } from '../../../../ofproto/text/parse-flow.ts';

class Fixture {
  readonly removed: string[] = [];
  changes = 0;
  refresh: (rule: Rule) => void = () => {};
  nowMs = 0;
  readonly tables = new FlowTables({
    changed: () => this.changes++,
    added: () => this.changes++,
    touched: () => this.changes++,
    refresh: (rule) => this.refresh(rule),
    flowAdded: () => {},
    flowModified: () => {},
    flowRemoved: (rule, reason) => this.removed.push(`${formatMatch(rule.match(), rule.priority)} ${reason}`),
  });

  constructor(...flows: string[]) {
    for (const flow of flows) this.run('add', flow);
    this.changes = 0;
  }

  run(command: FlowModCommand, text: string, more: Partial<FlowMod> = {}): void {
    this.tables.apply({ ...parseFlow(text, command), ...more }, this.nowMs);
  }

  /** `TABLE MATCH actions=ACTIONS` of each rule. */
  dump(text = ''): string[] {
    return this.tables
      .select(parseFlowStatsRequest(text))
      .map((rule) => `${rule.tableId} ${formatMatch(rule.match(), rule.priority)} ${formatActions(rule.actions)}`);
  }

  refuses(command: FlowModCommand, text: string): string {
    const before = this.dump();
    try {
      this.run(command, text);
    } catch (error) {
      expect(this.dump()).toEqual(before);
      expect(this.changes).toBe(0);
      return (error as { code: string }).code;
    }
    return 'nothing';
  }
}

describe('add', () => {
  it('goes to table 0 unless the message names one', () => {
    expect(new Fixture('tcp actions=1', 'table=3,udp actions=2').dump()).toEqual(['0 tcp output:1', '3 udp output:2']);
  });

  it('replaces an identical rule, keeping its counts unless told to reset them', () => {
    const fixture = new Fixture('tcp actions=1');
    const count = () => fixture.tables.select(parseFlowStatsRequest(''))[0]!.packets;
    fixture.tables.select(parseFlowStatsRequest(''))[0]!.credit(5, 500, 0);
    fixture.run('add', 'tcp actions=2');
    expect([fixture.dump(), count()]).toEqual([['0 tcp output:2'], 5]);
    fixture.run('add', 'tcp,reset_counts actions=2');
    expect([count(), fixture.removed]).toEqual([0, []]);
  });

  it('gives the cookie that it names, all ones for what was there before', () => {
    const fixture = new Fixture('cookie=0xffffffffffffffff,udp actions=1', 'cookie=5,tcp actions=1');
    const cookies = () => fixture.tables.select(parseFlowStatsRequest('tcp')).map(({ cookie }) => cookie);
    fixture.run('add', 'cookie=0xffffffffffffffff,tcp actions=2');
    expect(cookies()).toEqual([5n]);
    fixture.run('add', 'tcp actions=2');
    expect(cookies()).toEqual([0n]);
    expect(fixture.tables.select(parseFlowStatsRequest('udp'))[0]!.cookie).toBe(0xffff_ffff_ffff_ffffn);
  });

  it('refuses an overlap of the same priority when asked to check', () => {
    const fixture = new Fixture('priority=5,tcp actions=1');
    expect(fixture.refuses('add', 'priority=5,check_overlap,ip,nw_src=1.2.3.4 actions=2')).toBe('OFPFMFC_OVERLAP');
    expect(fixture.refuses('add', 'priority=6,check_overlap,ip,nw_src=1.2.3.4 actions=2')).toBe('nothing');
    expect(fixture.refuses('add', 'priority=5,check_overlap,udp actions=2')).toBe('nothing');
  });

  it('refuses the internal table and what the switch cannot do', () => {
    const fixture = new Fixture();
    const refusals = {
      'table=254 actions=2': 'OFPBRC_EPERM',
      'actions=group:1': 'OFPBAC_BAD_OUT_GROUP',
      'actions=meter:1,2': 'OFPMMFC_INVALID_METER',
      'ip,actions=ct(commit)': 'OFPBAC_BAD_TYPE',
      'table=5 actions=goto_table:5': 'OFPBIC_BAD_TABLE_ID',
    };
    for (const [flow, code] of Object.entries(refusals)) {
      const mod = () => fixture.run('add', flow);
      // Some of these the parser refuses already.
      expect(mod, flow).toThrow();
      expect([code, 'nothing'], flow).toContain(outcome(mod, code));
    }
    expect(fixture.dump()).toEqual([]);
  });
});

/** The error's code, or `fallback` for what was refused before it came to the tables. */
function outcome(act: () => void, fallback: string): string {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code ?? fallback;
  }
  return 'accepted';
}

describe('modify', () => {
  it('changes the actions of all rules that are at least as specific', () => {
    const fixture = new Fixture('priority=1,tcp actions=1', 'priority=2,ip actions=1', 'priority=3,arp actions=1');
    fixture.run('modify', 'ip actions=7');
    expect(fixture.dump()).toEqual([
      '0 priority=3,arp output:1',
      '0 priority=2,ip output:7',
      '0 priority=1,tcp output:7',
    ]);
  });

  it('strictly changes only the one with that match and priority', () => {
    const fixture = new Fixture('priority=1,ip actions=1', 'priority=2,ip actions=1');
    fixture.run('modify_strict', 'priority=2,ip actions=7');
    expect(fixture.dump()).toEqual(['0 priority=2,ip output:7', '0 priority=1,ip output:1']);
  });

  it('is what learning a flow anew comes to: timeouts and flags stay', () => {
    const { tables } = new Fixture('table=1,priority=7,in_port=1,idle_timeout=9,hard_timeout=600,actions=2');
    tables.learn({ ...parseFlow('table=1,priority=7,in_port=1,idle_timeout=5,actions=3', 'add'), cookie: 0x77n }, 0);
    const [rule] = tables.select(parseFlowStatsRequest('table=1'));
    expect(rule).toMatchObject({ cookie: 0x77n, idleTimeout: 9, hardTimeout: 600 });
    expect(formatActions(rule!.actions)).toBe('output:3');
  });

  it('adds when nothing matches and the message would set a cookie', () => {
    const fixture = new Fixture();
    fixture.run('modify', 'table=3,tcp actions=3', { newCookie: 7n });
    expect(fixture.dump()).toEqual(['3 tcp output:3']);
    const silent = new Fixture();
    const { newCookie: _, ...mod } = parseFlow('tcp actions=3', 'modify');
    silent.tables.apply(mod, 0);
    silent.run('modify', 'cookie=1/1,tcp actions=3', { newCookie: 7n });
    expect(silent.dump()).toEqual([]);
  });

  it('keeps cookies unless a new one is given, and looks only at rules with the cookie asked for', () => {
    const fixture = new Fixture('cookie=5,tcp actions=1', 'cookie=6,udp actions=1');
    fixture.run('modify', 'cookie=5/-1,ip actions=2');
    expect(fixture.dump()).toEqual(['0 tcp output:2', '0 udp output:1']);
    expect(fixture.dump('cookie=5/-1')).toEqual(['0 tcp output:2']);
  });
});

describe('delete', () => {
  const flows = [
    'priority=1,tcp actions=1',
    'priority=2,ip actions=2',
    'table=4,priority=2,ip actions=clone(output:2)',
  ];

  it('takes all rules that are at least as specific, in every table', () => {
    const fixture = new Fixture(...flows, 'arp actions=1');
    fixture.run('delete', 'ip');
    expect(fixture.dump()).toEqual(['0 arp output:1']);
    expect(fixture.removed.sort()).toEqual(['priority=1,tcp delete', 'priority=2,ip delete', 'priority=2,ip delete']);
  });

  it('strictly takes the one with that match and priority', () => {
    const fixture = new Fixture(...flows);
    fixture.run('delete_strict', 'table=0,priority=2,ip');
    expect(fixture.dump()).toEqual(['0 priority=1,tcp output:1', '4 priority=2,ip clone(output:2)']);
  });

  it('can be limited to rules that output to a port', () => {
    const fixture = new Fixture(...flows);
    fixture.run('delete', 'out_port=2');
    expect(fixture.dump()).toEqual(['0 priority=1,tcp output:1']);
  });
});

describe('expire()', () => {
  it('asks for fresh counts before an idle rule goes', () => {
    const fixture = new Fixture('idle_timeout=5,tcp actions=1', 'hard_timeout=5,udp actions=1');
    fixture.tables.expire(4999);
    expect(fixture.removed).toEqual([]);
    fixture.refresh = (rule) => rule.credit(1, 60, 3000);
    fixture.tables.expire(5000);
    fixture.refresh = () => {};
    expect(fixture.removed).toEqual(['udp hard_timeout']);
    fixture.tables.expire(8000);
    expect(fixture.removed).toEqual(['udp hard_timeout', 'tcp idle_timeout']);
  });
});
