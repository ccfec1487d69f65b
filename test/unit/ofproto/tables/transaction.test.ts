import { describe, expect, it } from 'vitest';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';
import { FlowTables } from '../../../../ofproto/tables/flow-tables.ts';
import { Transaction } from '../../../../ofproto/tables/transaction.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { parseFlow, parseFlowStatsRequest } from '../../../../ofproto/text/parse-flow.ts';

function fixture(...flows: string[]) {
  const news: string[] = [];
  const transaction = new Transaction();
  const tables = new FlowTables(
    {
      changed: () => {},
      added: () => {},
      touched: () => {},
      flowAdded: (rule) => news.push(`added ${formatMatch(rule.match(), rule.priority)}`),
      flowModified: (rule) => news.push(`modified ${formatMatch(rule.match(), rule.priority)}`),
      flowRemoved: (rule, reason) => news.push(`${reason} ${formatMatch(rule.match(), rule.priority)}`),
      refresh: () => {},
    },
    transaction,
  );
  for (const flow of flows) tables.apply(parseFlow(flow, 'add'), 0);
  news.length = 0;
  const dump = () =>
    tables
      .select(parseFlowStatsRequest(''))
      .map((rule) => `${formatMatch(rule.match(), rule.priority)} ${formatActions(rule.actions)} ${rule.packets}`)
      .sort();
  return { news, transaction, tables, dump };
}

describe('Transaction', () => {
  it('undoes adds, replacements, changes and deletions when a later change fails, and tells nobody', () => {
    const { news, transaction, tables, dump } = fixture('tcp actions=1', 'udp actions=2', 'arp actions=3');
    tables.select(parseFlowStatsRequest('tcp'))[0]!.credit(7, 700, 0);
    const before = dump();
    const run = () =>
      transaction.run(() => {
        tables.apply(parseFlow('tcp,reset_counts actions=drop', 'add'), 1);
        tables.apply(parseFlow('udp actions=drop', 'modify'), 1);
        tables.apply(parseFlow('arp', 'delete'), 1);
        tables.apply(parseFlow('icmp actions=4', 'add'), 1);
        tables.apply(parseFlow('ip,check_overlap actions=5', 'add'), 1);
      });
    expect(run).toThrow(OfError);
    expect(dump()).toEqual(before);
    expect(news).toEqual([]);
  });

  it('tells of everything in order once all is done', () => {
    const { news, transaction, tables } = fixture('tcp actions=1', 'udp actions=2');
    transaction.run(() => {
      tables.apply(parseFlow('icmp actions=4', 'add'), 1);
      tables.apply(parseFlow('tcp actions=2', 'add'), 1);
      tables.apply(parseFlow('udp', 'delete'), 1);
      expect(news).toEqual([]);
    });
    expect(news).toEqual(['added icmp', 'added tcp', 'delete udp']);
  });
});

describe('eviction', () => {
  it('gives up the least important flow of the largest group, the one that expires first', () => {
    const { news, tables, dump } = fixture(
      'in_port=1,tcp,idle_timeout=10 actions=1',
      'in_port=1,udp,idle_timeout=5 actions=1',
      'in_port=2,tcp,idle_timeout=1 actions=1',
      'in_port=1,icmp actions=1',
    );
    const group = parseFlow('actions=push:NXM_OF_IN_PORT[]', 'add').actions[0]!;
    const groups = group.type === 'stack_push' ? [group.subfield] : [];
    tables.table(0)!.configure({ name: '', flowLimit: 4, evict: true, groups });
    tables.apply(parseFlow('arp actions=1', 'add'), 0);
    expect(news).toEqual(['eviction udp,in_port=1', 'added arp']);
    tables.table(0)!.configure({ name: '', flowLimit: 4, evict: false, groups: [] });
    expect(() => tables.apply(parseFlow('ipv6 actions=1', 'add'), 0)).toThrow('OFPFMFC_TABLE_FULL');
    expect(dump()).toHaveLength(4);
  });
});
