import { describe, expect, it } from 'vitest';
import { Flow, KEY_NW_DST } from '../../../../ofproto/model/flow.ts';
import { Classifier } from '../../../../ofproto/tables/classifier.ts';
import { PREFIX_FIELDS } from '../../../../ofproto/tables/prefix-fields.ts';
import { Rule } from '../../../../ofproto/tables/rule.ts';
import { PrefixTrie } from '../../../../ofproto/tables/trie.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { parseFlow, parseTraceFlow } from '../../../../ofproto/text/parse-flow.ts';

const ruleOf = (text: string) => {
  const mod = parseFlow(`${text} actions=drop`);
  return new Rule(0, mod, 0);
};

function classifierOf(...flows: string[]): Classifier {
  const classifier = new Classifier();
  for (const flow of flows) classifier.insert(ruleOf(flow));
  return classifier;
}

/** What a look-up found, and the bits it read, as a match. */
function lookup(classifier: Classifier, packet: string): { found: string | undefined; megaflow: string } {
  const flow = parseTraceFlow(packet);
  const mask = new Flow();
  const rule = classifier.lookup(flow, mask);
  const masked = flow.clone();
  masked.applyMask(mask);
  return {
    found: rule && formatMatch(rule.match(), rule.priority),
    megaflow: formatMatch({ flow: masked, mask }),
  };
}

describe('Classifier', () => {
  it('finds the rule of highest priority', () => {
    const c = classifierOf('priority=1,ip', 'priority=3,tcp,tp_dst=80', 'priority=2,ip,nw_dst=10.0.0.0/8');
    expect(lookup(c, 'tcp,nw_dst=10.1.1.1,tp_dst=80').found).toBe('priority=3,tcp,tp_dst=80');
    expect(lookup(c, 'tcp,nw_dst=10.1.1.1,tp_dst=81').found).toBe('priority=2,ip,nw_dst=10.0.0.0/8');
    expect(lookup(c, 'udp,nw_dst=11.1.1.1').found).toBe('priority=1,ip');
    expect(lookup(c, 'arp').found).toBeUndefined();
  });

  it('lookup() leaves the masks of subtables that priority rules out wildcarded', () => {
    const c = classifierOf('priority=9,in_port=1', 'priority=3,tcp,tp_dst=80');
    expect(lookup(c, 'in_port=1,tcp,tp_dst=80').megaflow).toBe('in_port=1');
  });

  it('lookup() reads no later stage than the one that failed', () => {
    const c = classifierOf('in_port=1,dl_src=00:00:00:00:00:01,tcp,tp_dst=80');
    expect(lookup(c, 'in_port=2,tcp,tp_dst=80').megaflow).toBe('in_port=2');
    expect(lookup(c, 'in_port=1,udp,dl_src=00:00:00:00:00:01').megaflow).toBe('udp,in_port=1,dl_src=00:00:00:00:00:01');
  });

  it('lookup() reads only as many address bits as tell the prefixes apart', () => {
    const c = classifierOf('priority=10,ip,nw_dst=10.0.0.0/8', 'priority=9,ip,nw_dst=10.1.0.0/16');
    expect(lookup(c, 'ip,nw_dst=20.2.2.2').megaflow).toBe('ip,nw_dst=16.0.0.0/4');
    const ports = classifierOf('udp6,tp_src=0x10/0xf0');
    expect(lookup(ports, 'udp6,udp_src=0x55').megaflow).toBe('udp6,tp_src=0x40/0xc0');
  });

  it('lookup() reads TCP flags, ARP and neighbour discovery with the ports, after the network layer', () => {
    const c = classifierOf('tcp,nw_dst=10.0.0.0/8,tcp_flags=+syn', 'arp,arp_tpa=10.0.0.1,arp_sha=00:00:00:00:00:01');
    expect(lookup(c, 'udp,nw_dst=10.0.0.1').megaflow).toBe('udp,nw_dst=10.0.0.0/8');
    expect(lookup(c, 'arp,arp_tpa=10.0.0.2').megaflow).toBe('arp,arp_tpa=10.0.0.2');
    const nd = classifierOf('icmp6,icmp_type=135,icmp_code=0,nd_target=2001:db8::1');
    expect(lookup(nd, 'icmp6,icmpv6_type=128').megaflow).toBe('icmp6,icmp_type=0x80/0xfffc,nd_target=::');
  });

  it('lookup() asks no trie of IP addresses for those of ARP', () => {
    const c = classifierOf('arp,arp_tpa=10.1.0.0/16,arp_op=1', 'ip,nw_dst=10.2.0.0/15');
    expect(lookup(c, 'arp,arp_tpa=20.1.2.3').megaflow).toBe('arp,arp_tpa=20.1.0.0/16,arp_op=0');
  });

  it('lookup() follows the prefixes that the table is told to', () => {
    const c = classifierOf('ipv6,ipv6_dst=2001:db8::/32', 'ip,nw_dst=10.0.0.0/8');
    expect(lookup(c, 'ipv6,ipv6_dst=fe80::1').megaflow).toBe('ipv6,ipv6_dst=fe80::/32');
    c.prefixes = PREFIX_FIELDS.filter(({ name }) => name === 'ipv6_dst');
    expect(lookup(c, 'ipv6,ipv6_dst=fe80::1').megaflow).toBe('ipv6,ipv6_dst=8000::/1');
    expect(lookup(c, 'ip,nw_dst=20.0.0.1').megaflow).toBe('ip,nw_dst=20.0.0.0/8');
  });

  it('finds the best of many masks whose best priorities rise and fall', () => {
    const c = new Classifier();
    const flow = parseTraceFlow('ip,nw_src=10.0.0.1,nw_dst=10.0.0.2');
    const there: Rule[] = [];
    for (let i = 0; i < 600; i++) {
      const [source, destination, priority] = [1 + ((i * 7) % 32), 1 + ((i * 5) % 3), (i * 37) % 101];
      const rule = ruleOf(`priority=${priority},ip,nw_src=10.0.0.1/${source},nw_dst=10.0.0.2/${destination}`);
      if (!c.findSame(rule)) {
        c.insert(rule);
        there.push(rule);
      }
      if (i > 100) c.remove(there.splice((i * 13) % there.length, 1)[0]!);
      expect(c.lookup(flow)?.priority).toBe(Math.max(...there.map((one) => one.priority)));
    }
  });

  it('forgets removed rules, their priorities and prefixes', () => {
    const c = new Classifier();
    const [low, high] = [ruleOf('priority=1,ip'), ruleOf('priority=5,ip')];
    for (const rule of [low, high]) c.insert(rule);
    c.remove(high);
    expect(lookup(c, 'ip').found).toBe('priority=1,ip');
    c.remove(low);
    expect(lookup(c, 'ip')).toEqual({ found: undefined, megaflow: '' });
    expect(c.count).toBe(0);
  });

  it('findLoose() yields the rules that are at least as specific', () => {
    const c = classifierOf('priority=1,ip', 'priority=2,tcp,tp_dst=80', 'priority=3,arp', 'priority=4,udp');
    const match = parseFlow('ip', 'delete').match;
    expect([...c.findLoose(match)].map((rule) => rule.priority).sort()).toEqual([1, 2, 4]);
  });

  it('agrees with a linear search on random rules and packets', () => {
    const random = mulberry32(7);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const address = () => `10.${pick([0, 1, 2])}.${pick([0, 64, 128])}.${pick([0, 1])}`;
    const rules: Rule[] = [];
    const c = new Classifier();
    for (let priority = 1; priority <= 300; priority++) {
      const parts = [`priority=${priority}`, pick(['ip', 'tcp', 'udp'])];
      if (random() < 0.4) parts.push(`in_port=${pick([1, 2])}`);
      if (random() < 0.6) parts.push(`nw_dst=${address()}/${pick([8, 16, 18, 32])}`);
      if (random() < 0.4) parts.push(`nw_src=${address()}/${pick([9, 24])}`);
      if (random() < 0.5 && parts[1] !== 'ip') parts.push(`tp_dst=${pick([1, 2, 3])}`);
      const rule = ruleOf(parts.join(','));
      rules.unshift(rule);
      c.insert(rule);
    }
    for (let i = 0; i < 500; i++) {
      const packet = () => {
        const [inPort, l4] = [pick([1, 2, 3]), pick(['tcp', 'udp'])];
        return `in_port=${inPort},${l4},nw_src=${address()},nw_dst=${address()},${l4}_dst=${pick([1, 2, 4])}`;
      };
      const [flow, other] = [parseTraceFlow(packet()), parseTraceFlow(packet())];
      const mask = new Flow();
      const found = c.lookup(flow, mask);
      expect(found).toBe(rules.find((rule) => matches(rule, flow)));
      // The megaflow holds: a packet that agrees with this one in the bits read gets the same rule.
      for (let w = 0; w < flow.words.length; w++) {
        other.words[w] = (flow.words[w]! & mask.words[w]!) | (other.words[w]! & ~mask.words[w]!);
      }
      expect(c.lookup(other)).toBe(found);
    }
  });

  it('loads 100,000 rules in seconds and finds one among them', () => {
    const c = new Classifier();
    const base = parseFlow('ip,nw_dst=0.0.0.0 actions=drop');
    for (let i = 0; i < 100_000; i++) {
      const match = { flow: base.match.flow.clone(), mask: base.match.mask };
      match.flow.setU32(KEY_NW_DST, i);
      c.insert(new Rule(0, { ...base, match }, 0));
    }
    expect(lookup(c, 'ip,nw_dst=0.0.255.7').found).toBe('ip,nw_dst=0.0.255.7');
  });
});

function matches(rule: Rule, flow: Flow): boolean {
  const { flow: wanted, mask } = rule.match();
  return wanted.words.every((word, i) => ((flow.words[i]! & mask.words[i]!) ^ word) === 0);
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('PrefixTrie', () => {
  it('insert() and remove() leave the answers of the prefixes that stay', () => {
    const trie = new PrefixTrie();
    const prefixes: [number, number][] = [
      [0x0a000000, 8],
      [0x0a010000, 16],
      [0x0a018000, 17],
      [0x0b000000, 8],
    ];
    for (const [prefix, length] of prefixes) trie.insert([prefix], length);
    expect(trie.lookup([0x0a01ffff]).hasLength(17)).toBe(true);
    trie.remove([0x0a018000], 17);
    trie.remove([0x0b000000], 8);
    const answer = trie.lookup([0x0a01ffff]);
    expect([8, 16, 17].map((length) => answer.hasLength(length))).toEqual([true, true, false]);
    expect(trie.lookup([0x14000000]).checkedBits).toBe(4);
    for (const [prefix, length] of prefixes.slice(0, 2)) trie.remove([prefix], length);
    expect(trie.lookup([0x0a01ffff]).checkedBits).toBe(0);
  });

  it('agrees with a linear search on random prefixes of 128 bits', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const value = () => Array.from({ length: 4 }, () => (random(3) === 0 ? random(2 ** 32) : 0x20010db8));
    const bit = (words: readonly number[], i: number) => (words[i >> 5]! >>> (31 - (i & 31))) & 1;
    const common = (a: readonly number[], b: readonly number[], max: number) => {
      let n = 0;
      while (n < max && bit(a, n) === bit(b, n)) n++;
      return n;
    };
    const trie = new PrefixTrie();
    const stored: { words: number[]; length: number }[] = [];
    for (let step = 0; step < 600; step++) {
      if (stored.length > 20 && random(2) === 0) {
        const [gone] = stored.splice(random(stored.length), 1);
        trie.remove(gone!.words, gone!.length);
      } else {
        const prefix = { words: value(), length: 1 + random(128) };
        stored.push(prefix);
        trie.insert(prefix.words, prefix.length);
      }
      const packet = value();
      const answer = trie.lookup(packet);
      const shared = stored.map(({ words, length }) => ({ length, equal: common(words, packet, length) }));
      const covering = new Set(shared.filter(({ length, equal }) => equal === length).map(({ length }) => length));
      for (let length = 1; length <= 128; length++) expect(answer.hasLength(length)).toBe(covering.has(length));
      const needed = shared.map(({ length, equal }) => (equal === length ? length : equal + 1));
      expect(answer.checkedBits).toBe(Math.max(0, ...needed));
    }
  });
});
